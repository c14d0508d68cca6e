//! The schedule of one job.
//!
//! A [`JobSchedule`] polls by the schedule of the job's model. Model and age may be unknown until the
//! first answer, when a job is recreated from its id alone; the schedule then takes them from there.
//! The durations that it observes feed the schedules of later jobs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use wavespeed_client::{Prediction, PredictionId, Status};
use wavespeed_poll::{Durations, Estimate, FirstPoll, Geometric, PollContext, Schedule};

use crate::call::created_at;
use crate::client::Wavespeed;
use crate::poll_policy::{ModelSchedule, published_durations, weighted};
use crate::store::duration::JobDuration;
use crate::store::error::StoreError;

/// The probability of having ended above which a job is polled as soon as a wait for it begins.
const LIKELY_ENDED: f64 = 0.1;

impl Wavespeed {
    /// Returns how long jobs of a model take, from the durations in the [`Store`](crate::Store) and
    /// the published range ([`Model::seconds`](crate::Model::seconds)).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// let durations = ws.durations("kwaivgi/kling-lipsync/text-to-video").await;
    /// println!("half of the jobs end within {:?}", durations.quantile(Default::default(), 0.5));
    /// # Ok(()) }
    /// ```
    pub async fn durations(&self, model: &str) -> Arc<Durations> {
        self.model_schedule(model).await.durations
    }

    /// Returns the durations of the last jobs of a model in the store, newest last.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// for observed in ws.observed_durations("kwaivgi/kling-lipsync/text-to-video").await? {
    ///     println!("{} took {} s", observed.id, observed.duration.as_secs());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn observed_durations(&self, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        self.0.store.durations(&self.0.account, model).await
    }

    /// Returns the schedule by which jobs of a model are polled: that of the settings, or else the
    /// one that follows from [`durations`](Self::durations) and the
    /// [`PollPolicy`](crate::PollPolicy).
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) {
    /// // Another waiter, such as a `Poller` for another API, can poll as this client does.
    /// let schedule = ws.schedule("kwaivgi/kling-lipsync/text-to-video").await;
    /// let poller = wavespeed::Poller::default().with_schedule(schedule);
    /// # }
    /// ```
    pub async fn schedule(&self, model: &str) -> Arc<dyn Schedule> {
        match self.0.poller.schedule() {
            Some(schedule) => Arc::clone(schedule),
            None => self.model_schedule(model).await.schedule,
        }
    }

    async fn model_schedule(&self, model: &str) -> ModelSchedule {
        if let Some(cached) = self.0.schedules.get(model) {
            return cached;
        }
        // No lock is held over the store call, so tasks that begin to wait together may each build the
        // schedule, which costs each a call and a millisecond.
        let schedule = self.build_schedule(model).await;
        self.0.schedules.insert(model, schedule.clone());
        schedule
    }

    async fn build_schedule(&self, model: &str) -> ModelSchedule {
        let observed = self.observed_durations(model).await;
        let observed = observed.unwrap_or_else(|error| {
            tracing::warn!(model, %error, "the durations of earlier jobs could not be read");
            Vec::new()
        });
        // Observations refine what is published; a store that cannot be read costs only that.
        let prior = published_durations(model).map(Durations::new);
        let durations = prior
            .unwrap_or_default()
            .with_observations(weighted(&observed, SystemTime::now()));
        let schedule = self.0.poll_policy.schedule(&durations, model);
        ModelSchedule {
            durations: Arc::new(durations),
            schedule: Arc::new(schedule),
            newer: 0,
        }
    }

    async fn record_duration(&self, duration: &JobDuration) {
        let recorded = self.0.store.record_duration(&self.0.account, duration);
        match recorded.await {
            Ok(true) => self.0.schedules.count_newer(&duration.model),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(id = %duration.id, %error, "the duration of a job could not be recorded");
            }
        }
    }
}

/// The schedule of one job, and what its polls showed.
pub(crate) struct JobSchedule {
    ws: Wavespeed,
    /// The time at which the watch began.
    began: Instant,
    observed: Mutex<Observed>,
}

/// The model and the age of a job, as far as they are known.
#[derive(Debug)]
struct Observed {
    /// The schedule of the model. It is kept here because a [`Schedule`] cannot await the store.
    schedule: Arc<dyn Schedule>,
    model: Option<String>,
    /// The age of the job when the watch began.
    age: Option<Duration>,
    /// `true` if the age was measured by the clock of this machine, and not the vendor's.
    is_own_clock: bool,
    /// The time from the beginning of the watch to the last poll that found the job running.
    running: Option<Duration>,
}

impl JobSchedule {
    /// Creates the schedule of a job, from its model and age by the clock of this machine, if they are
    /// known.
    pub(crate) async fn new(ws: &Wavespeed, known: Option<(String, Duration)>) -> Self {
        let began = ws.0.poller.clock().now();
        let (model, age) = known.unzip();
        let observed = Observed {
            schedule: ws.schedule(model.as_deref().unwrap_or_default()).await,
            is_own_clock: age.is_some(),
            model,
            age,
            running: None,
        };
        Self {
            ws: ws.clone(),
            began,
            observed: Mutex::new(observed),
        }
    }

    /// Returns when to make the first poll: now, if the schedule would have polled the job before
    /// this watch began and the job may have ended since; else as `default` says.
    pub(crate) fn first_poll(&self, default: FirstPoll) -> FirstPoll {
        let observed = self.observed();
        let schedule = &observed.schedule;
        let submitted = Duration::ZERO;
        let is_late = |age: &Duration| {
            // The longest first gap, so that a job younger than its first gap keeps its schedule.
            let first_gap = schedule.gap(PollContext::new(submitted, 0), 1.0);
            *age > first_gap && schedule.completion_probability(submitted, *age) > LIKELY_ENDED
        };
        match observed.age.filter(is_late) {
            Some(_) => FirstPoll::Now,
            None => default,
        }
    }

    /// Returns `true` if there is evidence that the vendor has the job: this client submitted it, the store
    /// has it, or a poll has found it running.
    pub(crate) fn is_known(&self) -> bool {
        let observed = self.observed();
        observed.age.is_some() || observed.running.is_some()
    }

    /// Estimates how much longer the job will take, or returns `None` if nothing is known of its
    /// model or its age.
    pub(crate) async fn estimate(&self, last: Option<&Prediction>) -> Option<Estimate> {
        let age = match last {
            Some(prediction) => self.identify(prediction)?,
            None => self.observed().age? + self.watched(),
        };
        let model = self.observed().model.clone()?;
        let durations = self.ws.durations(&model).await;
        let is_informed = durations.count() > 0 || published_durations(&model).is_some();
        is_informed.then(|| durations.estimate(age))
    }

    /// Takes what a poll shows of the job, and records its duration if it is completed.
    pub(crate) async fn observe(&self, id: &PredictionId, prediction: &Prediction) {
        let age = self.identify(prediction);
        let model = self.observed().model.clone();
        if !prediction.status().is_terminal() {
            // Other jobs of the model may have ended since the last poll, or the model became known.
            let schedule = self.ws.schedule(model.as_deref().unwrap_or_default()).await;
            let running = Some(self.watched());
            let mut observed = self.observed();
            (observed.schedule, observed.running) = (schedule, running);
            return;
        }
        let duration = self.observed().duration(prediction, age);
        // A job that failed or was cancelled says nothing about how long the work takes.
        if let (Status::Completed, Some(duration), Some(model)) =
            (prediction.status(), duration, model)
        {
            let duration = JobDuration::new(id.clone(), model, duration, SystemTime::now());
            self.ws.record_duration(&duration).await;
        }
    }

    /// Takes model and age from a prediction if they are not known, and returns the age now.
    fn identify(&self, prediction: &Prediction) -> Option<Duration> {
        let watched = self.watched();
        let mut observed = self.observed();
        if observed.model.is_none() {
            observed.model = prediction.model().map(str::to_owned);
        }
        if observed.age.is_none() {
            let age = age(prediction, SystemTime::now());
            // The age is kept as it was when the watch began, since the waiter adds the rest.
            observed.age = age.map(|age| age.saturating_sub(watched));
        }
        observed.age.map(|age| age + watched)
    }

    /// Returns the time since the watch began.
    fn watched(&self) -> Duration {
        let now = self.ws.0.poller.clock().now();
        now.saturating_duration_since(self.began)
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for JobSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.observed().fmt(f)
    }
}

impl Schedule for JobSchedule {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let observed = self.observed();
        // The waiter counts from the beginning of the watch, the schedule from the submit.
        let age = now.elapsed + observed.age.unwrap_or_default();
        observed
            .schedule
            .gap(PollContext::new(age, now.polls), random)
    }

    fn completion_probability(&self, polled: Duration, now: Duration) -> f64 {
        let observed = self.observed();
        let Some(age) = observed.age else {
            // Without an age no distribution applies; this schedule has the answer for "unknown".
            return Geometric::default().completion_probability(polled, now);
        };
        let running = observed.running;
        let polled = running.map_or(Duration::ZERO, |running| running + age);
        observed.schedule.completion_probability(polled, now + age)
    }
}

impl Observed {
    /// Returns how long a job took whose end was noticed at the age `noticed`.
    ///
    /// The vendor's own measurement is used where it lies within what was observed. It can be too
    /// short, because it leaves out the time in the queue.
    fn duration(&self, prediction: &Prediction, noticed: Option<Duration>) -> Option<Duration> {
        let (age, noticed) = (self.age?, noticed?);
        let measured = measured_duration(prediction);
        match (measured, self.running) {
            // An age by the vendor's clock is off by the difference of the clocks, so it serves
            // neither as an upper nor as a lower bound.
            (measured, running) if !self.is_own_clock => {
                Some(measured?.max(running.unwrap_or_default()))
            }
            (Some(measured), running) => {
                let running = running.map_or(Duration::ZERO, |running| running + age);
                Some(measured.max(running).min(noticed))
            }
            // The job ended between the last poll that found it running and this one.
            (None, Some(running)) => Some((running + age + noticed) / 2),
            // The job was never seen running, so it may have ended at any time before.
            (None, None) => None,
        }
    }
}

/// Returns the duration in a prediction. The vendor reports it in milliseconds, under one of two
/// names, and as 0 where it was not measured.
fn measured_duration(prediction: &Prediction) -> Option<Duration> {
    let reported = [prediction.inference_ms(), prediction.execution_ms()];
    let milliseconds = reported.into_iter().flatten().find(|time| *time > 0.0)?;
    Duration::try_from_secs_f64(milliseconds / 1_000.0).ok()
}

/// Returns the age of a prediction, by the creation time that the vendor reports.
fn age(prediction: &Prediction, now: SystemTime) -> Option<Duration> {
    let created = created_at(prediction)?;
    Some(now.duration_since(created.into()).unwrap_or_default())
}
