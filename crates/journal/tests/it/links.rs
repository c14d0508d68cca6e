//! Tests of one file behind several paths: symbolic links and mounts of the folder lead to the same claims,
//! and a file with several names is refused.

use std::fs;
use std::path::Path;

use pollster::FutureExt as _;
use wavespeed::{ExistingReason, JobFilter, JobNumber, Resolution, Stage, Store as _};
use wavespeed_harness::store_contract::{
    Submit, account, claims, existing, id, recorded, unclaimed,
};
use wavespeed_journal::{Journal, OpenError};

use crate::child::ChildTest;
use crate::open::empty_folder;
use crate::store::{intend, job, journal, numbers, settle};

/// Checks that the claims of two handles on one file exclude each other.
fn check_claims(journal: &Journal, other: &Journal) {
    claims::a_job_has_one_claim(journal, other).block_on();
    claims::a_claim_lasts_until_the_outcome_is_recorded(journal, other).block_on();
    // The sender of a rejected job waits before it sends the job again.
    let submit = Submit::new("Hello");
    let (first, _claim, _) = recorded(journal, &submit.intent()).block_on();
    settle(journal, first, Resolution::Rejected);
    let (found, reason) = existing(other, &submit.intent()).block_on();
    assert_eq!((found.number, reason), (first, ExistingReason::BeingSent));
}

#[test]
fn claims_are_the_same_through_a_symbolic_link() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link] = ["real", "link"].map(|name| folder.path().join(name));
    fs::create_dir_all(&real).unwrap();
    fs::create_dir_all(&link).unwrap();
    let (real, link) = (real.join("journal.db"), link.join("journal.db"));
    let journal = Journal::open(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let linked = Journal::open(&link).unwrap();
    assert_eq!(linked.path(), link);
    check_claims(&journal, &linked);
}

#[test]
fn claims_are_the_same_through_a_mount_of_the_folder() {
    let child = ChildTest {
        name: "links::claims_are_the_same_through_a_mount_of_the_folder",
        prepare: |_| {},
        script: "mkdir other && mount --bind . other",
        test: |folder| {
            let journal = Journal::open(folder.join("journal.db")).unwrap();
            let other = Journal::open(folder.join("other/journal.db")).unwrap();
            check_claims(&journal, &other);
        },
    };
    child.run_in_namespace();
}

#[test]
fn file_that_is_mounted_without_its_folder_is_refused() {
    let child = ChildTest {
        name: "links::file_that_is_mounted_without_its_folder_is_refused",
        prepare: |folder| drop(Journal::open(folder.join("journal.db")).unwrap()),
        script: "mkdir other && touch other/journal.db && \
                 mount --bind journal.db other/journal.db",
        test: |folder| {
            let mounted = folder.join("other/journal.db");
            let journal = Journal::open(folder.join("journal.db")).unwrap();
            let number = intend(&journal, &account(), None);
            let error = Journal::open(&mounted).unwrap_err();
            assert!(matches!(error, OpenError::Mounted { .. }), "{error}");
            assert!(error.to_string().contains("mount the folder"), "{error}");
            let names = fs::read_dir(mounted.parent().unwrap()).unwrap();
            assert_eq!(names.count(), 1, "no log may be beside the other name");
            assert_eq!(job(&journal, number).stage, Stage::Intended);
        },
    };
    child.run_in_namespace();
}

/// Opens both names of a journal, which must be refused and leave no log behind.
fn assert_linked(folder: &Path, names: [&Path; 2]) {
    let before = fs::read_dir(folder).unwrap().count();
    for name in names {
        let error = Journal::open(name).unwrap_err();
        assert!(
            matches!(error, OpenError::Linked { links: 2, .. }),
            "{error}"
        );
        for part in [&name.display().to_string(), "2 names", "-wal", "-samefile"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), before);
}

#[test]
fn file_with_a_hard_link_is_refused_under_each_of_its_names() {
    let (folder, journal) = journal();
    let path = journal.path().to_owned();
    let link = folder.path().join("link.db");
    let submit = Submit::new("Hello");
    let number = unclaimed(&journal, &submit.intent()).block_on();
    fs::hard_link(&path, &link).unwrap();
    assert_linked(folder.path(), [&path, &link]);

    // The handle that was opened before sends nothing more, and still records what was sent.
    let next = Submit::new("Good-bye");
    for error in [
        journal.intend(&next.intent()).block_on().unwrap_err(),
        journal.claim(number).block_on().unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("the file has 2 names now"),
            "{error}"
        );
    }
    settle(&journal, number, Resolution::Accepted(id("pred_1")));
    assert_eq!(numbers(&journal, &account(), JobFilter::All), [number]);
    fs::remove_file(&link).unwrap();
    assert!(journal.claim(number).block_on().is_ok());
    drop(journal);

    fs::hard_link(&path, &link).unwrap();
    assert_linked(folder.path(), [&path, &link]);
    fs::remove_file(&path).unwrap();
    let journal = Journal::open(&link).unwrap();
    assert_eq!(job(&journal, number).id, Some(id("pred_1")));
}

#[test]
fn journal_that_was_moved_or_replaced_takes_no_claim() {
    let (folder, journal) = journal();
    let number = intend(&journal, &account(), None);
    let moved = folder.path().join("moved.db");
    fs::rename(journal.path(), &moved).unwrap();
    let refused = |expected| {
        let error = journal.claim(number).block_on().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused("the file was moved or removed");
    let (_folder, other) = empty_folder();
    drop(Journal::open(&other).unwrap());
    fs::copy(&other, journal.path()).unwrap();
    refused("another file is in its place");
    fs::rename(&moved, journal.path()).unwrap();
    assert!(journal.claim(JobNumber::new(7)).block_on().is_ok());
}
