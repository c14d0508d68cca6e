//! The wait for the job of a run.

use std::sync::Arc;

use futures_util::stream;
use wavespeed::{Job, SubmitError, Target, Wavespeed};

use crate::context::Context;
use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::wait_and_save::{PendingJob, WaitContext, save_outputs, wait_and_save};

/// Waits for the job of this command, and saves its outputs.
pub(super) async fn wait(
    client: &Wavespeed,
    job: Job,
    target: Option<&Target>,
    progress: Arc<Progress>,
    context: &Context,
    report: &mut JobReport,
) -> Result<(), Failure> {
    let waiting = WaitContext::new(client, context, &progress);
    let mut pending = PendingJob {
        at: 0,
        job: job.clone(),
        target,
        report: std::mem::take(report),
    };
    let result = match job.ended() {
        // The journal has the end of the job, so the vendor need not have it any more.
        Some(record) => {
            progress.show("saving");
            save_outputs(waiting, &mut pending, &record).await
        }
        None => {
            let ends = wait_and_save(waiting, 1, stream::iter([pending]), |end| end).await;
            let (finished, result) = ends
                .into_iter()
                .next()
                .expect("one job came in, so one comes out");
            pending = finished;
            result
        }
    };
    *report = pending.report;
    if result.is_ok() && target.is_none() && context.global.emulate {
        // The progress line must not overwrite the note.
        drop(progress);
        context.note("the emulator ends now, and its files with it; -o saves them");
    }
    result.map_err(|failure| match (failure.kind, job.expired_since()) {
        (Kind::Save | Kind::Refused, Some(at)) => expired(&job, at).unwrap_or(failure),
        _ => failure.after_submit(job.id()),
    })
}

/// Returns the failure of a job that is too old for the vendor to have its outputs.
fn expired(job: &Job, at: std::time::SystemTime) -> Option<Failure> {
    let error = SubmitError::Expired {
        job: job.number()?,
        id: job.id().clone(),
        at,
    };
    Some(error.into())
}
