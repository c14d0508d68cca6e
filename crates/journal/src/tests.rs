//! Tests of properties that the public interface does not show.

use super::*;

#[test]
fn queries_for_open_jobs_and_ids_use_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let (_, connection) = open::open(&folder.path().join("journal.db")).unwrap();
    for (condition, index) in [(IS_OPEN, "open_jobs"), ("id = ?3", "known_jobs")] {
        let mut plan = connection
            .prepare(&format!(
                "EXPLAIN QUERY PLAN {}",
                select_jobs(&in_account(condition))
            ))
            .unwrap();
        let values = rusqlite::params_from_iter(vec![""; plan.parameter_count()]);
        let steps = plan
            .query_map(values, |row| row.get::<_, String>("detail"))
            .unwrap();
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        let [step] = &steps[..] else {
            panic!("{steps:?}")
        };
        assert!(
            step.contains(&format!(
                "USING INDEX {index} (base_url=? AND fingerprint=?"
            )),
            "{step}"
        );
    }
}
