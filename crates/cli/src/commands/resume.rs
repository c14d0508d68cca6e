//! `wave resume`: resumes the open jobs of the journal.

use std::cell::RefCell;
use std::future::ready;

use futures_util::{StreamExt as _, stream};
use wavespeed::{Job, JobFilter, JobRecord, Next, PredictionId, Stage, Wavespeed};

use super::wait::MAX_CALLS;
use crate::args::jobs::ResumeArgs;
use crate::context::Context;
use crate::find_job::find_all;
use crate::output::candidates::lines;
use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::output::report::Report;
use crate::reconcile::{note_adoption, reconcile};
use crate::wait_and_save::{Finished, PendingJob, WaitContext, wait_and_save};

/// The user's decision about a job whose outcome is unknown.
#[derive(Clone, Debug)]
enum Decision {
    None,
    Adopt(PredictionId),
    /// Submit the job again, which is none of these.
    Resubmit(Vec<PredictionId>),
}

pub(super) async fn resume(args: &ResumeArgs, context: &mut Context) -> Result<Report, Failure> {
    let decision = match &args.adopt {
        Some(id) => Decision::Adopt(id.clone()),
        None if args.resubmit => Decision::Resubmit(args.not.clone()),
        None => Decision::None,
    };
    if args.jobs.len() > 1 && !matches!(decision, Decision::None) {
        return Err(Failure::usage("--adopt and --resubmit take one job"));
    }
    let client = context.client().await?;
    let records = match &args.jobs[..] {
        [] => client.jobs(JobFilter::Open).await?,
        jobs => find_all(&client, jobs).await?,
    };
    if records.is_empty() {
        // Without this note, an empty list looks like a failure.
        context.note("no job is open");
    }
    let reports = resume_all(&client, &records, &decision, context).await;
    // One named job gives one document, and no name gives a list, however many jobs are open.
    Ok(Report::in_order(reports, args.jobs.len() != 1))
}

/// Finds the ids of jobs, waits for the jobs, and saves their outputs.
async fn resume_all(
    client: &Wavespeed,
    records: &[JobRecord],
    decision: &Decision,
    context: &Context,
) -> Vec<(usize, JobReport)> {
    let progress = Progress::new(&context.notices);
    let mut waiting = WaitContext::new(client, context, &progress);
    // Questions about several jobs at the same time could not be told apart.
    waiting.may_ask = records.len() == 1 && context.may_ask();
    // The stream below yields only jobs to wait for. The others are collected beside it.
    let failed = RefCell::new(Vec::new());
    // Jobs with an id come first, so that they do not wait for the reconciliation of the others.
    let mut all: Vec<_> = records.iter().enumerate().collect();
    all.sort_by_key(|(_, record)| record.id.is_none());
    let jobs = stream::iter(all)
        .map(|(at, record)| {
            let failed = &failed;
            async move {
                let mut report = JobReport::default();
                report.document.set_job(record);
                // A second interruption has to name wave resume again.
                report.saves = record.target.is_some();
                waiting.shared_jobs.update(at, &report);
                match find_id(waiting, at, record, decision, &mut report).await {
                    Ok(job) => Some(PendingJob {
                        at,
                        job,
                        target: record.target.as_ref(),
                        report,
                    }),
                    Err(failure) => {
                        let report = waiting.close(at, report, Err(failure));
                        failed.borrow_mut().push((at, report));
                        None
                    }
                }
            }
        })
        .buffer_unordered(MAX_CALLS);
    let end = |(pending, result): Finished<'_>| {
        let result = result.map_err(|failure| failure.after_submit(pending.job.id()));
        (
            pending.at,
            waiting.close(pending.at, pending.report, result),
        )
    };
    let mut reports = wait_and_save(waiting, records.len(), jobs.filter_map(ready), end).await;
    reports.extend(failed.take());
    reports
}

/// Returns the handle of a job, after its id is found if necessary.
async fn find_id(
    waiting: WaitContext<'_>,
    at: usize,
    record: &JobRecord,
    decision: &Decision,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let number = record.number;
    let job = match (&record.id, decision) {
        (Some(id), Decision::None) => waiting.client.job(id).map_err(Failure::usage)?,
        // A decision would replace a known id.
        (Some(id), _) => {
            let message = format!("{number} has the id {id} already");
            let hint = format!("resume it with: wave resume {number}");
            return Err(Failure::usage(message).hint(hint));
        }
        (None, Decision::Adopt(id)) => adopt(waiting, record, id, report).await?,
        (None, Decision::Resubmit(not)) => {
            // A signal may end the command before the outcome is known.
            report.if_unknown = Some(Next::Resume(number));
            waiting.shared_jobs.update(at, report);
            resubmit(waiting, record, not, report).await?
        }
        (None, Decision::None) if record.stage == Stage::Rejected => {
            let message = format!("{number} was rejected: no job was created, nothing is billed");
            return Err(Failure::new(Kind::Refused, message));
        }
        (None, Decision::None) => {
            waiting
                .progress
                .show("looking for the job in the vendor's history");
            // The search takes a while, and a signal may end it.
            report.if_unknown = Some(Next::Resume(number));
            waiting.shared_jobs.update(at, report);
            match reconcile(waiting.client, record, waiting.deadline, report).await {
                Err(failure) if waiting.may_ask => ask(waiting, record, failure, report).await?,
                result => result?,
            }
        }
    };
    waiting.progress.id(job.id());
    report.document.id = Some(job.id().clone());
    waiting.shared_jobs.update(at, report);
    Ok(job)
}

/// Submits a job again, unless it is in the vendor's history by now or could be.
async fn resubmit(
    waiting: WaitContext<'_>,
    record: &JobRecord,
    not: &[PredictionId],
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let step = "looking for the job in the vendor's history once more";
    waiting.progress.show(step);
    let job = waiting
        .client
        .resubmit(record, not, waiting.deadline)
        .await?;
    note_adoption(&job, report);
    Ok(job)
}

/// Asks whether the only candidate is the job, and adopts it if it is. Returns `failure` if there are others,
/// or the answer is no.
async fn ask(
    waiting: WaitContext<'_>,
    record: &JobRecord,
    failure: Failure,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let Some(candidates) = &failure.candidates else {
        return Err(failure);
    };
    let [only] = &candidates.found[..] else {
        return Err(failure);
    };
    let Ok(id) = only.prediction.id().parse() else {
        return Err(failure);
    };
    let number = record.number;
    let mut facts = vec![format!(
        "{number} could be this job, which is not adopted by itself: {}",
        candidates.held_back
    )];
    facts.extend(lines(candidates));
    let question = format!("Is {id} the job {number}? [y/N] ");
    match waiting.progress.confirm(&facts, &question).await {
        true => adopt(waiting, record, &id, report).await,
        false => Err(failure),
    }
}

/// Records the id of a job. The vendor must know the id, so that a typing error does not replace the
/// real one.
async fn adopt(
    waiting: WaitContext<'_>,
    record: &JobRecord,
    id: &PredictionId,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let job = waiting.client.job(id).map_err(Failure::usage)?;
    let fetched = job.fetch_until(waiting.deadline).await;
    fetched.map_err(|error| Failure::fetch(id, &error))?;
    let job = waiting.client.adopt(record, id.clone()).await?;
    note_adoption(&job, report);
    Ok(job)
}
