//! Tests of a journal that cannot be written: it is read, and the error of writing says why. Most run in a
//! child process with a mount, a limit or rights of its own.

use std::fs;
use std::path::Path;

use pollster::FutureExt as _;
use wavespeed::{JobFilter, JobNumber, Resolution, Store as _};
use wavespeed_harness::store_contract::{Submit, account, id};
use wavespeed_journal::{Journal, OpenError};

use crate::child::ChildTest;
use crate::open::empty_folder;
use crate::store::{intend, job, journal, numbers, settle};

/// The number of the only job of a journal.
fn the_job() -> JobNumber {
    JobNumber::new(1)
}

/// Adds a job to the journal `journal.db` in a folder, and closes it.
fn closed(folder: &Path) {
    let journal = Journal::open(folder.join("journal.db")).unwrap();
    assert_eq!(intend(&journal, &account(), None), the_job());
    settle(&journal, the_job(), Resolution::Accepted(id("pred_1")));
}

/// As [`closed`], but leaves the files of a killed process: the id of the job is in the log only.
fn killed(folder: &Path) {
    let running = tempfile::tempdir().unwrap();
    let journal = Journal::open(running.path().join("journal.db")).unwrap();
    assert_eq!(intend(&journal, &account(), None), the_job());
    settle(&journal, the_job(), Resolution::Accepted(id("pred_1")));
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::copy(running.path().join(file), folder.join(file)).unwrap();
    }
}

/// Checks that a journal cannot be opened for this reason, and can be read.
fn check_readable(path: &Path, reason: &str) {
    let error = Journal::open(path).unwrap_err();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
    let journal = Journal::open_read_only(path).unwrap();
    assert_eq!(numbers(&journal, &account(), JobFilter::Open), [the_job()]);
    assert_eq!(job(&journal, the_job()).id, Some(id("pred_1")));
    check_read_only(&journal);
}

/// Checks that every call that writes fails, above all the one before a submit.
fn check_read_only(journal: &Journal) {
    let submit = Submit::new("Hello");
    for error in [
        journal.intend(&submit.intent()).block_on().unwrap_err(),
        journal.claim(the_job()).block_on().unwrap_err(),
        journal
            .settle(the_job(), &Resolution::Unknown.into())
            .block_on()
            .unwrap_err(),
        journal.forget(the_job()).block_on().unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("open for reading only"),
            "{error}"
        );
    }
}

#[test]
fn journal_is_read_while_another_program_writes_it() {
    let (_folder, journal) = journal();
    let reader = Journal::open_read_only(journal.path()).unwrap();
    assert_eq!(numbers(&reader, &account(), JobFilter::All), []);
    let number = intend(&journal, &account(), None);
    assert_eq!(numbers(&reader, &account(), JobFilter::All), [number]);
    check_read_only(&reader);
    assert_eq!(numbers(&journal, &account(), JobFilter::All), [number]);
}

#[test]
fn reading_needs_a_journal_and_changes_nothing() {
    let (folder, path) = empty_folder();
    let error = Journal::open_read_only(&path).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::write(&path, "no database ".repeat(2_000)).unwrap();
    let error = Journal::open_read_only(&path).unwrap_err();
    assert!(matches!(error, OpenError::NotJournal { .. }), "{error}");
    // Characters that have a meaning in a URI.
    let path = folder.path().join("a b?c=%41#d&é.db");
    drop(Journal::open(&path).unwrap());
    let before = fs::read(&path).unwrap();
    drop(Journal::open_read_only(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn journal_on_a_read_only_mount_is_read() {
    let child = ChildTest {
        name: "read_only::journal_on_a_read_only_mount_is_read",
        prepare: closed,
        script: "mount --bind . . && mount -o remount,bind,ro .",
        test: |folder| check_readable(&folder.join("journal.db"), "Read-only file system"),
    };
    child.run_in_namespace();
}

#[test]
fn journal_of_a_killed_process_on_a_read_only_mount_is_read() {
    let child = ChildTest {
        name: "read_only::journal_of_a_killed_process_on_a_read_only_mount_is_read",
        prepare: killed,
        script: "mount --bind . . && mount -o remount,bind,ro .",
        test: |folder| check_readable(&folder.join("journal.db"), "Read-only file system"),
    };
    child.run_in_namespace();
}

#[test]
fn journal_on_a_full_disk_is_read() {
    let child = ChildTest {
        name: "read_only::journal_on_a_full_disk_is_read",
        prepare: closed,
        script: "mkdir disk && mount -t tmpfs -o size=256k none disk && cp journal.db disk && \
                 ! dd if=/dev/zero of=disk/other bs=4096 2>/dev/null",
        test: |folder| check_readable(&folder.join("disk/journal.db"), "No space left"),
    };
    child.run_in_namespace();
}

#[test]
fn journal_whose_process_may_write_no_file_is_read() {
    let child = ChildTest {
        name: "read_only::journal_whose_process_may_write_no_file_is_read",
        prepare: closed,
        // The signal would end the process at the first write.
        script: "trap '' XFSZ && ulimit -f 0",
        test: |folder| check_readable(&folder.join("journal.db"), "File too large"),
    };
    child.run_under(&["env"], child.script);
}

#[test]
fn journal_without_permission_to_write_is_read() {
    let child = ChildTest {
        name: "read_only::journal_without_permission_to_write_is_read",
        prepare: closed,
        script: "chmod 400 journal.db && chmod 500 .",
        test: |folder| {
            check_readable(&folder.join("journal.db"), "Permission denied");
            fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
                .unwrap();
        },
    };
    // Without its capabilities, root has the permissions of any owner.
    let unprivileged = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"];
    child.run_under(&unprivileged, "true");
}

#[test]
fn file_system_without_locks_is_named() {
    let child = ChildTest {
        name: "read_only::file_system_without_locks_is_named",
        prepare: closed,
        script: "true",
        test: |folder| {
            let error = Journal::open(folder.join("journal.db")).unwrap_err();
            assert!(matches!(error, OpenError::NoLocks { .. }), "{error}");
            for part in ["has no file locks (No locks available", "local disk"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        },
    };
    let strace = [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "inject=fcntl:error=ENOLCK",
    ];
    child.run_under(&strace, "true");
}
