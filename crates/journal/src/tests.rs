//! Tests of properties that the public interface does not show.

use rusqlite::params_from_iter;
use wavespeed::Identity;

use super::*;

/// Returns the steps by which SQLite carries out a query.
fn plan(connection: &Connection, sql: &str, values: &[rusqlite::types::Value]) -> Vec<String> {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let steps = plan.query_map(params_from_iter(values), |row| row.get("detail"));
    steps.unwrap().map(Result::unwrap).collect()
}

#[test]
fn queries_for_jobs_use_an_index_and_need_no_sorting() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open::open(&folder.path().join("journal.db")).unwrap();
    let connection = opened.connection;
    let account = Account::new("https://a.example", "default");
    let (id, key) = ("pred_1".parse().unwrap(), "k".parse().unwrap());
    let (model, identity) = ("a/b".parse().unwrap(), Identity::default());
    let at = std::time::SystemTime::UNIX_EPOCH;
    let intent = Intent::new(&account, &model, "{}", &identity, at);
    let filter = |filter| Selection::from_filter(&account, filter).unwrap();
    for (selection, expected) in [
        (
            filter(JobFilter::Open),
            "open_jobs (base_url=? AND account=?)",
        ),
        (filter(JobFilter::Id(&id)), "job_ids (base_url=? AND id=?)"),
        (
            filter(JobFilter::Key(&key)),
            "job_keys (base_url=? AND account=? AND idempotency_key=?)",
        ),
        (
            filter(JobFilter::Number(JobNumber::new(1))),
            "INTEGER PRIMARY KEY (rowid=?)",
        ),
        (Selection::from_intent(&intent), "job_digests (digest=?)"),
    ] {
        let (condition, values) = (&selection.condition, &selection.values);
        let mut jobs = plan(&connection, &records::query(condition), values);
        // A unique index finds one row at most. Older versions of SQLite sort that row.
        if expected.starts_with("job_keys") {
            jobs.retain(|step| step != "USE TEMP B-TREE FOR ORDER BY");
        }
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        assert!(jobs[0].ends_with(expected), "{jobs:?}");
        // The files and the attempts are found by their jobs.
        for sql in [files::query(condition), attempts::query(condition)] {
            let steps = plan(&connection, &sql, values);
            let is_scan = |step: &String| step.starts_with("SCAN");
            assert!(!steps.iter().any(is_scan), "{steps:?}");
        }
    }
}

#[test]
fn queries_for_the_owner_of_an_id_use_indices() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open::open(&folder.path().join("journal.db")).unwrap();
    let connection = opened.connection;
    let values = ["".to_owned().into(), "".to_owned().into()];
    let steps = plan(&connection, ids::OWNERS, &values);
    let is_scan = |step: &String| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW";
    assert!(!steps.iter().any(is_scan), "{steps:?}");
}
