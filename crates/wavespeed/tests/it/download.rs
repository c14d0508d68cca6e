//! Tests of downloads: an output becomes a whole file or no file, and only the API's host receives the
//! API key. Servers on loopback play the host of the outputs, with errors, redirects and broken
//! transfers; the tests look at the folder afterwards.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::{DownloadError, Downloaded, Prediction, SaveError, Target, Wavespeed};
use wavespeed_harness::tcp::{self, Action, Server};
use wavespeed_harness::{ID, client, names, requests, serve};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The content of most files here, and its SHA-256 from the test vectors of FIPS 180.
const ABC: &str = "abc";
const ABC_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A completed prediction with these outputs.
fn completed(outputs: impl Into<Value>) -> Prediction {
    let record = json!({ "id": ID, "status": "completed", "outputs": outputs.into() });
    Prediction::from_json(record).unwrap()
}

fn file(content: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(content, "video/mp4")
}

/// A client whose API is unreachable, since downloads do not call it.
fn offline_client() -> Wavespeed {
    client("http://127.0.0.1:9").0
}

/// Saves one output to `out.mp4` in a folder.
async fn save(
    client: &Wavespeed,
    url: &str,
    folder: &TempDir,
) -> Result<Vec<Downloaded>, DownloadError> {
    let target = Target::new(folder.path().join("out.mp4"));
    client.download(&completed([url]), &target).await
}

async fn assert_no_key(server: &MockServer) {
    for request in requests(server).await {
        let headers = format!("{:?}", request.headers);
        assert!(!request.headers.contains_key("authorization"), "{headers}");
        assert!(!headers.contains(wavespeed_harness::KEY), "{headers}");
    }
}

#[tokio::test]
async fn download_saves_the_file_and_describes_it() {
    let client = offline_client();
    let server = serve([file(ABC)]).await;
    let folder = TempDir::new().unwrap();
    let url = format!("{}/a/1.glb?sig=x", server.uri());
    let saved = save(&client, &url, &folder).await.unwrap();
    let [saved] = &saved[..] else {
        panic!("{saved:?}")
    };
    assert_eq!(saved.path, folder.path().join("out.mp4"));
    assert_eq!(
        (&*saved.url, saved.bytes, &*saved.sha256),
        (&*url, 3, ABC_SHA256)
    );
    assert_eq!(std::fs::read_to_string(&saved.path).unwrap(), ABC);
    assert_eq!(names(folder.path()), ["out.mp4"]);
    assert_no_key(&server).await;
}

#[tokio::test]
async fn file_larger_than_the_free_space_is_not_begun() {
    let clock = wavespeed::poll::ManualClock::default();
    let settings = wavespeed_harness::settings("http://127.0.0.1:9", &clock);
    let client = settings.max_output_bytes(u64::MAX).build().unwrap();
    let length = u64::MAX / 4;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    // A transfer that had begun would wait for the rest forever.
    let server = Server::start([Action::send(head)]).await;
    let folder = TempDir::new().unwrap();
    let error = save(&client, &server.origin, &folder).await.unwrap_err();
    let [(1, SaveError::DiskFull { missing, .. })] = error.failed[..] else {
        panic!("{error}")
    };
    assert!((1..length).contains(&missing));
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn file_of_many_chunks_is_saved_whole() {
    let client = offline_client();
    let content: String = (0..300_000).map(|number| format!("{number:x} ")).collect();
    let server = serve([file(&content)]).await;
    let folder = TempDir::new().unwrap();
    let saved = save(&client, &server.uri(), &folder).await.unwrap();
    assert_eq!(saved[0].bytes, content.len() as u64);
    assert!(std::fs::read_to_string(&saved[0].path).unwrap() == content);
}

#[tokio::test]
async fn redirects_are_followed_without_the_api_key() {
    let storage = serve([file(ABC)]).await;
    // Another name of the same machine, so that host and port differ.
    let elsewhere = storage.uri().replace("127.0.0.1", "localhost");
    let redirect = ResponseTemplate::new(302).insert_header("Location", elsewhere);
    let server = serve([redirect]).await;
    let folder = TempDir::new().unwrap();
    // This holds even if the output is on the API's host.
    let target = Target::new(folder.path().join("out.mp4"));
    let output = format!("{}/1", server.uri());
    let saved = client(&server.uri())
        .0
        .download(&completed([output]), &target)
        .await
        .unwrap();
    assert_eq!(saved[0].sha256, ABC_SHA256);
    assert_eq!(requests(&storage).await.len(), 1);
    assert_no_key(&server).await;
    assert_no_key(&storage).await;
}

#[tokio::test]
async fn existing_file_is_replaced_only_with_force() {
    let client = offline_client();
    let server = serve([file(ABC)]).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.mp4");
    std::fs::write(&path, "mine").unwrap();
    let error = save(&client, &server.uri(), &folder).await.unwrap_err();
    assert!(
        matches!(&error.failed[0].1, SaveError::Exists { .. }),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(names(folder.path()), ["out.mp4"]);

    let target = Target::new(&path).force(true);
    client
        .download(&completed([server.uri()]), &target)
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), ABC);
    assert_eq!(names(folder.path()), ["out.mp4"]);
}

#[tokio::test]
async fn existing_file_with_the_same_content_counts_as_saved() {
    let client = offline_client();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.mp4");
    std::fs::write(&path, ABC).unwrap();
    let server = serve([file(ABC)]).await;
    let saved = save(&client, &server.uri(), &folder).await.unwrap();
    assert_eq!((&saved[0].path, &*saved[0].sha256), (&path, ABC_SHA256));
    for other in ["abd", "ab", "abcd"] {
        let server = serve([file(other)]).await;
        let error = save(&client, &server.uri(), &folder).await.unwrap_err();
        assert!(
            matches!(&error.failed[0].1, SaveError::Exists { .. }),
            "{other}: {error}"
        );
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), ABC);
    assert_eq!(names(folder.path()), ["out.mp4"]);
}

#[tokio::test]
async fn output_is_a_url_or_an_object_with_a_url() {
    let client = offline_client();
    let server = serve([file(ABC)]).await;
    let url = |name: &str| format!("{}/{name}", server.uri());
    let outputs = json!([url("a.glb"), { "url": url("b.usdz"), "size": 3 }, url("c")]);
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let saved = client
        .download(&completed(outputs.clone()), &target)
        .await
        .unwrap();
    assert_eq!(saved.len(), 3);
    assert_eq!(saved[1].url, url("b.usdz"));
    assert_eq!(names(folder.path()), ["out-2.mp4", "out-3.mp4", "out.mp4"]);
    // A missing folder is created.
    let target = Target::new(folder.path().join("new/").join("deep/"));
    client.download(&completed(outputs), &target).await.unwrap();
    let expected = [
        format!("{ID}-2.usdz"),
        format!("{ID}-3"),
        format!("{ID}.glb"),
    ];
    assert_eq!(names(&folder.path().join("new/deep")), expected);
}

#[tokio::test]
async fn answer_without_a_file_leaves_no_file() {
    let client = offline_client();
    let http_error = |status| format!("answered HTTP {status}");
    for (name, given, expected) in [
        ("empty", file(""), "is empty".to_owned()),
        ("missing", ResponseTemplate::new(404), http_error(404)),
        ("forbidden", ResponseTemplate::new(403), http_error(403)),
        (
            "part",
            ResponseTemplate::new(206).set_body_string("ab"),
            http_error(206),
        ),
        ("none", ResponseTemplate::new(204), http_error(204)),
        ("down", ResponseTemplate::new(503), http_error(503)),
    ] {
        let server = serve([given]).await;
        let folder = TempDir::new().unwrap();
        let error = save(&client, &server.uri(), &folder).await.unwrap_err();
        assert_eq!((error.id.as_str(), error.failed[0].0), (ID, 1), "{name}");
        assert!(error.to_string().contains(&expected), "{name}: {error}");
        assert!(names(folder.path()).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn broken_transfer_leaves_no_file() {
    let client = offline_client();
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    for text in ["", short, chunked] {
        let server = Server::start([Action::hang_up(text)]).await;
        let folder = TempDir::new().unwrap();
        let error = save(&client, &server.origin, &folder).await.unwrap_err();
        assert!(
            matches!(&error.failed[0].1, SaveError::Transfer { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
        assert!(names(folder.path()).is_empty(), "{text}");
    }
    let (closed_port, _reserved) = tcp::closed_port();
    let folder = TempDir::new().unwrap();
    let error = save(&client, &closed_port, &folder).await.unwrap_err();
    assert!(
        matches!(&error.failed[0].1, SaveError::Transfer { .. }),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}

/// A lock says whether the process of a temporary file still runs.
#[cfg(unix)]
#[tokio::test]
async fn leftovers_of_ended_processes_are_removed() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let stalled = Server::start([Action::send(half)]).await;
    let folder = TempDir::new().unwrap();
    let running = offline_client();
    let target = Target::new(folder.path().join("running.mp4"));
    let record = completed([stalled.origin.clone()]);
    let mut download = pin!(running.download(&record, &target));
    tokio::select! {
        ended = &mut download => panic!("the transfer is incomplete, but the download ended: {ended:?}"),
        () = stalled.arrived(1) => {}
    }
    let [kept] = &names(folder.path())[..] else {
        panic!("one temporary file")
    };
    // Besides leftovers, there are files of other programs with similar names.
    let at = |name: &str| folder.path().join(name);
    for name in [".wave-aB3dE6gH.part", ".wave-notes.part", "precious"] {
        std::fs::write(at(name), ABC).unwrap();
    }
    std::fs::create_dir(at(".wave-aaaaaaaa.part")).unwrap();
    std::os::unix::fs::symlink(at("precious"), at(".wave-bbbbbbbb.part")).unwrap();
    let server = serve([file(ABC)]).await;
    let other = offline_client();
    save(&other, &server.uri(), &folder).await.unwrap();
    let mut expected = [
        ".wave-aaaaaaaa.part",
        ".wave-bbbbbbbb.part",
        ".wave-notes.part",
        kept,
        "out.mp4",
        "precious",
    ];
    expected.sort_unstable();
    assert_eq!(names(folder.path()), expected);
}

#[tokio::test]
async fn deadline_ends_a_stalled_transfer() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let server = Server::start([Action::send(half)]).await;
    let (client, clock) = client("http://127.0.0.1:9");
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let record = completed([server.origin.clone()]);
    let mut download = pin!(client.download(&record, &target));
    tokio::select! {
        ended = &mut download => panic!("the transfer is incomplete, but the download ended: {ended:?}"),
        () = server.arrived(1) => clock.advance(Duration::from_secs(60 * 60 - 1)),
    }
    assert!(poll!(&mut download).is_pending());
    clock.advance(Duration::from_secs(1));
    let error = download.await.unwrap_err();
    assert!(matches!(error.failed[0].1, SaveError::Deadline), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn output_that_is_not_a_url_is_reported() {
    let client = offline_client();
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    for output in [
        json!("a text"),
        json!("ftp://a.example/1.mp4"),
        json!("data:video/mp4;base64,AAAA"),
        json!({ "text": "hello" }),
        json!(7),
        json!(null),
    ] {
        let error = client
            .download(&completed([output.clone()]), &target)
            .await
            .unwrap_err();
        let expected = format!("output 1: the output is not a URL but {output}");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    for outputs in [json!([]), json!(null)] {
        let error = client
            .download(&completed(outputs), &target)
            .await
            .unwrap_err();
        assert!(matches!(error.failed[0].1, SaveError::Nothing), "{error}");
    }
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn other_outputs_are_saved_when_one_fails() {
    let client = offline_client();
    let server = MockServer::start().await;
    Mock::given(path("/1"))
        .respond_with(file(ABC))
        .mount(&server)
        .await;
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    // A failed output does not stop the next one.
    let record = completed(["/1", "/2", "/1"].map(|path| format!("{}{path}", server.uri())));
    let error = client.download(&record, &target).await.unwrap_err();
    assert!(
        matches!(&error.failed[0].1, SaveError::Refused { status: 404, .. }),
        "{error}"
    );
    let saved: Vec<usize> = error.saved.iter().map(|file| file.number).collect();
    assert_eq!(
        (error.failed[0].0, error.failed.len(), saved),
        (2, 1, vec![1, 3])
    );
    assert_eq!(error.saved[0].sha256, ABC_SHA256);
    assert_eq!(names(folder.path()), ["out-3.mp4", "out.mp4"]);
}

#[tokio::test]
async fn prediction_with_an_unsafe_id_is_saved_inside_the_folder() {
    let client = offline_client();
    let server = serve([file(ABC)]).await;
    let folder = TempDir::new().unwrap();
    let record = json!({ "id": "../../x", "status": "completed", "outputs": [server.uri()] });
    let record = Prediction::from_json(record).unwrap();
    let target = Target::new(folder.path());
    let saved = client.download(&record, &target).await.unwrap();
    assert_eq!(saved[0].path.parent(), Some(folder.path()));
    assert_eq!(names(folder.path()).len(), 1);
}
