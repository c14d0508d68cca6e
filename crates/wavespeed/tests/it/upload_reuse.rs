//! Tests of reusing uploads: the same content is sent once until the vendor deletes it, hashes are
//! remembered for unchanged files, and a file that changes during an upload is an error. A server plays
//! the API and the storage, and the store is in memory.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wavespeed::poll::ManualClock;
use wavespeed::{
    Content, FileState, MemoryStore, Store as _, UploadError, UploadProgress, UploadRecord,
    UploadStep, Wavespeed,
};
use wavespeed_harness::{MODEL, answer, envelope, input, raw_input, record, requests, settings};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::upload::{CLIP, clip};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A server that is both API and storage, with a new URL for each ticket, and a client with a store.
struct Fixture {
    server: MockServer,
    store: Arc<MemoryStore>,
    ws: Wavespeed,
}

impl Fixture {
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

    /// The bodies of all PUT requests to the storage.
    async fn stored(&self) -> Vec<Vec<u8>> {
        let all = requests(&self.server).await.into_iter();
        let puts = all.filter(|request| request.method.as_str() == "PUT");
        puts.map(|put| put.body).collect()
    }
}

/// The URL of the upload with this number.
fn url(number: u32) -> String {
    format!("https://media.example/{number}/clip.mp4")
}

/// Writes a file whose modification time is `age` ago. Returns that time as the file system reports it.
fn write(path: &Path, content: &[u8], age: Duration) -> SystemTime {
    fs::write(path, content).unwrap();
    let at = SystemTime::now() - age;
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(at).unwrap();
    file.metadata().unwrap().modified().unwrap()
}

#[tokio::test]
async fn same_content_is_sent_once() {
    let fixture = Fixture::new().await;
    let (folder, path) = clip();
    let first = fixture.ws.upload(&path).await.unwrap();
    assert!(!first.known);
    assert_eq!(first.url, url(1));
    let other = folder.path().join("another name.mp4");
    fs::write(&other, CLIP).unwrap();
    for path in [&path, &other] {
        let again = fixture.ws.upload(path).await.unwrap();
        assert!(again.known);
        assert_eq!((&again.path, &again.url), (path, &first.url));
        assert_eq!(
            (again.bytes, &again.sha256),
            (CLIP.len() as u64, &first.sha256)
        );
        assert_eq!(again.kept_until, first.kept_until);
    }
    assert_eq!(
        requests(&fixture.server).await.len(),
        2,
        "a ticket and a PUT"
    );

    // Another extension is another kind of media, so the content is sent again.
    let sound = folder.path().join("clip.m4a");
    fs::write(&sound, CLIP).unwrap();
    assert!(!fixture.ws.upload(&sound).await.unwrap().known);
    assert_eq!(fixture.stored().await, [CLIP, CLIP]);
}

#[tokio::test]
async fn concurrent_uploads_of_the_same_content_send_it_once() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let (one, two) = tokio::join!(
        fixture.ws.upload(&path).into_future(),
        fixture.ws.upload(&path).into_future()
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.url, two.url);
    assert_ne!(one.known, two.known);
    assert_eq!(fixture.stored().await.len(), 1);
}

#[tokio::test]
async fn content_that_the_vendor_deletes_soon_is_sent_again() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let first = fixture.ws.upload(&path).await.unwrap();
    let content = Content::new(&*first.sha256, "mp4");
    let now = SystemTime::now();
    for (age, known) in [(24 * 7 - 7, true), (24 * 7 - 5, false), (24 * 8, false)] {
        let record = UploadRecord::new(content.clone(), first.bytes, "old", now - HOUR * age);
        let account = fixture.ws.account();
        fixture
            .store
            .record_upload(account, &record, None)
            .await
            .unwrap();
        let again = fixture.ws.upload(&path).await.unwrap();
        assert_eq!((again.known, again.url == "old"), (known, known), "{age} h");
        assert_eq!(again.kept_until > now + HOUR * 24 * 6, !known);
    }
}

#[tokio::test]
async fn upload_can_be_forgotten_or_repeated() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let first = fixture.ws.upload(&path).await.unwrap();
    assert!(fixture.ws.forget_upload(&first.url).await.unwrap());
    assert!(!fixture.ws.forget_upload(&first.url).await.unwrap());
    assert_eq!(fixture.ws.upload(&path).await.unwrap().url, url(2));
    let anew = fixture.ws.upload(&path).again().await.unwrap();
    assert_eq!((anew.url, anew.known), (url(3), false));
    let last = fixture.ws.upload(&path).await.unwrap();
    assert_eq!(
        (last.url, last.known),
        (url(3), true),
        "the newest upload is reused"
    );
}

#[tokio::test]
async fn hash_is_remembered_only_of_a_file_with_an_old_modification_time() {
    let fixture = Fixture::new().await;
    let (folder, path) = clip();
    for (name, age, expected) in [("old.mp4", HOUR, true), ("new.mp4", Duration::ZERO, false)] {
        let path = folder.path().join(name);
        let modified = write(&path, name.as_bytes(), age);
        fixture.ws.upload(&path).await.unwrap();
        let real = fs::canonicalize(&path).unwrap();
        let state = FileState::new(real, name.len() as u64, modified);
        let known = fixture.store.find_hash(&state).await.unwrap();
        assert_eq!(known.is_some(), expected, "{name}");
    }
    // Reusing an upload by its content also remembers the hash of the file.
    fixture.ws.upload(&path).await.unwrap();
    let modified = write(&path, CLIP, HOUR);
    assert!(fixture.ws.upload(&path).await.unwrap().known);
    let real = fs::canonicalize(&path).unwrap();
    let state = FileState::new(real, CLIP.len() as u64, modified);
    assert!(fixture.store.find_hash(&state).await.unwrap().is_some());
}

#[tokio::test]
async fn unchanged_file_is_not_hashed_again() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    write(&path, CLIP, HOUR);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let observer = move |progress: UploadProgress<'_>| {
        assert_eq!(progress.total, CLIP.len() as u64);
        let name = progress.path.file_name().unwrap().to_owned();
        seen.lock()
            .unwrap()
            .push((name, progress.step, progress.done));
    };
    for (again, expected) in [
        (false, &[UploadStep::Hashing, UploadStep::Sending][..]),
        (false, &[]),
        (true, &[UploadStep::Hashing, UploadStep::Sending]),
    ] {
        let upload = fixture.ws.upload(&path).observer(observer.clone());
        let upload = if again { upload.again() } else { upload };
        upload.await.unwrap();
        let steps = std::mem::take(&mut *steps.lock().unwrap());
        let whole = |step| ("clip one.MP4".into(), step, CLIP.len() as u64);
        let expected: Vec<_> = expected.iter().copied().map(whole).collect();
        assert_eq!(steps, expected);
    }
}

/// Other content of the same length as the clip.
fn changed_clip() -> Vec<u8> {
    CLIP.iter().map(|byte| !byte).collect()
}

#[tokio::test]
async fn file_that_changes_after_hashing_is_an_error_and_not_stored() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let modified = write(&path, CLIP, HOUR);
    let upload = fixture.ws.upload(&path).observer({
        let path = path.clone();
        move |progress| {
            if progress.step == UploadStep::Hashing {
                fs::write(&path, changed_clip()).unwrap();
                // The length and the modification time stay the same.
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(modified).unwrap();
            }
        }
    });
    let error = upload.await.unwrap_err();
    assert!(
        matches!(&error, UploadError::Changed { path: of } if *of == path),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("the file changed while it was read"),
        "{error}"
    );
    assert!(fixture.stored().await.is_empty());
    // The wrong hash is not remembered.
    let done = fixture.ws.upload(&path).await.unwrap();
    assert!(!done.known);
    assert_eq!(fixture.stored().await, [changed_clip()]);
}

#[tokio::test]
async fn file_that_changes_during_hashing_is_an_error() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    write(&path, CLIP, HOUR);
    let upload = fixture.ws.upload(&path).observer({
        let path = path.clone();
        move |_| fs::write(&path, changed_clip()).unwrap()
    });
    let error = upload.await.unwrap_err();
    assert!(matches!(error, UploadError::Changed { .. }), "{error}");
    assert!(requests(&fixture.server).await.is_empty());
}

/// A change that keeps the modification time makes the remembered hash wrong.
#[tokio::test]
async fn wrong_remembered_hash_is_detected_during_the_upload() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let modified = write(&path, CLIP, HOUR);
    let first = fixture.ws.upload(&path).await.unwrap();
    fs::write(&path, changed_clip()).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(modified).unwrap();
    fixture.ws.forget_upload(&first.url).await.unwrap();
    let second = fixture.ws.upload(&path).await.unwrap();
    assert_ne!(second.sha256, first.sha256);
    assert_eq!(fixture.stored().await, [CLIP.to_vec(), changed_clip()]);
}

#[tokio::test]
async fn upload_that_a_job_could_not_fetch_is_forgotten() {
    for (code, forgotten) in [(1402, true), (1403, false)] {
        let fixture = Fixture::new().await;
        let (_folder, path) = clip();
        let uploaded = fixture.ws.upload(&path).await.unwrap();
        let submits = Mock::given(method("POST")).respond_with(answer(&record("created")));
        submits.mount(&fixture.server).await;
        let mut failed = record("failed");
        failed["code"] = code.into();
        let polls = ResponseTemplate::new(200).set_body_json(envelope(&failed));
        let polls = Mock::given(method("GET")).respond_with(polls);
        polls.mount(&fixture.server).await;
        let mut input: Value = serde_json::to_value(input()).unwrap();
        input["video"] = uploaded.url.into();
        let job = fixture.ws.submit(raw_input(MODEL, &input)).await.unwrap();
        job.wait().await.unwrap();
        let again = fixture.ws.upload(&path).await.unwrap();
        assert_eq!(again.known, !forgotten, "{code}");
    }
}

#[tokio::test]
async fn upload_of_an_emulator_that_is_gone_is_sent_again() {
    let fixture = Fixture::new().await;
    let (_folder, path) = clip();
    let sent = fixture.ws.upload(&path).await.unwrap();
    let media = MockServer::start().await;
    let (closed_port, _reserved) = wavespeed_harness::tcp::closed_port();
    let content = Content::new(&*sent.sha256, "mp4");
    let bytes = CLIP.len() as u64;
    let range = |size: u64| {
        ResponseTemplate::new(206).insert_header("content-range", format!("bytes 0-0/{size}"))
    };
    for (at, (reply, origin, is_reused)) in [
        (Some(range(bytes)), media.uri(), true),
        // Another file, of an emulator that was started since.
        (Some(range(bytes + 1)), media.uri(), false),
        (Some(ResponseTemplate::new(404)), media.uri(), false),
        (None, closed_port.clone(), false),
    ]
    .into_iter()
    .enumerate()
    {
        media.reset().await;
        if let Some(reply) = reply {
            let any = wiremock::matchers::any();
            Mock::given(any).respond_with(reply).mount(&media).await;
        }
        let remembered = format!("{origin}/media/{at}/clip.mp4");
        let record = UploadRecord::new(content.clone(), bytes, &*remembered, SystemTime::now());
        let account = fixture.ws.account();
        let store = &fixture.store;
        store.record_upload(account, &record, None).await.unwrap();
        let puts = fixture.stored().await.len();
        let again = fixture.ws.upload(&path).await.unwrap();
        assert_eq!(again.known, is_reused, "{at}");
        assert_eq!(again.url == remembered, is_reused, "{at}");
        let sent = fixture.stored().await.len() - puts;
        assert_eq!(sent, usize::from(!is_reused), "{at}");
    }
}
