//! Tests of what the journal stores of a job: paths, targets and inputs come back unchanged, API keys
//! are never stored, and unreadable rows are reported. Each test writes a job and reads it back.

use std::fs;

use pollster::FutureExt as _;
use wavespeed::serde_json::{Value, json};
use wavespeed::{Account, Intent, JobFilter, JobNumber, Resolution, Store as _, Target};

use super::store::{
    account, at, downloaded, id, intend, job, journal, model, numbers, other_connection, prediction,
};

#[test]
#[cfg(unix)]
fn path_that_is_not_unicode_is_stored_unchanged() {
    use std::os::unix::ffi::OsStrExt as _;
    let (folder, journal) = journal();
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"\xff\n\xfe.mp4"));
    let target = Target::new(&path);
    let number = intend(&journal, &account(), Some(&target));
    journal
        .settle(number, Resolution::Accepted(id("pred_1")))
        .block_on()
        .unwrap();
    let files = downloaded(&path);
    journal
        .record_saved(&account(), &id("pred_1"), &files)
        .block_on()
        .unwrap();
    let job = job(&journal, number);
    assert_eq!(job.target, Some(target));
    assert_eq!(job.files[0], path);
    assert_eq!(job.files.len(), 2);
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
fn input_is_stored_unchanged() {
    let (_folder, journal) = journal();
    let (mine, model) = (account(), model());
    let store_input = |input: &Value| {
        journal
            .intend(&Intent::new(&mine, &model, input, at()))
            .block_on()
            .map(|(number, _claim)| number)
    };
    // The order of fields, every digit and every character are kept.
    let input = json!({
        "z": 1.1, "a": 99.534_459_210_317_31, "big": u64::MAX, "small": 5e-324, "none": null,
        "text": "é\u{0}\n\"😀'; DROP TABLE jobs; --",
    });
    let number = store_input(&input).unwrap();
    assert_eq!(job(&journal, number).input.to_string(), input.to_string());

    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let error = store_input(&deep).unwrap_err().to_string();
    assert!(
        error.contains("the input cannot be kept: recursion limit"),
        "{error}"
    );
    assert_eq!(numbers(&journal, &mine, JobFilter::All), [number]);
}

#[test]
fn api_key_in_place_of_a_fingerprint_is_not_stored() {
    let (folder, journal) = journal();
    let mine = Account::new("https://a.example", "wsk_live_secret");
    let (model, input) = (model(), json!({}));
    let error = journal
        .intend(&Intent::new(&mine, &model, &input, at()))
        .block_on()
        .unwrap_err();
    assert!(error.to_string().contains("fingerprint"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    drop(journal);
    let bytes = fs::read(folder.path().join("journal.db")).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"secret"));
}

#[test]
fn unreadable_column_keeps_neither_the_end_nor_the_saving_from_being_recorded() {
    let (folder, journal) = journal();
    let (mine, pred) = (account(), id("pred_1"));
    let connection = other_connection(&journal);
    let files = downloaded(&folder.path().join("out.mp4"));
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
    for (column, value) in [("input", "{"), ("model", "no-model"), ("stage", "archived")] {
        // A second job with the same id must not be rolled back with the unreadable one.
        let [damaged, intact] = [(); 2].map(|()| intend(&journal, &mine, None));
        for number in [damaged, intact] {
            let accepted = Resolution::Accepted(pred.clone());
            journal.settle(number, accepted).block_on().unwrap();
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
            assert!(journal.forget(&mine, number).block_on().unwrap());
        }
    }
}

#[test]
fn unreadable_row_is_named_and_can_be_forgotten() {
    let (folder, journal) = journal();
    let number = intend(&journal, &account(), None);
    let sql = "UPDATE jobs SET stage = 'melted'";
    other_connection(&journal).execute(sql, []).unwrap();
    let error = journal
        .jobs(&account(), JobFilter::All)
        .block_on()
        .unwrap_err()
        .to_string();
    let file = folder.path().join("journal.db");
    let expected = format!(
        "the journal {}: j1 has a stage that cannot be read",
        file.display()
    );
    assert!(error.starts_with(&expected), "{error}");
    assert!(journal.forget(&account(), number).block_on().unwrap());
    assert!(
        journal
            .jobs(&account(), JobFilter::All)
            .block_on()
            .unwrap()
            .is_empty()
    );
}
