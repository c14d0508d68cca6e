//! `wave jobs`: the jobs of the journal.

use wavespeed::{JobFilter, JobRecord, Wavespeed};

use crate::args::jobs::{Jobs, JobsArgs, JobsCommand};
use crate::context::Context;
use crate::find_job::find_all;
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
        None => list(&client, args.open).await,
    }
}

async fn list(client: &Wavespeed, open: bool) -> Result<Report, Failure> {
    let filter = match open {
        true => JobFilter::Open,
        false => JobFilter::All,
    };
    let jobs = client.jobs(filter).await?;
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

/// Returns the stage of a job, and the status of one that ended otherwise than completed.
fn stage(job: &JobDocument) -> String {
    match &job.status {
        Some(status) if job.stage == "ended" => format!("ended ({status})"),
        _ => job.stage.to_owned(),
    }
}

async fn show(client: &Wavespeed, args: &Jobs) -> Result<Report, Failure> {
    let jobs = find_all(client, &args.jobs).await?;
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let lines = pretty(&documents).lines().map(str::to_owned).collect();
    Ok(Report::answer(lines, &documents))
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
