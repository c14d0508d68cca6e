//! Uploading no bytes twice: what counts as the same, for how long, and that a file which changes
//! meanwhile is neither sent whole nor taken for what it was.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Content, Deadline, FileState, MemoryStore, Store as _, UploadError, UploadOptions,
    UploadRecord, UploadStep, Wavespeed,
};
use wavespeed_harness::{MODEL, answer, envelope, input, record, requests, settings};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::upload::{CLIP, clip};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An API whose tickets lead to itself, each to a place of its own, and a client with a store.
struct Trial {
    server: MockServer,
    store: Arc<MemoryStore>,
    ws: Wavespeed,
}

impl Trial {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let origin = server.uri();
        let tickets = Mutex::new(0);
        let ticket = move |_: &Request| {
            let mut number = tickets.lock().unwrap();
            *number += 1;
            answer(&json!({
                "download_url": format!("https://media.example/{number}/clip.mp4"),
                "upload": { "url": format!("{origin}/storage/{number}") },
            }))
        };
        let on = |name, path| Mock::given(method(name)).and(path_regex(path));
        let tickets = on("POST", "/media/uploads$").respond_with(ticket);
        tickets.mount(&server).await;
        let storage = on("PUT", "^/storage/").respond_with(ResponseTemplate::new(200));
        storage.mount(&server).await;
        let store = Arc::new(MemoryStore::default());
        let settings = settings(&server.uri(), &ManualClock::default());
        let ws = settings.store(Arc::clone(&store)).build().unwrap();
        Self { server, store, ws }
    }

    /// What the storage got, each whole.
    async fn stored(&self) -> Vec<Vec<u8>> {
        let all = requests(&self.server).await.into_iter();
        let puts = all.filter(|request| request.method.as_str() == "PUT");
        puts.map(|put| put.body).collect()
    }

    fn options(&self) -> UploadOptions {
        UploadOptions::new(Deadline::never())
    }
}

fn url(number: u32) -> String {
    format!("https://media.example/{number}/clip.mp4")
}

/// Writes a file that was last changed so long ago.
fn write(path: &Path, content: &[u8], age: Duration) -> SystemTime {
    fs::write(path, content).unwrap();
    let at = SystemTime::now() - age;
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(at).unwrap();
    file.metadata().unwrap().modified().unwrap()
}

#[tokio::test]
async fn the_same_bytes_are_sent_once() {
    let trial = Trial::new().await;
    let (folder, path) = clip();
    let first = trial.ws.upload(&path).await.unwrap();
    assert!(!first.known);
    assert_eq!(first.url, url(1));
    let other = folder.path().join("another name.mp4");
    fs::write(&other, CLIP).unwrap();
    for path in [&path, &other] {
        let again = trial.ws.upload(path).await.unwrap();
        assert!(again.known);
        assert_eq!((&again.path, &again.url), (path, &first.url));
        assert_eq!(
            (again.bytes, &again.sha256),
            (CLIP.len() as u64, &first.sha256)
        );
        assert_eq!(again.kept_until, first.kept_until);
    }
    assert_eq!(requests(&trial.server).await.len(), 2, "a ticket and a PUT");

    // The kind of the media follows from the name.
    let sound = folder.path().join("clip.m4a");
    fs::write(&sound, CLIP).unwrap();
    assert!(!trial.ws.upload(&sound).await.unwrap().known);
    assert_eq!(trial.stored().await, [CLIP, CLIP]);
}

#[tokio::test]
async fn two_at_once_send_it_once() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    let (one, two) = tokio::join!(trial.ws.upload(&path), trial.ws.upload(&path));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.url, two.url);
    assert_ne!(one.known, two.known);
    assert_eq!(trial.stored().await.len(), 1);
}

#[tokio::test]
async fn what_the_vendor_will_soon_delete_is_sent_again() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    let first = trial.ws.upload(&path).await.unwrap();
    let content = Content::new(&*first.sha256, "mp4");
    let now = SystemTime::now();
    for (age, known) in [(24 * 7 - 7, true), (24 * 7 - 5, false), (24 * 8, false)] {
        let record = UploadRecord::new(content.clone(), first.bytes, "old", now - HOUR * age);
        let account = trial.ws.account();
        trial.store.record_upload(account, &record, None).unwrap();
        let again = trial.ws.upload(&path).await.unwrap();
        assert_eq!((again.known, again.url == "old"), (known, known), "{age} h");
        assert_eq!(again.kept_until > now + HOUR * 24 * 6, !known);
    }
}

#[tokio::test]
async fn an_upload_can_be_forgotten_or_ordered_anew() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    let first = trial.ws.upload(&path).await.unwrap();
    assert!(trial.ws.forget_upload(&first.url).unwrap());
    assert!(!trial.ws.forget_upload(&first.url).unwrap());
    assert_eq!(trial.ws.upload(&path).await.unwrap().url, url(2));
    let mut options = trial.options();
    options.again = true;
    let anew = trial.ws.upload_with(&path, &options).await.unwrap();
    assert_eq!((anew.url, anew.known), (url(3), false));
    let last = trial.ws.upload(&path).await.unwrap();
    assert_eq!((last.url, last.known), (url(3), true), "the newest counts");
}

#[tokio::test]
async fn a_hash_is_remembered_only_of_a_file_that_has_settled() {
    let trial = Trial::new().await;
    let (folder, path) = clip();
    for (name, age, expected) in [("old.mp4", HOUR, true), ("new.mp4", Duration::ZERO, false)] {
        let path = folder.path().join(name);
        let modified = write(&path, name.as_bytes(), age);
        trial.ws.upload(&path).await.unwrap();
        let real = fs::canonicalize(&path).unwrap();
        let state = FileState::new(real, name.len() as u64, modified);
        let known = trial.store.find_hash(&state).unwrap();
        assert_eq!(known.is_some(), expected, "{name}");
    }
    // What is known by its bytes is soon known by its state.
    trial.ws.upload(&path).await.unwrap();
    let modified = write(&path, CLIP, HOUR);
    assert!(trial.ws.upload(&path).await.unwrap().known);
    let real = fs::canonicalize(&path).unwrap();
    let state = FileState::new(real, CLIP.len() as u64, modified);
    assert!(trial.store.find_hash(&state).unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_is_as_it_was_is_not_read_a_first_time() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    write(&path, CLIP, HOUR);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let mut options = trial.options();
    options.watcher = Some(Arc::new(move |progress| {
        assert_eq!(progress.total, CLIP.len() as u64);
        let name = progress.path.file_name().unwrap().to_owned();
        seen.lock()
            .unwrap()
            .push((name, progress.step, progress.done));
    }));
    for (again, expected) in [
        (false, &[UploadStep::Hashing, UploadStep::Sending][..]),
        (false, &[]),
        (true, &[UploadStep::Hashing, UploadStep::Sending]),
    ] {
        options.again = again;
        trial.ws.upload_with(&path, &options).await.unwrap();
        let steps = std::mem::take(&mut *steps.lock().unwrap());
        let whole = |step| ("clip one.MP4".into(), step, CLIP.len() as u64);
        let expected: Vec<_> = expected.iter().copied().map(whole).collect();
        assert_eq!(steps, expected);
    }
}

/// Bytes of the same length as the clip.
fn other() -> Vec<u8> {
    CLIP.iter().map(|byte| !byte).collect()
}

#[tokio::test]
async fn a_file_that_changes_after_it_was_hashed_is_an_error_and_never_arrives() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    let modified = write(&path, CLIP, HOUR);
    let mut options = trial.options();
    options.watcher = Some(Arc::new({
        let path = path.clone();
        move |progress| {
            if progress.step == UploadStep::Hashing {
                fs::write(&path, other()).unwrap();
                // Nothing but the bytes tells it from what it was.
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(modified).unwrap();
            }
        }
    }));
    let error = trial.ws.upload_with(&path, &options).await.unwrap_err();
    assert!(
        matches!(&error, UploadError::Changed { path: of } if *of == path),
        "{error}"
    );
    assert!(
        error.to_string().contains("it changed while it was read"),
        "{error}"
    );
    assert!(trial.stored().await.is_empty());
    // And nothing wrong is remembered.
    let done = trial.ws.upload(&path).await.unwrap();
    assert!(!done.known);
    assert_eq!(trial.stored().await, [other()]);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_hashed_is_an_error() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    write(&path, CLIP, HOUR);
    let mut options = trial.options();
    options.watcher = Some(Arc::new({
        let path = path.clone();
        move |_| fs::write(&path, other()).unwrap()
    }));
    let error = trial.ws.upload_with(&path, &options).await.unwrap_err();
    assert!(matches!(error, UploadError::Changed { .. }), "{error}");
    assert!(requests(&trial.server).await.is_empty());
}

/// As after a change that the time of the file does not show.
#[tokio::test]
async fn a_remembered_hash_that_is_wrong_is_found_out_before_it_matters() {
    let trial = Trial::new().await;
    let (_folder, path) = clip();
    let modified = write(&path, CLIP, HOUR);
    let first = trial.ws.upload(&path).await.unwrap();
    fs::write(&path, other()).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    trial.ws.forget_upload(&first.url).unwrap();
    let second = trial.ws.upload(&path).await.unwrap();
    assert_ne!(second.sha256, first.sha256);
    assert_eq!(trial.stored().await, [CLIP.to_vec(), other()]);
}

#[tokio::test]
async fn an_upload_that_a_task_could_not_fetch_is_forgotten() {
    for (code, forgotten) in [(1402, true), (1403, false)] {
        let trial = Trial::new().await;
        let (_folder, path) = clip();
        let uploaded = trial.ws.upload(&path).await.unwrap();
        let submits = Mock::given(method("POST")).respond_with(answer(&record("created")));
        submits.mount(&trial.server).await;
        let mut failed = record("failed");
        failed["code"] = code.into();
        let polls = ResponseTemplate::new(200).set_body_json(envelope(&failed));
        let polls = Mock::given(method("GET")).respond_with(polls);
        polls.mount(&trial.server).await;
        let mut input: Value = serde_json::to_value(input()).unwrap();
        input["video"] = uploaded.url.into();
        let job = trial.ws.submit_raw(MODEL, &input).await.unwrap();
        job.wait().await.unwrap();
        let again = trial.ws.upload(&path).await.unwrap();
        assert_eq!(again.known, !forgotten, "{code}");
    }
}
