//! `wave jobs`: the jobs of the journal.

use wavespeed::{JobFilter, JobRecord, Wavespeed};

use crate::args::job_ref::JobRef;
use crate::args::jobs::{Jobs, JobsArgs, JobsCommand};
use crate::context::Context;
use crate::find_job::{find, find_all};
use crate::output::document::journal::JobDocument;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::shell;
use crate::output::table::{answer, cell};
use crate::output::terminal;

pub(super) async fn jobs(args: &JobsArgs, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    match &args.command {
        Some(JobsCommand::Show(args)) => show(&client, args).await,
        Some(JobsCommand::Forget(args)) => forget(&client, args).await,
        None => list(&client, args.open, context).await,
    }
}

async fn list(client: &Wavespeed, open: bool, context: &Context) -> Result<Report, Failure> {
    let filter = match open {
        true => JobFilter::Open,
        false => JobFilter::All,
    };
    let jobs = client.jobs(filter).await?;
    if let Some(warning) = lost_elsewhere(client).await? {
        context.warn(&warning);
    }
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let rows = documents.iter().map(|job| {
        vec![
            job.job.clone(),
            job.at.clone(),
            stage(job),
            if job.open { "open" } else { "" }.to_owned(),
            cell(job.id.as_ref()),
            job.model.clone(),
        ]
    });
    let header = ["JOB", "AT", "STAGE", "", "ID", "MODEL"];
    Ok(answer(&header, rows.collect(), &documents))
}

/// Returns a warning about the submits of other accounts whose outcomes are not known, if there are any.
async fn lost_elsewhere(client: &Wavespeed) -> Result<Option<String>, Failure> {
    let mut lost = client.jobs(JobFilter::WithoutOutcome).await?;
    lost.retain(|job| job.account != *client.account());
    let submits = match lost.len() {
        0 => return Ok(None),
        1 => "1 submit of another account has no known outcome".to_owned(),
        count => format!("{count} submits of other accounts have no known outcome"),
    };
    let numbers: Vec<_> = lost.iter().map(|job| job.number.to_string()).collect();
    let numbers = numbers.join(" ");
    Ok(Some(format!(
        "{submits} and may have been billed; see with: wave jobs show {numbers}"
    )))
}

/// Returns the stage of a job, and the status of one that ended otherwise than completed.
fn stage(job: &JobDocument) -> String {
    match &job.status {
        Some(status) if job.stage == "ended" => format!("ended ({status})"),
        _ => job.stage.to_owned(),
    }
}

async fn show(client: &Wavespeed, args: &Jobs) -> Result<Report, Failure> {
    let mut jobs = Vec::new();
    for job in &args.jobs {
        jobs.push(find_anywhere(client, job).await?);
    }
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let lines = pretty(&documents).lines().map(str::to_owned).collect();
    Ok(Report::answer(lines, &documents))
}

/// Returns the record of a job, whatever its API is: that of a number is shown without a call of the API.
async fn find_anywhere(client: &Wavespeed, job: &JobRef) -> Result<JobRecord, Failure> {
    if let JobRef::Number(number) = job
        && let Some(record) = client.jobs(JobFilter::Number(*number)).await?.pop()
    {
        return Ok(record);
    }
    find(client, job).await
}

async fn forget(client: &Wavespeed, args: &Jobs) -> Result<Report, Failure> {
    let jobs = find_all(client, &args.jobs).await?;
    for job in &jobs {
        // All jobs are looked up first: a misspelt one leaves the others in the journal.
        client.forget(job.number).await?;
        if let Some(consequence) = consequence(job) {
            terminal::warning(&format!("{} was open: {consequence}", job.number));
        }
        if let Some(key) = &job.key {
            terminal::note(&format!("the key {:?} is free again", key.as_str()));
        }
    }
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let lines = documents.iter().map(|job| job.job.clone()).collect();
    Ok(Report::answer(lines, &documents))
}

/// Returns the consequence of forgetting an open job.
fn consequence(job: &JobRecord) -> Option<String> {
    // The journal keeps the status of the last poll.
    let has_ended = job
        .status
        .as_ref()
        .is_some_and(|status| status.is_terminal());
    match &job.id {
        _ if !job.is_open() => None,
        Some(id) if has_ended => Some(format!(
            "its outputs were not saved; save them with: wave download {}",
            shell::id(id)
        )),
        Some(id) => Some(format!("the job {id} continues and is billed")),
        None => Some("a job may have been created and billed".to_owned()),
    }
}
