//! `wave jobs`: what the journal remembers.

use clap::ArgMatches;
use wavespeed::{JobFilter, JobRecord, PredictionId, Wavespeed};

use crate::context::Context;
use crate::output::document::JobDocument;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::table::answer;
use crate::output::terminal;

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    let report = async {
        let client = context.client().await?;
        match matches.subcommand() {
            Some(("show", matches)) => show(&client, matches).await,
            Some(("forget", matches)) => forget(&client, matches).await,
            _ => list(&client, matches).await,
        }
    };
    report.await.unwrap_or_else(Report::failed)
}

async fn list(client: &Wavespeed, matches: &ArgMatches) -> Result<Report, Failure> {
    let which = if matches.get_flag("open") {
        JobFilter::Open
    } else {
        JobFilter::All
    };
    let jobs = client.jobs(which).await?;
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let rows = documents.iter().map(|job| {
        let open = if job.open { "open" } else { "" };
        let id = job.id.clone().unwrap_or_else(|| "-".to_owned());
        let (stage, at) = (job.stage.to_owned(), job.at.clone());
        vec![
            job.job.clone(),
            at,
            stage,
            open.to_owned(),
            id,
            job.model.clone(),
        ]
    });
    let header = ["JOB", "AT", "STAGE", "", "ID", "MODEL"];
    Ok(answer(&header, rows.collect(), &documents))
}

async fn show(client: &Wavespeed, matches: &ArgMatches) -> Result<Report, Failure> {
    let jobs = named(client, matches).await?;
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let json = pretty(&documents);
    let lines = json.lines().map(str::to_owned).collect();
    Ok(Report::Answer {
        lines,
        json,
        exit: Exit::Done,
    })
}

async fn forget(client: &Wavespeed, matches: &ArgMatches) -> Result<Report, Failure> {
    let jobs = named(client, matches).await?;
    for job in &jobs {
        client.forget(job.number).await?;
        if job.is_open() {
            let task = match &job.id {
                Some(id) => format!("its task {id} goes on"),
                None => "a task of it may have been created and billed".to_owned(),
            };
            terminal::warning(&format!("{} was not done: {task}", job.number));
        }
    }
    let documents: Vec<JobDocument> = jobs.iter().map(JobDocument::from).collect();
    let lines = documents.iter().map(|job| job.job.clone()).collect();
    Ok(Report::Answer {
        lines,
        json: pretty(&documents),
        exit: Exit::Done,
    })
}

async fn named(client: &Wavespeed, matches: &ArgMatches) -> Result<Vec<JobRecord>, Failure> {
    let ids: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
    find_all(client, &ids).await
}

/// The jobs of these numbers or ids in the journal, in their order.
pub(super) async fn find_all(
    client: &Wavespeed,
    texts: &[&String],
) -> Result<Vec<JobRecord>, Failure> {
    let mut jobs = Vec::new();
    for text in texts {
        jobs.push(find(client, text).await?);
    }
    Ok(jobs)
}

/// The job of this number or id in the journal.
pub(super) async fn find(client: &Wavespeed, text: &str) -> Result<JobRecord, Failure> {
    let jobs = match (text.parse(), text.parse::<PredictionId>()) {
        (Ok(number), _) => client.jobs(JobFilter::Number(number)).await?,
        (_, Ok(id)) => client.jobs(JobFilter::Id(&id)).await?,
        (Err(_), Err(_)) => {
            let message = format!(
                "{text:?} is neither the number of a job, such as j17, nor the id of a task"
            );
            return Err(Failure::usage(message).hint("see what there is: wave jobs"));
        }
    };
    jobs.into_iter().next().ok_or_else(|| {
        Failure::usage(format!("{text} is not in the journal of this account"))
            .hint("see what is: wave jobs; a job belongs to the key and the base URL it was submitted with")
    })
}
