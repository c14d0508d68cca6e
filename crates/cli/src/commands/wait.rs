//! `wave wait`, `wave show` and `wave download`: jobs that were submitted before.

use futures_util::{StreamExt as _, stream};
use wavespeed::{Prediction, Target, Wavespeed};

use crate::args::job_ref::JobRef;
use crate::args::jobs::{DownloadArgs, ShowArgs, WaitArgs};
use crate::context::Context;
use crate::find_job::{handle, unknown_report};
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::output::report::Report;
use crate::wait_and_save::{
    Finished, PendingJob, WaitContext, output_text, save_outputs, wait_and_save,
};

/// The number of calls about jobs at the same time. More would not be faster by much, and could exceed
/// the vendor's rate limit.
pub(super) const MAX_CALLS: usize = 8;

pub(super) async fn wait(args: &WaitArgs, context: &mut Context) -> Report {
    let ids = &args.ids.ids;
    let target = args.output.target();
    let client = match prepare(ids, target.as_ref(), context).await {
        Ok(client) => client,
        Err(failure) => return all_failed(ids, &failure),
    };
    let progress = Progress::new(&context.notices);
    let waiting = WaitContext::new(&client, context, &progress);
    let mut reports: Vec<(usize, JobReport)> = Vec::new();
    let mut pending = Vec::new();
    // Numbers are looked up before the wait, so that a wrong one fails at once.
    for (at, id) in ids.iter().enumerate() {
        let mut report = unknown_report(id);
        report.output.clone_from(&args.output.output);
        waiting.shared_jobs.update(at, &report);
        match handle(&client, id, &mut report).await {
            Ok(job) => {
                // The journal may know the job, which a signal then reports.
                waiting.shared_jobs.update(at, &report);
                pending.push(PendingJob {
                    at,
                    job,
                    target: target.as_ref(),
                    report,
                });
            }
            Err(failure) => reports.push((at, waiting.close(at, report, Err(failure)))),
        }
    }
    let end = |(pending, result): Finished<'_>| {
        (
            pending.at,
            waiting.close(pending.at, pending.report, result),
        )
    };
    // The reports come in the order in which the jobs end, and are sorted for the output.
    reports.extend(wait_and_save(waiting, ids.len(), stream::iter(pending), end).await);
    Report::in_order(reports, ids.len() != 1)
}

pub(super) async fn download(args: &DownloadArgs, context: &mut Context) -> Report {
    let target = args.target();
    // The current folder needs no check: an unwritable one fails with the first output.
    let check = args.output.is_some().then_some(&target);
    each(
        &args.ids.ids,
        Some(&target),
        check,
        context,
        async |waiting, mut job| {
            let fetched = job.job.fetch_until(waiting.deadline).await;
            let saved = match fetched {
                Ok(record) => {
                    waiting.progress.show("saving");
                    save_outputs(waiting, &mut job, &record).await
                }
                Err(error) => Err(Failure::fetch(job.job.id(), &error)),
            };
            (job, saved)
        },
    )
    .await
}

pub(super) async fn show(args: &ShowArgs, context: &mut Context) -> Report {
    each(
        &args.ids.ids,
        None,
        None,
        context,
        async |waiting, mut job| {
            let fetched = job.job.fetch_until(waiting.deadline).await;
            let shown = fetched.map_err(|error| Failure::fetch(job.job.id(), &error));
            let shown = shown.map(|record| {
                job.report.document.set_record(&record);
                job.report.lines = describe(&record);
            });
            (job, shown)
        },
    )
    .await
}

/// Does the same work for each job, several at the same time. `check` is the output path to check
/// first.
async fn each(
    ids: &[JobRef],
    target: Option<&Target>,
    check: Option<&Target>,
    context: &mut Context,
    work: impl for<'b> AsyncFn(WaitContext<'b>, PendingJob<'b>) -> Finished<'b>,
) -> Report {
    let client = match prepare(ids, check, context).await {
        Ok(client) => client,
        Err(failure) => return all_failed(ids, &failure),
    };
    let progress = Progress::new(&context.notices);
    let waiting = WaitContext::new(&client, context, &progress);
    // Several futures share it.
    let work = &work;
    let ends = ids.iter().enumerate().map(async |(at, id)| {
        let mut report = unknown_report(id);
        waiting.shared_jobs.update(at, &report);
        let report = match handle(waiting.client, id, &mut report).await {
            Ok(job) => {
                waiting.shared_jobs.update(at, &report);
                let pending = PendingJob {
                    at,
                    job,
                    target,
                    report,
                };
                let (pending, result) = work(waiting, pending).await;
                waiting.close(at, pending.report, result)
            }
            Err(failure) => waiting.close(at, report, Err(failure)),
        };
        (at, report)
    });
    let reports = stream::iter(ends)
        .buffer_unordered(MAX_CALLS)
        .collect()
        .await;
    Report::in_order(reports, ids.len() != 1)
}

/// Returns the client. Refuses command lines that cannot work before any call.
async fn prepare(
    ids: &[JobRef],
    target: Option<&Target>,
    context: &mut Context,
) -> Result<Wavespeed, Failure> {
    if context.global.emulate {
        return Err(
            Failure::usage("--emulate has no earlier jobs: they end with their process")
                .hint("keep an emulator running with wave emulator, and use its --base-url"),
        );
    }
    for (at, id) in ids.iter().enumerate() {
        // Two downloads of one job would write the same file.
        if ids[..at].contains(id) {
            return Err(Failure::usage(format!("{id} is given twice")));
        }
    }
    if let Some(target) = target {
        if ids.len() > 1 && !target.is_per_job() {
            let failure = Failure::usage("several jobs cannot be saved to one file");
            return Err(failure.hint("use a folder: -o DIR/, or a template: -o '{id}.{ext}'"));
        }
        if let Some(fault) = target.check() {
            return Err(Failure::input(vec![fault]).hint(Failure::OUTPUT_HINT));
        }
    }
    // The client comes last: the errors above need neither an API key nor a journal.
    context.client().await
}

/// Returns the report of a failure that concerns all jobs.
fn all_failed(ids: &[JobRef], failure: &Failure) -> Report {
    let reports = ids
        .iter()
        .map(|id| unknown_report(id).fail(failure.clone()));
    Report::jobs(reports.collect())
}

fn describe(record: &Prediction) -> Vec<String> {
    let mut lines = vec![
        format!("id:       {}", record.id()),
        format!("status:   {}", record.status()),
    ];
    let rows = [
        // Rows without a value are left out.
        ("model:    ", record.model()),
        ("created:  ", record.created_at()),
    ];
    lines.extend(
        rows.iter()
            .filter_map(|(name, value)| Some(format!("{name}{}", value.as_ref()?))),
    );
    lines.extend(record.error().map(|error| format!("error:    {error}")));
    let outputs = record.outputs().iter();
    lines.extend(outputs.map(|output| format!("output:   {}", output_text(output))));
    lines
}
