//! Reads the records of jobs: a row of the table of jobs, with the files and attempts of the job.

use rusqlite::{Connection, Row, params_from_iter};
use wavespeed::serde_json;
use wavespeed::{
    Account, Adoption, Identity, Intent, JobNumber, JobRecord, ModelId, PredictionId, Stage,
    Status, Target,
};

use super::jobs::COLUMNS;
use super::reader::RowReader;
use super::selection::Selection;
use super::values::{path, time};
use super::{attempts, files};
use crate::error::JournalError;

/// Returns the query for the jobs that fulfil a condition, oldest first.
pub(crate) fn query(condition: &str) -> String {
    format!("SELECT {COLUMNS} FROM jobs WHERE {condition} ORDER BY number")
}

/// Reads the chosen jobs, oldest first. A forgotten job that cannot be read is left out: nothing could be
/// done about it, and its ids are found without this.
pub(crate) fn select(
    connection: &Connection,
    selection: &Selection,
) -> Result<Vec<JobRecord>, JournalError> {
    let condition = &selection.condition;
    let mut jobs = Vec::new();
    for_each_row(connection, &query(condition), selection, |row| {
        match read(row) {
            Err(_) if row.get("forgotten")? => {}
            job => jobs.push(job?),
        }
        Ok(())
    })?;
    if jobs.is_empty() {
        return Ok(jobs);
    }
    // One query for the files of all jobs and one for their attempts. The jobs are in the order of
    // their numbers, so each row finds its job by a binary search.
    for_each_row(connection, &files::query(condition), selection, |row| {
        let (number, file) = files::read(row)?;
        if let Some(job) = find(&mut jobs, number) {
            job.files.push(file);
        }
        Ok(())
    })?;
    for_each_row(connection, &attempts::query(condition), selection, |row| {
        let number: i64 = row.get("job")?;
        if let Some(job) = find(&mut jobs, number.unsigned_abs()) {
            match attempts::read(row) {
                Err(_) if job.forgotten => {}
                attempt => job.attempts.push(attempt?),
            }
        }
        Ok(())
    })?;
    Ok(jobs)
}

fn for_each_row(
    connection: &Connection,
    sql: &str,
    selection: &Selection,
    mut work: impl FnMut(&Row<'_>) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params_from_iter(&selection.values))?;
    while let Some(row) = rows.next()? {
        work(row)?;
    }
    Ok(())
}

fn find(jobs: &mut [JobRecord], number: u64) -> Option<&mut JobRecord> {
    let index = jobs.binary_search_by_key(&number, |job| job.number.get());
    jobs.get_mut(index.ok()?)
}

/// Reads the record of a job, without its files and attempts, from a row with all columns.
fn read(row: &Row<'_>) -> Result<JobRecord, JournalError> {
    let reader = RowReader::new(row, "jobs", "number")?;
    let number = reader.parse("number", |number: i64| u64::try_from(number))?;
    let account = Account::new(
        reader.get::<String>("base_url")?,
        reader.get::<String>("account")?,
    );
    let model: ModelId = reader.parse("model", |text: String| text.parse())?;
    let parts = reader.parse("parts", |text: String| serde_json::from_str(&text))?;
    let identity = Identity::from_parts(reader.get::<String>("digest")?, parts);
    let body: String = reader.get("body")?;
    let intent = Intent::new(
        &account,
        &model,
        &body,
        &identity,
        reader.parse("at", time)?,
    );
    let mut job = JobRecord::new(JobNumber::new(number), &intent);
    job.key_fingerprint = reader.get("key_fingerprint")?;
    job.key = reader.parse_option("idempotency_key", |key: String| key.parse())?;
    job.label = reader.get("label")?;
    job.price = reader.get("price")?;
    job.target = target(&reader)?;
    job.webhook = reader.get("webhook")?;
    job.webhook_token = reader.get("webhook_token")?;
    job.clock_offset = reader.get("clock_offset")?;
    job.serialised = reader.get("serialised")?;
    job.lost_at = reader.parse_option("lost_at", time)?;
    job.stage = reader.parse("stage", |stage: String| stage.parse::<Stage>())?;
    job.id = reader.parse_option("id", |id: String| id.parse::<PredictionId>())?;
    job.adopted = reader.parse_option("adopted", |reason: String| reason.parse::<Adoption>())?;
    job.status = reader.get::<Option<String>>("status")?.map(Status::from);
    job.answer = reader.get("answer")?;
    job.prediction = reader.get("prediction")?;
    job.forgotten = reader.get("forgotten")?;
    Ok(job)
}

fn target(reader: &RowReader<'_>) -> Result<Option<Target>, JournalError> {
    let (folder, force): (bool, bool) = (reader.get("folder")?, reader.get("force")?);
    // The target is not looked up again: a folder stays one even if it was removed since.
    let new = if folder { Target::folder } else { Target::file };
    let path = reader.parse_option("target", |bytes: Vec<u8>| path(&bytes))?;
    Ok(path.map(|path| new(path).force(force)))
}
