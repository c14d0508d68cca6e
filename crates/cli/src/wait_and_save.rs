//! Waiting for tasks, however many, and saving what they made. Which tasks, and what is said of them
//! in the end, it leaves to the commands.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, Stream};
use wavespeed::poll::{RateLimits, Update};
use wavespeed::{Deadline, Prediction, PredictionId, Status, Target, Wavespeed, output_url};

use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::{Failure, go_on};
use crate::output::report::Job;
use crate::output::terminal::Progress;
use crate::progress_state::SharedJobs;

/// How many tasks' outputs are saved at once.
const SAVES: usize = 4;
/// How often what is shown of the wait is brought up to date.
const TICK: Duration = Duration::from_secs(1);

/// What the handling of tasks needs.
#[derive(Clone, Copy)]
pub(crate) struct WaitContext<'a> {
    pub(crate) client: &'a Wavespeed,
    pub(crate) shared_jobs: &'a SharedJobs,
    pub(crate) progress: &'a Progress,
    pub(crate) deadline: Deadline,
    pub(crate) limits: RateLimits,
}

/// A task that is waited for.
pub(crate) struct Task<'a> {
    /// The number of the job on the shared_jobs.
    pub(crate) at: usize,
    pub(crate) task: wavespeed::Job,
    pub(crate) target: Option<&'a Target>,
    pub(crate) job: Job,
}

/// A task, and whether all went well with it.
pub(crate) type Finished<'a> = (Task<'a>, Result<(), Failure>);

/// Waits for tasks as they come in, with one waiter for all, and saves what they made or says where
/// it is. `all` is how many there will be; `end` takes each over the moment that is done.
pub(crate) async fn finish<'a, T>(
    waiting: WaitContext<'a>,
    all: usize,
    tasks: impl Stream<Item = Task<'a>>,
    end: impl Fn(Finished<'a>) -> T,
) -> Vec<T> {
    let (sender, mut entered) = tokio::sync::mpsc::unbounded_channel();
    let jobs = tasks.map(move |task| {
        let job = task.task.clone();
        // The other end is there as long as this stream is polled.
        _ = sender.send(task);
        job
    });
    let mut watched = pin!(
        waiting
            .client
            .watch_many(jobs, waiting.deadline, waiting.limits)
    );
    // One may be named by its number and by its id.
    let mut pending: HashMap<PredictionId, Vec<Task<'a>>> = HashMap::new();
    let (mut to_save, mut saving) = (VecDeque::new(), FuturesUnordered::new());
    let (mut finished, mut last, mut watching) = (Vec::new(), None, true);
    let mut tick = tokio::time::interval(TICK);
    waiting.progress.show("waiting");
    let mut is_troubled = false;
    while watching || !saving.is_empty() {
        let item = tokio::select! {
            Some(done) = saving.next(), if !saving.is_empty() => {
                finished.push(end(done));
                None
            }
            item = watched.next(), if watching => {
                watching = item.is_some();
                item
            }
            _ = tick.tick() => None,
        };
        while let Ok(task) = entered.try_recv() {
            if last.is_none() {
                last = Some(Shown::Task(Box::new((task.task.clone(), None))));
            }
            pending
                .entry(task.task.id().clone())
                .or_default()
                .push(task);
        }
        if let Some((id, item)) = item {
            let tasks = pending.get_mut(&id).map(std::mem::take).unwrap_or_default();
            for mut task in tasks {
                match &item {
                    Ok(Update::Done(record)) => {
                        task.job.document.set_record(record);
                        to_save.push_back((task, record.clone()));
                        continue;
                    }
                    Ok(Update::Pending(record)) => {
                        task.job.document.set_record(record);
                        waiting.shared_jobs.update(task.at, &task.job);
                        let record = Some(record.clone());
                        last = Some(Shown::Task(Box::new((task.task.clone(), record))));
                        is_troubled = false;
                    }
                    Ok(Update::Retrying { error, retry_in }) => {
                        let seconds = retry_in.as_secs_f32().ceil();
                        let text = format!("asking again in {seconds} s: {error}");
                        // Where nothing moves it is told, but not for each poll that fails.
                        if !std::mem::replace(&mut is_troubled, true) {
                            let id = task.task.id();
                            waiting
                                .progress
                                .trouble(&format!("{id}: {error}; asking again"));
                        }
                        last = Some(Shown::Text(text));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        finished.push(end((task, Err(Failure::wait(error)))));
                        continue;
                    }
                }
                pending.entry(id.clone()).or_default().push(task);
            }
        }
        while saving.len() < SAVES
            && let Some((task, record)) = to_save.pop_front()
        {
            saving.push(save(waiting, task, record));
        }
        match (all, saving.is_empty(), &last) {
            (0 | 1, true, Some(last)) => last.on(waiting.progress).await,
            (0 | 1, true, None) => {}
            (0 | 1, false, _) => waiting.progress.show("downloading"),
            _ => {
                let done = format!("{} of {all} are done", finished.len());
                waiting.progress.show(&done);
            }
        }
    }
    finished
}

/// What is shown of the only task: how far it is by the last record of it, or another text.
enum Shown {
    Task(Box<(wavespeed::Job, Option<Prediction>)>),
    Text(String),
}

impl Shown {
    async fn on(&self, progress: &Progress) {
        match self {
            Self::Text(text) => progress.show(text),
            Self::Task(shown) => {
                let (task, record) = &**shown;
                let status = record.as_ref().map(|record| record.status.name());
                let outlook = task.estimate(record.as_ref()).await;
                progress.task(status.unwrap_or("waiting"), outlook);
            }
        }
    }
}

async fn save<'a>(
    waiting: WaitContext<'a>,
    mut task: Task<'a>,
    record: Prediction,
) -> Finished<'a> {
    let saved = outputs(waiting, &mut task, &record).await;
    (task, saved)
}

/// Saves the outputs of a task that has ended, or says where they are.
pub(crate) async fn outputs(
    waiting: WaitContext<'_>,
    task: &mut Task<'_>,
    record: &Prediction,
) -> Result<(), Failure> {
    let Task {
        at,
        task,
        target,
        job,
    } = task;
    job.document.set_record(record);
    waiting.shared_jobs.update(*at, job);
    ended_well(task.id(), record)?;
    let result = match target {
        None => Ok(Vec::new()),
        Some(target) => {
            let client = waiting.client;
            client
                .download_until(record, target, waiting.deadline)
                .await
        }
    };
    let (saved, result) = match result {
        Ok(saved) => (saved, Ok(())),
        Err(mut error) => (
            std::mem::take(&mut error.saved),
            Err(Failure::save(task.id(), &error)),
        ),
    };
    job.document.set_saved(&saved);
    // Of each output the file, or else where it is.
    job.lines
        .extend((1..).zip(record.outputs()).map(|(number, output)| {
            let file = saved.iter().find(|file| file.number == number);
            file.map_or_else(|| text(output), |file| file.path.display().to_string())
        }));
    if record.outputs().is_empty() && target.is_none() {
        job.notes
            .push(format!("{} is completed, but has no outputs", task.id()));
    }
    result
}

fn ended_well(id: &PredictionId, record: &Prediction) -> Result<(), Failure> {
    if record.status == Status::Completed {
        return Ok(());
    }
    if !record.status.is_terminal() {
        let message = format!("{id} is not done: its status is {}", record.status);
        return Err(Failure::new(Exit::Deadline, Kind::Deadline, message).hint(go_on(id)));
    }
    let why = record
        .error()
        .map_or(String::new(), |error| format!(": {error}"));
    let message = format!("{id} ended as {}{why}", record.status);
    let failure = Failure::new(Exit::TaskFailed, Kind::Task, message);
    Err(match record.status {
        Status::Failed | Status::Timeout => {
            failure.hint("the vendor refunds such tasks by itself, within about 3 hours")
        }
        _ => failure,
    })
}

/// An output as a line: its URL, or whatever else it is.
pub(crate) fn text(output: &serde_json::Value) -> String {
    match (output_url(output), output.as_str()) {
        (Some(url), _) => url.into(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => output.to_string(),
    }
}
