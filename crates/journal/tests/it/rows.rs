//! Tests of what the journal stores of a job: paths, targets and inputs come back unchanged, API keys
//! are never stored, and unreadable rows are reported. Each test writes a job and reads it back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pollster::FutureExt as _;
use wavespeed::serde_json::json;
use wavespeed::{
    Adoption, Downloaded, Intent, JobFilter, JobNumber, JobRecord, Resolution, Settlement,
    Store as _, StoreErrorKind, Target,
};
use wavespeed_harness::store_contract::{
    DAY, Submit, accept, account, at, end, files, id, prediction, recorded, unclaimed,
};
use wavespeed_journal::Journal;

use super::store::{intend, job, journal, numbers, other_connection, settle};

/// Returns a path that is not Unicode, where such paths can exist.
fn odd_path(folder: &Path) -> std::path::PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        folder.join(std::ffi::OsStr::from_bytes(b"\xff\n\xfe.mp4"))
    }
    #[cfg(not(unix))]
    folder.join("\u{e9}\u{1f600}.mp4")
}

/// Records a job in which every field has a value, and returns its record.
fn full_job(journal: &Journal, path: &Path) -> JobRecord {
    let submit = Submit::of_input(&json!({ "a/b~c": [1.5, { "é\u{0}": null }] })).key("é 1");
    let mut intent = submit.intent();
    let failed = id("pred_1");
    intent.retry = Some(&failed);
    intent.price = Some(f64::MIN_POSITIVE);
    let number = unclaimed(journal, &intent).block_on();
    accept(journal, number, "pred_1").block_on();
    end(journal, &account(), "pred_1", "failed").block_on();

    let target = Target::file(path.to_owned()).force(true);
    intent.at += DAY + Duration::from_millis(1);
    intent.label = Some("\u{0}\n\t'\"é😀'; DROP TABLE jobs; --");
    intent.price = Some(0.1 + 0.2);
    intent.target = Some(&target);
    intent.webhook = Some("https://a.example/hook");
    intent.webhook_token = Some("token");
    let (again, _claim, _) = recorded(journal, &intent).block_on();
    assert_eq!(again, number);
    let adopted = Resolution::Adopted(id("pred_2"), Adoption::Chosen);
    let unknown = Settlement::new(Resolution::Unknown, Some("<html>\u{0}".into()), Some(-7));
    let unknown = unknown.lost_at(intent.at + Duration::from_secs(30));
    for settlement in [unknown, adopted.into()] {
        journal.settle(number, &settlement).block_on().unwrap();
    }
    end(journal, &account(), "pred_2", "completed").block_on();
    let mut saved = files();
    saved.push(Downloaded::new(
        3,
        path,
        "https://m.example/3",
        u64::from(u32::MAX),
        "cd",
    ));
    let recorded = journal.record_saved(&account(), &id("pred_2"), &saved);
    recorded.block_on().unwrap();

    let record = job(journal, number);
    assert_eq!(record.files, saved);
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].price, Some(f64::MIN_POSITIVE));
    assert_eq!((record.at, record.price), (intent.at, intent.price));
    assert_eq!(
        (record.label.as_deref(), record.target.as_ref()),
        (intent.label, Some(&target))
    );
    assert_eq!(record.body, intent.body);
    assert_eq!(record.identity, *intent.identity);
    record
}

#[test]
fn every_field_is_read_as_it_was_written() {
    let (folder, journal) = journal();
    let record = full_job(&journal, &odd_path(folder.path()));
    // Another job, so that files and attempts could be mixed up.
    let other = intend(&journal, &account(), None);
    let path = journal.path().to_owned();
    drop(journal);
    let journal = Journal::open(path).unwrap();
    let all = journal.jobs(&account(), JobFilter::All).block_on().unwrap();
    assert_eq!(all[0], record);
    assert_eq!(all[1].number, other);
    assert_eq!(
        (&all[1].files[..], &all[1].attempts[..]),
        (&[][..], &[][..])
    );
    // No field of the record has its default value, so none can be missing.
    let text = format!("{record:#?}");
    assert!(
        !text.contains("None") && !text.contains("[]") && !text.contains("\"\","),
        "{text}"
    );
}

#[test]
fn body_is_stored_unchanged() {
    let (_folder, journal) = journal();
    let submit = Submit::new("Hello");
    let intent = submit.intent();
    // The order of fields, every digit and every character are kept, and so is what is not JSON.
    let deep = "[".repeat(10_000);
    for body in [
        r#"{ "z": 1.10, "a": 99.53445921031731000, "big": 1e400, "\u00e9": "é" }"#,
        "no JSON \u{0}",
        &deep,
        "",
    ] {
        let mut submit = Intent::new(intent.account, intent.model, body, intent.identity, at());
        submit.key_fingerprint = intent.key_fingerprint;
        let number = unclaimed(&journal, &submit).block_on();
        assert_eq!(job(&journal, number).body, body);
        settle(&journal, number, Resolution::Rejected);
    }
}

#[test]
fn folder_target_remains_a_folder_after_its_removal() {
    let (folder, journal) = journal();
    let home = folder.path().join("videos");
    fs::create_dir(&home).unwrap();
    let target = Target::new(&home);
    let number = intend(&journal, &account(), Some(&target));
    fs::remove_dir(&home).unwrap();
    let kept = job(&journal, number).target.unwrap();
    assert!(kept.is_folder());
    assert_eq!(kept, target);
}

#[test]
fn api_key_in_place_of_a_fingerprint_is_not_stored() {
    let (folder, journal) = journal();
    let submit = Submit::new("Hello");
    let mut intent = submit.intent();
    intent.key_fingerprint = "wsk_live_secret";
    let error = journal.intend(&intent).block_on().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Failed);
    assert!(error.to_string().contains("fingerprint"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(numbers(&journal, &account(), JobFilter::All), []);
    drop(journal);
    let bytes = fs::read(folder.path().join("journal.db")).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"secret"));
}

#[test]
fn unreadable_column_keeps_neither_the_end_nor_the_saving_from_being_recorded() {
    let (_folder, journal) = journal();
    let (mine, pred) = (account(), id("pred_1"));
    let connection = other_connection(&journal);
    let files = files();
    let set = |number: JobNumber, column: &str, value: &str| {
        let sql = format!(
            "UPDATE jobs SET {column} = '{value}' WHERE number = {}",
            number.get()
        );
        assert_eq!(connection.execute(&sql, []).unwrap(), 1);
    };
    let stage = |number: JobNumber| -> (String, String) {
        let sql = "SELECT stage, status FROM jobs WHERE number = ?";
        let number = i64::try_from(number.get()).unwrap();
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        connection.query_row(sql, [number], columns).unwrap()
    };
    let words = |stage: &str| (stage.to_owned(), "completed".to_owned());
    for (column, value) in [("parts", "{"), ("model", "no-model"), ("stage", "archived")] {
        // A second job with the same id must not be rolled back with the unreadable one.
        let [damaged, intact] = [(); 2].map(|()| intend(&journal, &mine, None));
        for number in [damaged, intact] {
            settle(&journal, number, Resolution::Accepted(pred.clone()));
        }
        set(damaged, column, value);
        let ended = prediction("pred_1", "completed");
        journal.record_end(&mine, &ended).block_on().unwrap();
        assert_eq!(
            [damaged, intact].map(stage),
            [(); 2].map(|()| words("ended")),
            "{column}"
        );

        set(damaged, column, value);
        journal
            .record_saved(&mine, &pred, &files)
            .block_on()
            .unwrap();
        assert_eq!(
            [damaged, intact].map(stage),
            [(); 2].map(|()| words("saved")),
            "{column}"
        );
        assert_eq!(job(&journal, intact).files.len(), 2);
        // A later report of the end does not undo the saving.
        journal.record_end(&mine, &ended).block_on().unwrap();
        assert_eq!(
            [damaged, intact].map(stage),
            [(); 2].map(|()| words("saved")),
            "{column}"
        );
        for number in [damaged, intact] {
            assert!(journal.forget(number).block_on().unwrap());
        }
    }
}

#[test]
fn unreadable_row_is_named_and_can_be_forgotten() {
    let (folder, journal) = journal();
    let path = folder.path().join("out.mp4");
    for (table, column, value) in [
        ("jobs", "stage", "'melted'"),
        ("jobs", "model", "'no-model'"),
        ("jobs", "idempotency_key", "''"),
        ("jobs", "at", "-1"),
        ("jobs", "body", "CAST(x'ff' AS TEXT)"),
        ("files", "bytes", "-1"),
        ("attempts", "id", "''"),
    ] {
        let number = full_job(&journal, &path).number;
        let sql = format!("UPDATE {table} SET {column} = {value}");
        assert!(other_connection(&journal).execute(&sql, []).unwrap() > 0);
        let all = journal.jobs(&account(), JobFilter::All).block_on();
        let error = all.unwrap_err().to_string();
        let file = folder.path().join("journal.db");
        let file = file.display();
        let expected = format!("the journal {file}: {number} has a {column} that cannot be read: ");
        assert!(error.starts_with(&expected), "{error}");
        let hint = format!("; fix the row in the table {table}, or forget the job");
        assert!(error.ends_with(&hint), "{error}");
        // Neither another job nor the ids of this one are affected.
        let other = Submit::new(column).key(column);
        let other = unclaimed(&journal, &other.intent()).block_on();
        settle(&journal, other, Resolution::Rejected);
        let known = journal.known_ids(&account(), &[id("pred_2")]).block_on();
        assert_eq!(known.unwrap(), [id("pred_2")]);
        for number in [number, other] {
            assert!(journal.forget(number).block_on().unwrap());
        }
        assert_eq!(numbers(&journal, &account(), JobFilter::All), []);
        // What is left of the unreadable job keeps no reconciliation from being carried out.
        journal
            .jobs(&account(), JobFilter::BaseUrl)
            .block_on()
            .unwrap();
        let known = journal.known_ids(&account(), &[id("pred_2")]).block_on();
        assert_eq!(known.unwrap(), [id("pred_2")]);
        let all = "DELETE FROM jobs; DELETE FROM attempts";
        other_connection(&journal).execute_batch(all).unwrap();
    }
}

#[test]
fn forgetting_leaves_only_the_ids_and_the_stage() {
    let (folder, journal) = journal();
    let mut expected = full_job(&journal, &folder.path().join("out.mp4"));
    assert!(journal.forget(expected.number).block_on().unwrap());
    expected.forget();
    let left = journal.jobs(&account(), JobFilter::BaseUrl);
    assert_eq!(left.block_on().unwrap(), [expected]);
    let sql = "SELECT count(*) FROM files";
    let connection = other_connection(&journal);
    let files: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(files, 0);
}
