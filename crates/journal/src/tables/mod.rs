//! The tables of a journal: their schemas, and the conversion of records to rows and back.
//!
//! A job is a row of [`jobs`], with its saved outputs in [`files`] and its earlier attempts in
//! [`attempts`]; [`ids`] answers which job an id belongs to. [`uploads`] and [`durations`] do not belong
//! to a job.

pub(crate) mod attempts;
pub(crate) mod durations;
pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod jobs;
mod reader;
pub(crate) mod records;
pub(crate) mod selection;
pub(crate) mod uploads;
pub(crate) mod values;

/// Returns the SQL that creates all tables and indices.
pub(crate) fn schema() -> String {
    let jobs = jobs::schema();
    let others = [
        files::SCHEMA,
        attempts::SCHEMA,
        uploads::SCHEMA,
        durations::SCHEMA,
    ];
    jobs + &others.concat()
}

/// Queries that fail if a table, a column or an index is missing. Preparing them is enough.
pub(crate) const VERIFY: [&str; 10] = [
    "SELECT 1 FROM jobs INDEXED BY job_keys WHERE idempotency_key IS NOT NULL",
    "SELECT 1 FROM jobs INDEXED BY job_ids WHERE id IS NOT NULL",
    "SELECT 1 FROM jobs INDEXED BY job_digests WHERE digest = ''",
    "SELECT 1 FROM jobs INDEXED BY job_tokens WHERE webhook_token IS NOT NULL",
    "SELECT job, number, path, url, bytes, sha256 FROM files",
    "SELECT job, position, at, id, status, price FROM attempts",
    "SELECT 1 FROM attempts INDEXED BY attempt_ids WHERE id = ''",
    "SELECT base_url, account, sha256, extension, bytes, url, at, kept_until FROM uploads",
    "SELECT path, bytes, modified, sha256 FROM hashes",
    "SELECT base_url, account, model, at, id, milliseconds FROM durations",
];
