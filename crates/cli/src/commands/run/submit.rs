//! The submit of a checked input, and the wait for its job.

use futures_util::stream;
use serde_json::Value;
use wavespeed::{
    Deadline, Duplicate, Job, JobFilter, JobNumber, Model, SubmitError, SubmitOptions,
    UnknownOutcome, Wavespeed,
};

use crate::context::Context;
use crate::output::document::Kind;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::output::terminal;
use crate::reconcile::reconcile;
use crate::wait_and_save::{PendingJob, WaitContext, wait_and_save};

/// Uploads the files of an input, submits it, waits for the job, and saves its outputs.
pub(super) async fn submit(
    client: &Wavespeed,
    model: &'static Model,
    mut input: Value,
    options: &SubmitOptions<'_>,
    context: &Context,
    report: &mut JobReport,
) -> Result<(), Failure> {
    let deadline = options.deadline;
    let progress = Progress::new(context.global.quiet);
    progress.show("uploading");
    let uploads = progress.upload(deadline);
    // Files become URLs before the search for a duplicate, which compares inputs with URLs.
    let uploaded = client.upload_inputs(model, &mut input, &uploads).await?;
    uploaded.iter().for_each(|file| progress.uploaded(file));
    check_duplicate(client, model, &input, report).await?;
    let has_journal = !context.global.no_journal && !context.global.emulate;
    // With a journal, wave resume knows the path. Without one, the hint has to name it.
    report.saves = options.target.is_some() && has_journal;
    let output = options.target.filter(|_| !has_journal);
    report.output = output.map(|target| target.as_path().to_owned());
    progress.show("submitting");
    // From here on, a signal waits for the answer.
    context.shared_jobs.set_submitting(Some(client));
    let submitted = client.submit_with(model.id, &input, options).await;
    // The id is shared before the submit is over, so that a signal in between reports it.
    if let Ok(job) = &submitted {
        accepted(job, &progress, context, report);
    }
    context.shared_jobs.set_submitting(None);
    let job = match submitted {
        Ok(job) => job,
        Err(SubmitError::Unknown(unknown)) => {
            let job = look(client, unknown, deadline, &progress, context, report).await?;
            accepted(&job, &progress, context, report);
            job
        }
        Err(error) => return Err(error.into()),
    };
    // The id is the result then, also for a script that reads only stdout.
    if context.global.no_wait {
        report.lines.push(job.id().to_string());
        return Ok(());
    }
    wait(client, job, options, progress, context, report).await
}

/// Refuses an input whose earlier submit has an unknown outcome, and warns of a running job.
async fn check_duplicate(
    client: &Wavespeed,
    model: &Model,
    input: &Value,
    report: &mut JobReport,
) -> Result<(), Failure> {
    match client.find_duplicate(model.id, input).await? {
        Some(Duplicate::OutcomeUnknown(lost)) => {
            let number = lost.number;
            let message = format!(
                "{number} has the same input, and its outcome is unknown: a second submit could \
                 be billed twice"
            );
            Err(Failure::new(Kind::Lost, message).hint(format!(
                "resume it with: wave resume {number}; to submit again anyway, forget it first: \
                 wave jobs forget {number}"
            )))
        }
        Some(Duplicate::Running(open)) => {
            let number = open.number;
            report.document.duplicate_of = Some(number);
            terminal::warning(&format!(
                "{number} has the same input and is running; this submit creates a second job, \
                 which is billed as well; resume the first with: wave resume {number}"
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reports the id of a job as soon as it is known.
fn accepted(job: &Job, progress: &Progress, context: &Context, report: &mut JobReport) {
    progress.id(job.id());
    report.document.id = Some(job.id().clone());
    report.document.job = job.number();
    if let Some(error) = job.store_error() {
        let note = format!("keep the id: the journal could not record it ({error})");
        report.notes.push(note);
    }
    if let Some(record) = job.submitted() {
        report.document.set_record(&record);
    }
    context.shared_jobs.update(0, report);
}

/// Looks for the job of a submit with an unknown outcome in the vendor's history.
async fn look(
    client: &Wavespeed,
    mut unknown: UnknownOutcome,
    deadline: Deadline,
    progress: &Progress,
    context: &Context,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    report.document.set_answer(&unknown.body);
    let number: Option<JobNumber> = unknown.job;
    if context.global.no_journal {
        // The number is of the store in memory: in another process it is another job, or none.
        unknown.job = None;
    }
    // The search below takes a while, and a signal may end it.
    report.if_unknown = Some(unknown.next());
    context.shared_jobs.update(0, report);
    let failure = || Failure::from(unknown.clone());
    let Some(number) = number else {
        return Err(failure());
    };
    report.document.job = unknown.job;
    // The record has the time of the submit, which limits the search.
    let records = client.jobs(JobFilter::Number(number)).await?;
    let record = records.first().filter(|_| !context.global.no_adopt);
    let Some(record) = record else {
        return Err(failure());
    };
    progress.show("the submit was not answered; looking for the job in the vendor's history");
    let found = reconcile(client, record, deadline, report).await;
    found.map_err(|not_found| match unknown.job {
        // Without a journal there is no number that a hint could name.
        Some(_) => not_found.failure(&failure().message),
        None => failure(),
    })
}

/// Waits for the job of this command, and saves its outputs.
async fn wait(
    client: &Wavespeed,
    job: Job,
    options: &SubmitOptions<'_>,
    progress: Progress,
    context: &Context,
    report: &mut JobReport,
) -> Result<(), Failure> {
    let waiting = WaitContext {
        deadline: options.deadline,
        ..WaitContext::new(client, context, &progress)
    };
    let id = job.id().clone();
    let pending = PendingJob {
        at: 0,
        job,
        target: options.target,
        report: std::mem::take(report),
    };
    let ends = wait_and_save(waiting, 1, stream::iter([pending]), |end| end).await;
    let (pending, result) = ends
        .into_iter()
        .next()
        .expect("one job came in, so one comes out");
    *report = pending.report;
    if result.is_ok() && options.target.is_none() && context.global.emulate {
        // The progress line must not overwrite the note.
        drop(progress);
        context.note("the emulator ends now, and its files with it; -o saves them");
    }
    result.map_err(|failure| failure.after_submit(&id))
}
