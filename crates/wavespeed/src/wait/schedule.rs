//! The schedule of one job, whose model and age may be known only after an answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use wavespeed_client::{Prediction, PredictionId, Status};
use wavespeed_poll::{Durations, Estimate, FirstPoll, Geometric, PollContext, Schedule};

use crate::client::Wavespeed;
use crate::poll_policy::{ModelSchedule, published_durations, weighted};
use crate::store::error::StoreError;
use crate::store::record::JobDuration;

/// A task that has ended with this probability is asked about at once when a wait for it begins.
const ENDED: f64 = 0.1;

impl Wavespeed {
    /// How long tasks of a model take, by what the [`Store`](crate::Store) has seen of them, and
    /// before that by what is published of it ([`Model::seconds`](crate::Model::seconds)).
    #[must_use]
    pub fn durations(&self, model: &str) -> Arc<Durations> {
        self.model_schedule(model).durations
    }

    /// How long each of the last tasks of a model took, the newest last, as far as the store has seen
    /// it.
    ///
    /// # Errors
    /// If it could not be read.
    pub fn observed_durations(&self, model: &str) -> Result<Vec<JobDuration>, StoreError> {
        self.0.store.durations(&self.0.account, model)
    }

    /// When a task of a model is asked about: by the schedule of the settings, or else by
    /// [`durations`](Self::durations) and the [`PollPolicy`](crate::PollPolicy).
    #[must_use]
    pub fn schedule(&self, model: &str) -> Arc<dyn Schedule> {
        match self.0.poller.schedule() {
            Some(schedule) => Arc::clone(schedule),
            None => self.model_schedule(model).schedule,
        }
    }

    fn model_schedule(&self, model: &str) -> ModelSchedule {
        let mut all = self.0.schedules.all();
        if let Some(known) = all.get(model)
            && known.news <= known.durations.count() / 4
        {
            return known.clone();
        }
        let known = self.learn(model);
        all.insert(model.to_owned(), known.clone());
        known
    }

    fn learn(&self, model: &str) -> ModelSchedule {
        let seen = self.observed_durations(model).unwrap_or_else(|error| {
            tracing::warn!(model, %error, "how long tasks took could not be read");
            Vec::new()
        });
        let expected = published_durations(model)
            .map(Durations::new)
            .unwrap_or_default();
        let durations = expected.with_seen(weighted(&seen, SystemTime::now()));
        let schedule = Arc::new(self.0.poll_policy.schedule(&durations, model));
        ModelSchedule {
            durations: Arc::new(durations),
            schedule,
            news: 0,
        }
    }

    fn record_duration(&self, took: &JobDuration) {
        match self.0.store.record_duration(&self.0.account, took) {
            Err(error) => {
                tracing::warn!(id = %took.id, %error, "how long a task took could not be written down");
            }
            Ok(false) => {}
            Ok(true) => {
                if let Some(known) = self.0.schedules.all().get_mut(&took.model) {
                    known.news += 1;
                }
            }
        }
    }
}

/// When to ask about one task, of which the model and the age may not be known before there is an
/// answer.
pub(crate) struct JobSchedule {
    ws: Wavespeed,
    /// When it was first watched.
    watched: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    model: Option<String>,
    /// How old the task was when it was first watched.
    age: Option<Duration>,
    /// Whether that is by the clock of this machine, and not by the vendor's.
    is_own: bool,
    /// How long it had been watched when it was last known to be running.
    running: Option<Duration>,
}

impl State {
    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or_default()
    }
}

impl JobSchedule {
    /// A task of which both are known.
    pub(crate) fn of(ws: &Wavespeed, model: String, age: Duration) -> Self {
        let state = State {
            model: Some(model),
            age: Some(age),
            is_own: true,
            running: None,
        };
        Self {
            state: Mutex::new(state),
            ..Self::unknown(ws)
        }
    }

    pub(crate) fn unknown(ws: &Wavespeed) -> Self {
        Self {
            ws: ws.clone(),
            watched: ws.0.poller.clock().now(),
            state: Mutex::default(),
        }
    }

    /// When to begin: at once, if a poll was missed and it may have ended.
    pub(crate) fn start(&self, start: FirstPoll) -> FirstPoll {
        let (state, beginning) = (self.state(), Duration::ZERO);
        let schedule = self.ws.schedule(state.model());
        let is_late = |age: &Duration| {
            let first = schedule.gap(PollContext::new(beginning, 0), 1.0);
            *age > first && schedule.completion_probability(beginning, *age) > ENDED
        };
        match state.age.filter(is_late) {
            Some(_) => FirstPoll::Now,
            None => start,
        }
    }

    fn watched(&self) -> Duration {
        let now = self.ws.0.poller.clock().now();
        now.saturating_duration_since(self.watched)
    }

    /// Takes over the model and the age, if they were not known; its age now.
    fn identify(&self, record: &Prediction) -> Option<Duration> {
        let watched = self.watched();
        let mut state = self.state();
        if state.model.is_none() {
            state.model.clone_from(&record.model);
        }
        if state.age.is_none() {
            let old = age(record, SystemTime::now());
            state.age = old.map(|old| old.saturating_sub(watched));
        }
        state.age.map(|age| age + watched)
    }

    /// How long it will still take, likely; nothing, if nothing is known of its model.
    pub(crate) fn estimate(&self, record: Option<&Prediction>) -> Option<Estimate> {
        let elapsed = match record {
            Some(record) => self.identify(record)?,
            None => self.state().age? + self.watched(),
        };
        let model = self.state().model.clone()?;
        let durations = self.ws.durations(&model);
        let is_known = durations.count() > 0 || published_durations(&model).is_some();
        is_known.then(|| durations.estimate(elapsed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an answer says of the task.
    pub(crate) fn answered(&self, id: &PredictionId, record: &Prediction) {
        let now = self.identify(record);
        let mut state = self.state();
        if !record.status.is_terminal() {
            state.running = Some(self.watched());
            return;
        }
        let (took, model) = (state.took(record, now), state.model.clone());
        drop(state);
        // Other ends come for reasons of their own.
        if let (Status::Completed, Some(took), Some(model)) = (&record.status, took, model) {
            let took = JobDuration::new(id.clone(), model, took, SystemTime::now());
            self.ws.record_duration(&took);
        }
    }
}

impl fmt::Debug for JobSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

impl Schedule for JobSchedule {
    fn gap(&self, now: PollContext, random: f64) -> Duration {
        let state = self.state();
        let elapsed = now.elapsed + state.age.unwrap_or_default();
        let schedule = self.ws.schedule(state.model());
        schedule.gap(PollContext::new(elapsed, now.polls), random)
    }

    fn completion_probability(&self, asked: Duration, now: Duration) -> f64 {
        let state = self.state();
        let Some(age) = state.age else {
            // As one says that knows nothing.
            return Geometric::default().completion_probability(asked, now);
        };
        let schedule = self.ws.schedule(state.model());
        let asked = state
            .running
            .map_or(Duration::ZERO, |running| running + age);
        schedule.completion_probability(asked, now + age)
    }
}

impl State {
    /// How long a task took that has ended at this age: what the vendor has measured, if that lies
    /// between what was seen of it. It may be less, for it knows nothing of a queue.
    fn took(&self, record: &Prediction, ended: Option<Duration>) -> Option<Duration> {
        let (age, ended) = (self.age?, ended?);
        let timings = record.timings.as_ref();
        let inference = timings.and_then(|timings| timings.inference);
        let mut measured = [inference, record.execution_time].into_iter().flatten();
        let measured = measured.find(|time| *time > 0.0);
        let measured = measured.and_then(|time| Duration::try_from_secs_f64(time / 1_000.0).ok());
        match (measured, self.running) {
            // An age by the vendor's clock is off by as much as the clocks differ.
            (measured, running) if !self.is_own => Some(measured?.max(running.unwrap_or_default())),
            (Some(measured), running) => {
                let running = running.map_or(Duration::ZERO, |running| running + age);
                Some(measured.max(running).min(ended))
            }
            (None, Some(running)) => Some((running + age + ended) / 2),
            // Nobody saw it run, so it may have ended at any time.
            (None, None) => None,
        }
    }
}

/// How old a task is, by the vendor's word.
pub(crate) fn age(record: &Prediction, now: SystemTime) -> Option<Duration> {
    let created: jiff::Timestamp = record.created_at.as_deref()?.parse().ok()?;
    Some(now.duration_since(created.into()).unwrap_or_default())
}
