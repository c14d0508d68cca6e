//! The rules of the records of uploads and of the hashes of files.

use std::time::{Duration, SystemTime};

use wavespeed::{Account, Content, FileState, Store, UploadRecord};

use super::{account, at, other_account};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn upload(content: &Content, name: &str, at: SystemTime) -> UploadRecord {
    let url = format!("https://m.example/{name}");
    UploadRecord::new(content.clone(), 100, url, at)
}

async fn hash(store: &dyn Store, file: &FileState) -> Option<String> {
    store.find_hash(file).await.unwrap()
}

async fn found(store: &dyn Store, account: &Account, content: &Content) -> Option<UploadRecord> {
    store.find_upload(account, content).await.unwrap()
}

/// Checks the upload of one content, and the hash of its file.
pub async fn uploads_are_found_by_content_and_account(store: &dyn Store) {
    let mine = account();
    let video = Content::new("ab".repeat(32), "mp4");
    let first = upload(&video, "1", at());
    let modified = at() - HOUR + Duration::from_nanos(123_456_789);
    let file = FileState::new("/films/a.mp4", 100, modified);
    assert_eq!(found(store, &mine, &video).await, None);
    assert_eq!(hash(store, &file).await, None);
    let recorded = store.record_upload(&mine, &first, Some(&file));
    recorded.await.unwrap();
    assert_eq!(found(store, &mine, &video).await, Some(first.clone()));
    assert_eq!(hash(store, &file).await, Some(video.sha256.clone()));

    // A different path, length or modification time, to the nanosecond, is a different state.
    for other in [
        FileState::new("/films/b.mp4", 100, modified),
        FileState::new("/films/a.mp4", 101, modified),
        FileState::new("/films/a.mp4", 100, modified + Duration::from_nanos(1)),
    ] {
        assert_eq!(hash(store, &other).await, None, "{other:?}");
    }
    // Other content, another extension and another account have separate uploads.
    for other in [
        Content::new("cd".repeat(32), "mp4"),
        Content::new("ab".repeat(32), "mov"),
    ] {
        assert_eq!(found(store, &mine, &other).await, None);
    }
    let them = other_account();
    assert_eq!(found(store, &them, &video).await, None);
    assert!(!store.forget_upload(&them, &first.url).await.unwrap());
}

/// Checks what a new upload and a forgotten one leave behind.
pub async fn uploads_are_replaced_and_removed(store: &dyn Store) {
    let (mine, them) = (account(), other_account());
    let video = Content::new("ab".repeat(32), "mp4");
    let other = Content::new("cd".repeat(32), "mp4");
    let record = async |account: &Account, upload: &UploadRecord, file: Option<&FileState>| {
        let recorded = store.record_upload(account, upload, file);
        recorded.await.unwrap();
    };
    let file = FileState::new("/films/a.mp4", 100, at() - HOUR);
    record(&mine, &upload(&video, "1", at()), Some(&file)).await;

    // A new upload replaces the old one. A new state of a file replaces its old state.
    let second = upload(&video, "2", at() + HOUR);
    record(&mine, &second, None).await;
    assert_eq!(found(store, &mine, &video).await, Some(second.clone()));
    assert_eq!(hash(store, &file).await, Some(video.sha256.clone()));
    let changed = FileState::new("/films/a.mp4", 100, at());
    let third = upload(&other, "3", at() + HOUR);
    record(&mine, &third, Some(&changed)).await;
    assert_eq!(hash(store, &file).await, None);
    assert_eq!(hash(store, &changed).await, Some(other.sha256.clone()));

    // A forgotten upload is not found. Recording an upload removes those that have expired.
    for is_known in [true, false] {
        let forgotten = store.forget_upload(&mine, &second.url).await.unwrap();
        assert_eq!(forgotten, is_known);
    }
    assert_eq!(found(store, &mine, &video).await, None);
    assert_eq!(found(store, &mine, &other).await, Some(third.clone()));
    record(&them, &upload(&video, "4", third.kept_until), None).await;
    assert_eq!(found(store, &mine, &other).await, None);
    assert_eq!(hash(store, &changed).await, None);
}
