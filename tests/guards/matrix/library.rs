//! The main job with the library. Its manual clock is moved by each wait, so that waits take no time; only
//! calls without an answer use the real clock.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use wavespeed::poll::{Geometric, ManualClock};
use wavespeed::{
    Deadline, DownloadError, HistorySearch, Job, JobFilter, JobNumber, MemoryStore, Poller,
    Reconciled, RejectedSubmit, SaveError, Status, SubmitError, Target, Timeouts, UnknownOutcome,
    WaitError, Wavespeed,
};

use wavespeed_harness::raw_input;

use super::{MODEL, Row, RowResult, is_whole};
use crate::wave::{Emulated, KEY};

/// The deadline, which allows three errors in a row and the retries for an id that is not found.
const DEADLINE: Duration = Duration::from_secs(120);
/// The timeout of a call without an answer. An answered call takes far less, also on a busy machine.
const SILENCE: Duration = Duration::from_secs(1);
/// The first gap between polls by the real clock.
const GAP: Duration = Duration::from_millis(10);

/// The end of a run.
enum End {
    File,
    Refused(RejectedSubmit),
    Unknown(UnknownOutcome),
    Waiting(WaitError),
    Ended(Status),
    Unsaved(DownloadError),
}

impl End {
    /// Returns the cell of the table, after a check of the message of the error.
    fn word(&self, job: Option<&Job>) -> String {
        let id = job.map(|job| job.id().as_str());
        let names = |text: &str| assert!(id.is_some_and(|id| text.contains(id)), "no id: {text}");
        match self {
            Self::File => "file".to_owned(),
            Self::Refused(rejected) => {
                assert!(
                    rejected.to_string().ends_with("nothing is billed"),
                    "{rejected}"
                );
                format!("refused: {:?}", rejected.refusal)
            }
            Self::Unknown(unknown) => {
                assert_eq!(unknown.job, Some(JobNumber::new(1)));
                "unknown".to_owned()
            }
            Self::Waiting(error) => {
                names(&error.to_string());
                names(error.id().as_str());
                match error {
                    WaitError::Stopped { error, .. } => format!("stopped: {}", variant(error)),
                    _ => "deadline".to_owned(),
                }
            }
            Self::Ended(status) => format!("task {status}"),
            Self::Unsaved(error) => {
                names(&error.to_string());
                let [(1, why)] = &error.failed[..] else {
                    panic!("{error}")
                };
                match why {
                    SaveError::Refused { status, .. } => format!("not saved: {status}"),
                    why => format!("not saved: {}", variant(why)),
                }
            }
        }
    }
}

/// Returns the name of the variant of an error.
fn variant(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap()
        .to_owned()
}

fn client(row: Row, emulated: &Emulated) -> Wavespeed {
    let poller = Poller::default().with_random(|| 0.0);
    let builder = Wavespeed::builder()
        .key(KEY)
        .base_url(emulated.emulator.origin())
        .check_urls(false)
        .store(MemoryStore::default())
        .history_lag(Duration::ZERO)
        .max_output_bytes(1 << 20);
    let builder = if row.is_silent() {
        let mut timeouts = Timeouts::default();
        timeouts.idle = SILENCE;
        match row.call() {
            "submit" => timeouts.submit = SILENCE,
            _ => timeouts.call = SILENCE,
        }
        let deadline = if row.is_for_ever() {
            SILENCE * 2
        } else {
            DEADLINE
        };
        builder
            .poller(poller.with_schedule(Geometric::from_floor(GAP)))
            .timeouts(timeouts)
            .deadline(Some(deadline))
    } else {
        let poller = poller.with_clock(ManualClock::default());
        builder.poller(poller).deadline(Some(DEADLINE))
    };
    builder.build().unwrap()
}

/// Waits for the end of a job, and saves its outputs.
async fn finish(client: &Wavespeed, job: &Job, target: &Target) -> End {
    let done = match job.wait().await {
        Ok(done) if *done.status() == Status::Completed => done,
        Ok(done) => return End::Ended(done.status().clone()),
        Err(error) => return End::Waiting(error),
    };
    match client.download(&done, target).await {
        Ok(_) => End::File,
        Err(error) => End::Unsaved(error),
    }
}

/// Resumes the job after an error, without a second submit.
async fn resume(
    client: &Wavespeed,
    end: &End,
    job: Option<&Job>,
    target: &Target,
) -> Option<(Job, End)> {
    let job = match end {
        End::File | End::Refused(_) | End::Ended(_) => return None,
        End::Waiting(_) | End::Unsaved(_) => client.job(job?.id()).unwrap(),
        End::Unknown(unknown) => {
            let jobs = client.jobs(JobFilter::Number(unknown.job?)).await.unwrap();
            match client.reconcile(&jobs[0], Deadline::never()).await.unwrap() {
                Reconciled::Adopted(job) => *job,
                Reconciled::Unresolved(HistorySearch::NotFound | HistorySearch::Answered) => {
                    return None;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let end = finish(client, &job, target).await;
    Some((job, end))
}

pub(super) fn run_row(row: Row, emulated: &Emulated) -> RowResult {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    emulated.runtime.block_on(run(row, emulated, &path))
}

async fn run(row: Row, emulated: &Emulated, path: &Path) -> RowResult {
    let client = client(row, emulated);
    let target = Target::new(path);
    let input = json!({
        "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "AOT",
    });
    let (job, end) = match client.submit(raw_input(MODEL, &input)).adopt(false).await {
        Ok(job) => {
            let end = finish(&client, &job, &target).await;
            (Some(job), end)
        }
        Err(SubmitError::Rejected(rejected)) => (None, End::Refused(rejected)),
        Err(SubmitError::Unknown(unknown)) => (None, End::Unknown(*unknown)),
        Err(other) => panic!("{row:?}: {other}"),
    };
    let word = end.word(job.as_ref());
    row.let_it_end(emulated);
    let (found, after) = match resume(&client, &end, job.as_ref(), &target).await {
        Some((job, end)) => (Some(job.clone()), end.word(Some(&job))),
        None if matches!(end, End::Unknown(_)) => (None, "not created".to_owned()),
        None => (None, String::new()),
    };
    let source = if job.is_some() { "answer" } else { "history" };
    let task = job.or(found).map(|job| (job.id().to_string(), source));
    RowResult {
        task,
        end: word,
        after,
        is_whole: is_whole(path),
    }
}
