//! Waits for any number of jobs with one waiter, and saves their outputs or lists their URLs. The
//! commands decide which jobs, and what is reported of them.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, Stream};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use wavespeed::poll::{RateLimits, Update};
use wavespeed::{
    Deadline, Downloaded, FetchError, Job, Next, Prediction, PredictionId, Status, Target,
    WaitError, Wavespeed, output_url,
};

use crate::context::Context;
use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::failure::fetch::reason;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::output::time;
use crate::progress_state::SharedJobs;

/// The number of jobs whose outputs are saved at the same time. Downloads share the bandwidth, so more
/// would not end earlier.
const MAX_SAVES: usize = 4;
/// The time between two updates of the progress line, which shows seconds.
const TICK: Duration = Duration::from_secs(1);

/// The parts of a command that the handling of its jobs needs.
#[derive(Clone, Copy)]
pub(crate) struct WaitContext<'a> {
    pub(crate) client: &'a Wavespeed,
    pub(crate) shared_jobs: &'a SharedJobs,
    pub(crate) progress: &'a Progress,
    pub(crate) deadline: Deadline,
    pub(crate) limits: RateLimits,
    /// `true` if the user can be asked about the only job.
    pub(crate) may_ask: bool,
}

impl<'a> WaitContext<'a> {
    pub(crate) fn new(client: &'a Wavespeed, context: &'a Context, progress: &'a Progress) -> Self {
        Self {
            client,
            shared_jobs: &context.shared_jobs,
            progress,
            deadline: client.deadline(),
            limits: context.limits(),
            may_ask: false,
        }
    }

    /// Records the final state of a job.
    pub(crate) fn close(
        &self,
        at: usize,
        report: JobReport,
        result: Result<(), Failure>,
    ) -> JobReport {
        let report = match result {
            Ok(()) => report,
            Err(failure) => report.fail(failure),
        };
        self.shared_jobs.close(at, &report);
        report
    }
}

/// A job to wait for.
pub(crate) struct PendingJob<'a> {
    /// The position on the command line.
    pub(crate) at: usize,
    pub(crate) job: Job,
    pub(crate) target: Option<&'a Target>,
    pub(crate) report: JobReport,
}

/// A job that is done, and its result.
pub(crate) type Finished<'a> = (PendingJob<'a>, Result<(), Failure>);

/// Waits for `total` jobs as they come in, and saves their outputs. `end` is called with each job as
/// soon as it is done.
pub(crate) async fn wait_and_save<'a, T>(
    context: WaitContext<'a>,
    total: usize,
    jobs: impl Stream<Item = PendingJob<'a>>,
    end: impl Fn(Finished<'a>) -> T,
) -> Vec<T> {
    // The library watches handles only. The rest of each job takes this way around the watch.
    let (sender, mut entered) = unbounded_channel();
    let handles = jobs.map(move |job| {
        let handle = job.job.clone();
        // The receiver lives as long as this stream is polled.
        _ = sender.send(job);
        handle
    });
    let watched = context
        .client
        .watch_many(handles, context.deadline, context.limits);
    let mut watched = pin!(watched);
    let mut waits = Waits::new(context, total);
    let mut saving = FuturesUnordered::new();
    let (mut results, mut is_watching) = (Vec::new(), true);
    // Between two polls, the elapsed time on the progress line still has to move.
    let mut tick = tokio::time::interval(TICK);
    while is_watching || !saving.is_empty() {
        let update = tokio::select! {
            Some(done) = saving.next(), if !saving.is_empty() => {
                results.push(end(done));
                None
            }
            update = watched.next(), if is_watching => {
                is_watching = update.is_some();
                update
            }
            _ = tick.tick() => None,
        };
        // A job enters the watch and this channel together, so it is known before its first update.
        while let Ok(job) = entered.try_recv() {
            waits.enter(job);
        }
        if let Some((id, update)) = update {
            let failed = waits.apply(&id, &update);
            results.extend(failed.into_iter().map(&end));
        }
        // Saves begin here and not in the branch of the update, so that a finished one makes room
        // for the next.
        while saving.len() < MAX_SAVES
            && let Some((job, record)) = waits.to_save.pop_front()
        {
            saving.push(save(context, job, record));
        }
        waits.show(saving.len(), results.len()).await;
    }
    results
}

/// The jobs that are waited for, and the text of the progress line.
struct Waits<'a> {
    context: WaitContext<'a>,
    total: usize,
    /// The jobs by id. Two of them can have the same id: one named by its number, and one by its id.
    pending: HashMap<PredictionId, Vec<PendingJob<'a>>>,
    /// The completed jobs whose outputs wait to be saved.
    to_save: VecDeque<(PendingJob<'a>, Prediction)>,
    /// The state of the only job.
    shown: Option<Shown>,
    /// `true` after a failed poll, until one succeeds.
    is_failing: bool,
}

/// The state of the only job on the progress line.
enum Shown {
    Job(Box<(Job, Option<Prediction>)>),
    Text(String),
}

impl<'a> Waits<'a> {
    fn new(context: WaitContext<'a>, total: usize) -> Self {
        context.progress.show("waiting");
        Self {
            context,
            total,
            pending: HashMap::new(),
            to_save: VecDeque::new(),
            shown: None,
            is_failing: false,
        }
    }

    fn enter(&mut self, job: PendingJob<'a>) {
        if self.shown.is_none() {
            self.shown = Some(Shown::Job(Box::new((job.job.clone(), None))));
        }
        let same = self.pending.entry(job.job.id().clone()).or_default();
        same.push(job);
    }

    /// Applies an update to all jobs with this id, and returns those whose wait failed.
    fn apply(
        &mut self,
        id: &PredictionId,
        update: &Result<Update<Prediction, FetchError>, WaitError>,
    ) -> Vec<Finished<'a>> {
        // Jobs that are still running are put back below.
        let jobs = self.pending.remove(id).unwrap_or_default();
        let mut failed = Vec::new();
        for mut job in jobs {
            match update {
                Ok(Update::Done(record)) => {
                    job.report.document.set_record(record);
                    self.to_save.push_back((job, record.clone()));
                    continue;
                }
                Ok(Update::Pending(record)) => self.set_pending(&mut job, record),
                Ok(Update::Retrying { error, retry_in }) => {
                    self.set_failing(&job, error, *retry_in);
                }
                Ok(_) => {}
                Err(error) => {
                    let failure = wait_failure(error, &job.report);
                    failed.push((job, Err(failure)));
                    continue;
                }
            }
            self.pending.entry(id.clone()).or_default().push(job);
        }
        failed
    }

    fn set_pending(&mut self, job: &mut PendingJob<'a>, record: &Prediction) {
        job.report.document.set_record(record);
        self.context.shared_jobs.update(job.at, &job.report);
        let shown = (job.job.clone(), Some(record.clone()));
        self.shown = Some(Shown::Job(Box::new(shown)));
        self.is_failing = false;
    }

    fn set_failing(&mut self, job: &PendingJob<'a>, error: &FetchError, retry_in: Duration) {
        // Without a progress line, the first of several failed polls is reported.
        let is_first = !std::mem::replace(&mut self.is_failing, true);
        let requested = match error {
            FetchError::Answer { retry_after, .. } => *retry_after,
            _ => None,
        };
        let text = format!("{}: {}; polling again", job.job.id(), reason(error));
        let progress = self.context.progress;
        progress.pause(&text, requested, retry_in, is_first);
        let text = format!("next poll in {}: {}", time::wait(retry_in), reason(error));
        self.shown = Some(Shown::Text(text));
    }

    /// Shows the state of the only job, or the number of jobs that are done.
    async fn show(&self, saving: usize, done: usize) {
        let progress = self.context.progress;
        // Behind the last job, the state of the wait would flash up once more.
        if done == self.total {
            return;
        }
        if self.total > 1 {
            let saving = match saving {
                0 => String::new(),
                count => format!(", saving {count}"),
            };
            return progress.show(&format!("{done} of {} are done{saving}", self.total));
        }
        match &self.shown {
            _ if saving > 0 => progress.show("saving"),
            Some(Shown::Text(text)) => progress.show(text),
            // The estimate is computed on each tick, because it depends on the elapsed time.
            Some(Shown::Job(shown)) => {
                let (job, record) = &**shown;
                let status = record.as_ref().map(|record| record.status().name());
                let estimate = job.estimate(record.as_ref()).await;
                progress.job(status.unwrap_or("waiting"), estimate);
            }
            None => {}
        }
    }
}

/// Returns the failure of a wait. A job of the journal that the vendor does not have can only be
/// forgotten.
fn wait_failure(error: &WaitError, report: &JobReport) -> Failure {
    let failure = Failure::wait(error);
    match (&failure.next, report.document.job) {
        (Next::None, Some(number)) => failure.hint(format!(
            "the vendor keeps jobs for 7 days; check that the API key is of the account that \
             submitted the job, or remove it from the journal with: wave jobs forget {number}"
        )),
        _ => failure,
    }
}

async fn save<'a>(
    context: WaitContext<'a>,
    mut job: PendingJob<'a>,
    record: Prediction,
) -> Finished<'a> {
    let result = save_outputs(context, &mut job, &record).await;
    (job, result)
}

/// Saves the outputs of a job that has ended, or lists their URLs.
pub(crate) async fn save_outputs(
    context: WaitContext<'_>,
    pending: &mut PendingJob<'_>,
    record: &Prediction,
) -> Result<(), Failure> {
    let PendingJob {
        at,
        job,
        target,
        report,
    } = pending;
    // An interruption during the download reports the record, with the URLs of the outputs.
    report.document.set_record(record);
    context.shared_jobs.update(*at, report);
    check_completed(job.id(), record)?;
    let result = match target {
        None => Ok(Vec::new()),
        Some(target) => {
            let client = context.client;
            client
                .download_until(record, target, context.deadline)
                .await
        }
    };
    let (saved, result) = match result {
        Ok(saved) => (saved, Ok(())),
        Err(mut error) => {
            let failure = Failure::save(job.id(), &error);
            // The outputs before the failed one are saved, and are reported.
            (std::mem::take(&mut error.saved), Err(failure))
        }
    };
    report.document.set_saved(&saved);
    let warnings = saved.iter().filter_map(Downloaded::content_warning);
    report.notes.extend(warnings);
    // The line of an output is its file, or else its URL.
    let lines = (1..).zip(record.outputs()).map(|(number, output)| {
        let file = saved.iter().find(|file| file.number == number);
        file.map_or_else(
            || output_text(output),
            |file| file.path.display().to_string(),
        )
    });
    report.lines.extend(lines);
    // With a target, the download reports the missing outputs as an error.
    if record.outputs().is_empty() && target.is_none() {
        let note = format!("{} is completed, but has no outputs", job.id());
        report.notes.push(note);
    }
    result
}

/// Returns an error if a job is not completed.
fn check_completed(id: &PredictionId, record: &Prediction) -> Result<(), Failure> {
    if *record.status() == Status::Completed {
        return Ok(());
    }
    if !record.status().is_terminal() {
        let message = format!("{id} has not ended: its status is {}", record.status());
        return Err(Failure::new(Kind::Deadline, message).next(Next::Wait(id.clone())));
    }
    let reason = record
        .error()
        .map_or(String::new(), |error| format!(": {error}"));
    let message = format!("{id} ended as {}{reason}", record.status());
    let failure = Failure::new(Kind::Task, message);
    Err(match record.status() {
        Status::Failed | Status::Timeout => {
            failure.hint("the vendor refunds such jobs automatically, within about 3 hours")
        }
        _ => failure,
    })
}

/// Returns an output as a line: its URL, or else its text or JSON.
pub(crate) fn output_text(output: &Value) -> String {
    match (output_url(output), output.as_str()) {
        (Some(url), _) => url.into(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => output.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use wavespeed::JobNumber;

    use super::*;

    #[test]
    fn job_that_the_vendor_does_not_have_can_be_forgotten() {
        let error = WaitError::Stopped {
            id: "6488c2754f6f4dfea924382fa14d11bd".parse().unwrap(),
            error: FetchError::NotFound("HTTP 404".into()),
        };
        let mut report = JobReport::default();
        report.document.job = Some(JobNumber::new(7));
        let hint = wait_failure(&error, &report).hint.unwrap();
        assert!(hint.ends_with("wave jobs forget j7"), "{hint}");
    }
}
