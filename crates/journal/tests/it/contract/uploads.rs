//! Tests of the records of uploads and of the hashes of files.

use std::time::{Duration, SystemTime};

use pollster::FutureExt as _;
use wavespeed::{Account, Content, FileState, Store, UploadRecord};

use super::{on_both_stores, other_account};
use crate::store::{account, at};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn upload(content: &Content, name: &str, at: SystemTime) -> UploadRecord {
    let url = format!("https://m.example/{name}");
    UploadRecord::new(content.clone(), 100, url, at)
}

#[test]
fn both_stores_record_uploads() {
    on_both_stores(assert_records_uploads);
}

/// Checks the uploads of one content, and the hash of its file.
fn assert_records_uploads(store: &dyn Store) {
    let mine = account();
    let video = Content::new("ab".repeat(32), "mp4");
    let found = |content: &Content| store.find_upload(&mine, content).block_on().unwrap();
    let hash = |file: &FileState| store.find_hash(file).block_on().unwrap();
    let first = upload(&video, "1", at());
    let modified = at() - HOUR + Duration::from_nanos(123_456_789);
    let file = FileState::new("/films/a.mp4", 100, modified);
    assert_eq!((found(&video), hash(&file)), (None, None));
    let recorded = store.record_upload(&mine, &first, Some(&file));
    recorded.block_on().unwrap();
    assert_eq!(found(&video), Some(first.clone()));
    assert_eq!(hash(&file), Some(video.sha256.clone()));

    // A different path, length or modification time, to the nanosecond, is a different state.
    for other in [
        FileState::new("/films/b.mp4", 100, modified),
        FileState::new("/films/a.mp4", 101, modified),
        FileState::new("/films/a.mp4", 100, modified + Duration::from_nanos(1)),
    ] {
        assert_eq!(hash(&other), None, "{other:?}");
    }
    // Other content, another extension and another account have separate uploads.
    let other_content = Content::new("cd".repeat(32), "mp4");
    let other_extension = Content::new("ab".repeat(32), "mov");
    assert_eq!(
        (found(&other_content), found(&other_extension)),
        (None, None)
    );
    let them = other_account();
    assert_eq!(store.find_upload(&them, &video).block_on().unwrap(), None);
    assert!(!store.forget_upload(&them, &first.url).block_on().unwrap());
}

#[test]
fn both_stores_replace_and_remove_uploads() {
    on_both_stores(assert_replaces_and_removes_uploads);
}

fn assert_replaces_and_removes_uploads(store: &dyn Store) {
    let (mine, them) = (account(), other_account());
    let video = Content::new("ab".repeat(32), "mp4");
    let other_content = Content::new("cd".repeat(32), "mp4");
    let found = |content: &Content| store.find_upload(&mine, content).block_on().unwrap();
    let hash = |file: &FileState| store.find_hash(file).block_on().unwrap();
    let record = |account: &Account, upload: &UploadRecord, file: Option<&FileState>| {
        let recorded = store.record_upload(account, upload, file);
        recorded.block_on().unwrap();
    };
    let file = FileState::new("/films/a.mp4", 100, at() - HOUR);
    record(&mine, &upload(&video, "1", at()), Some(&file));

    // A new upload replaces the old one. A new state of a file replaces its old state.
    let second = upload(&video, "2", at() + HOUR);
    record(&mine, &second, None);
    assert_eq!(found(&video), Some(second.clone()));
    assert_eq!(hash(&file), Some(video.sha256.clone()));
    let changed = FileState::new("/films/a.mp4", 100, at());
    let third = upload(&other_content, "3", at() + HOUR);
    record(&mine, &third, Some(&changed));
    assert_eq!(hash(&file), None);
    assert_eq!(hash(&changed), Some(other_content.sha256.clone()));

    // A forgotten upload is not found. Recording an upload removes those that have expired.
    let forget = |url| store.forget_upload(&mine, url).block_on().unwrap();
    assert!(forget(&second.url));
    assert!(!forget(&second.url));
    assert_eq!(
        (found(&video), found(&other_content)),
        (None, Some(third.clone()))
    );
    record(&them, &upload(&video, "4", third.kept_until), None);
    assert_eq!(found(&other_content), None);
    assert_eq!(hash(&changed), None);
}
