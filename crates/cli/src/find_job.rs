//! Looks up the jobs of the command line in the journal.

use wavespeed::{Job, JobFilter, JobNumber, JobRecord, PredictionId, Wavespeed};

use crate::args::job_ref::JobRef;
use crate::output::failure::Failure;
use crate::output::job::JobReport;

/// Returns the record of a job.
pub(crate) async fn find(client: &Wavespeed, job: &JobRef) -> Result<JobRecord, Failure> {
    let filter = match job {
        JobRef::Number(number) => JobFilter::Number(*number),
        JobRef::Id(id) => JobFilter::Id(id),
    };
    let records = client.jobs(filter).await?;
    let record = records.into_iter().next().ok_or_else(|| {
        let message = format!("{job} is not in the journal");
        Failure::usage(message).hint("list its jobs with: wave jobs")
    })?;
    // A number is found whatever the account is, because the vendor's answer decides whether the API key
    // is the right one. Another API has other jobs.
    let base_url = &record.account.base_url;
    if *base_url == client.account().base_url {
        return Ok(record);
    }
    let message = format!("{job} was submitted to the API at {base_url}");
    Err(Failure::usage(message).hint(format!("use that API: --base-url {base_url}")))
}

/// Returns the records of jobs, in their order.
pub(crate) async fn find_all(
    client: &Wavespeed,
    jobs: &[JobRef],
) -> Result<Vec<JobRecord>, Failure> {
    let mut records = Vec::new();
    for job in jobs {
        records.push(find(client, job).await?);
    }
    Ok(records)
}

/// Returns the id of a job, or what `no_id` makes of a job whose id is not known.
pub(crate) async fn id(
    client: &Wavespeed,
    job: &JobRef,
    no_id: impl FnOnce(JobNumber) -> Failure,
) -> Result<PredictionId, Failure> {
    match job {
        JobRef::Id(id) => Ok(id.clone()),
        JobRef::Number(number) => {
            let record = find(client, job).await?;
            record.id.ok_or_else(|| no_id(*number))
        }
    }
}

/// Returns the handle of a job, and adds the record of the journal to the report. A job that is named
/// by its id need not be in the journal.
pub(crate) async fn handle(
    client: &Wavespeed,
    job: &JobRef,
    report: &mut JobReport,
) -> Result<Job, Failure> {
    let id = match job {
        JobRef::Id(id) => {
            // The number of the job is reported, too, if the journal has it.
            if let Some(record) = client.jobs(JobFilter::Id(id)).await?.first() {
                report.document.set_job(record);
                report.is_unverified = false;
            }
            id.clone()
        }
        JobRef::Number(number) => {
            let record = find(client, job).await?;
            report.document.set_job(&record);
            record.id.ok_or_else(|| {
                Failure::usage(format!(
                    "{number} has no id: the outcome of its submit is not known"
                ))
                .hint(format!("find its id with: wave resume {number}"))
            })?
        }
    };
    client.job(&id).map_err(Failure::usage)
}

/// Returns the report of a job of which only the reference is known.
pub(crate) fn unknown_report(job: &JobRef) -> JobReport {
    let mut report = JobReport::default();
    match job {
        JobRef::Number(number) => report.document.job = Some(*number),
        JobRef::Id(id) => {
            report.document.id = Some(id.clone());
            report.is_unverified = true;
        }
    }
    report
}
