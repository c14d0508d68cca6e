//! Outputs become files, whole or not at all, and no host but the API's ever sees the key.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::{DownloadError, Downloaded, Prediction, SaveError, Target, Wavespeed};
use wavespeed_harness::tcp::{self, Act, Server};
use wavespeed_harness::{ID, client, names, requests, serve};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The content of most files here, and its SHA-256 from the standard's own test vectors.
const ABC: &str = "abc";
const ABC_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn done(outputs: impl Into<Value>) -> Prediction {
    let record = json!({ "id": ID, "status": "completed", "outputs": outputs.into() });
    Prediction::from_json(record).unwrap()
}

fn file(content: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(content, "video/mp4")
}

/// A client of an API that is not to be asked anything.
fn no_api() -> Wavespeed {
    client("http://127.0.0.1:9").0
}

/// Saves one output to `out.mp4` in a folder.
async fn save(
    client: &Wavespeed,
    url: &str,
    folder: &TempDir,
) -> Result<Vec<Downloaded>, DownloadError> {
    let target = Target::new(folder.path().join("out.mp4"));
    client.download(&done([url]), &target).await
}

async fn assert_no_key(server: &MockServer) {
    for request in requests(server).await {
        let headers = format!("{:?}", request.headers);
        assert!(!request.headers.contains_key("authorization"), "{headers}");
        assert!(!headers.contains(wavespeed_harness::KEY), "{headers}");
    }
}

#[tokio::test]
async fn a_file_comes_whole_and_is_described() {
    let client = no_api();
    let server = serve([file(ABC)]).await;
    let folder = TempDir::new().unwrap();
    let url = format!("{}/a/1.mp4?sig=x", server.uri());
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
async fn what_the_disk_has_no_room_for_is_not_begun() {
    let clock = wavespeed::poll::ManualClock::default();
    let settings = wavespeed_harness::settings("http://127.0.0.1:9", &clock);
    let client = settings.max_output_bytes(u64::MAX).build().unwrap();
    let length = u64::MAX / 4;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    // Were it begun, it would wait for the rest for ever.
    let server = Server::start([Act::send(head)]).await;
    let folder = TempDir::new().unwrap();
    let error = save(&client, &server.origin, &folder).await.unwrap_err();
    let [(1, SaveError::NoRoom { missing, .. })] = error.failed[..] else {
        panic!("{error}")
    };
    assert!((1..length).contains(&missing));
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_file_of_many_pieces_comes_whole() {
    let client = no_api();
    let content: String = (0..300_000).map(|number| format!("{number:x} ")).collect();
    let server = serve([file(&content)]).await;
    let folder = TempDir::new().unwrap();
    let saved = save(&client, &server.uri(), &folder).await.unwrap();
    assert_eq!(saved[0].bytes, content.len() as u64);
    assert!(std::fs::read_to_string(&saved[0].path).unwrap() == content);
}

#[tokio::test]
async fn a_page_is_not_taken_for_the_file() {
    let page = || ResponseTemplate::new(200).set_body_raw("<html>", "Text/HTML; charset=utf-8");
    let client = no_api();
    let folder = TempDir::new().unwrap();
    let at = |server: &MockServer, name: &str| format!("{}/{name}", server.uri());
    let server = serve([page()]).await;
    let error = save(&client, &at(&server, "1.mp4"), &folder).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error.failed[0].1, SaveError::Page { .. }),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
    // It passes, as the error of a gateway does.
    let server = serve([page(), file(ABC)]).await;
    let saved = save(&client, &at(&server, "1.mp4"), &folder).await.unwrap();
    assert_eq!(saved[0].sha256, ABC_SHA256);
    // It may be what the task has made.
    for name in ["report.HTML", "report"] {
        let (server, folder) = (serve([page()]).await, TempDir::new().unwrap());
        let saved = save(&client, &at(&server, name), &folder).await.unwrap();
        assert_eq!(saved[0].bytes, 6, "{name}");
    }
}

#[tokio::test]
async fn redirects_are_followed_without_the_key() {
    let storage = serve([file(ABC)]).await;
    // The same machine by another name, so that host and port differ.
    let elsewhere = storage.uri().replace("127.0.0.1", "localhost");
    let redirect = ResponseTemplate::new(302).insert_header("Location", elsewhere);
    let server = serve([redirect]).await;
    let folder = TempDir::new().unwrap();
    // Even where the output is on the host that gets the key otherwise.
    let target = Target::new(folder.path().join("out.mp4"));
    let output = format!("{}/1.mp4", server.uri());
    let saved = client(&server.uri())
        .0
        .download(&done([output]), &target)
        .await
        .unwrap();
    assert_eq!(saved[0].sha256, ABC_SHA256);
    assert_eq!(requests(&storage).await.len(), 1);
    assert_no_key(&server).await;
    assert_no_key(&storage).await;
}

#[tokio::test]
async fn a_file_that_exists_is_replaced_only_by_force() {
    let client = no_api();
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
        .download(&done([server.uri()]), &target)
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), ABC);
    assert_eq!(names(folder.path()), ["out.mp4"]);
}

#[tokio::test]
async fn an_output_that_is_there_already_is_saved() {
    let client = no_api();
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
async fn outputs_are_urls_or_objects_with_one() {
    let client = no_api();
    let server = serve([file(ABC)]).await;
    let url = |name: &str| format!("{}/{name}", server.uri());
    let outputs = json!([url("a.mp4"), { "url": url("b.mov"), "size": 3 }, url("c")]);
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let saved = client
        .download(&done(outputs.clone()), &target)
        .await
        .unwrap();
    assert_eq!(saved.len(), 3);
    assert_eq!(saved[1].url, url("b.mov"));
    assert_eq!(names(folder.path()), ["out-2.mp4", "out-3.mp4", "out.mp4"]);
    // A folder need not be there yet.
    let target = Target::new(folder.path().join("new/").join("deep/"));
    client.download(&done(outputs), &target).await.unwrap();
    let expected = [
        format!("{ID}-2.mov"),
        format!("{ID}-3"),
        format!("{ID}.mp4"),
    ];
    assert_eq!(names(&folder.path().join("new/deep")), expected);
}

#[tokio::test]
async fn an_answer_that_is_no_file_leaves_nothing_behind() {
    let client = no_api();
    let refused = |status| format!("answered HTTP {status}");
    for (name, given, expected) in [
        ("empty", file(""), "is empty".to_owned()),
        ("missing", ResponseTemplate::new(404), refused(404)),
        ("forbidden", ResponseTemplate::new(403), refused(403)),
        (
            "part",
            ResponseTemplate::new(206).set_body_string("ab"),
            refused(206),
        ),
        ("none", ResponseTemplate::new(204), refused(204)),
        ("down", ResponseTemplate::new(503), refused(503)),
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
async fn a_transfer_that_breaks_leaves_nothing_behind() {
    let client = no_api();
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    for text in ["", short, chunked] {
        let server = Server::start([Act::hang_up(text)]).await;
        let folder = TempDir::new().unwrap();
        let error = save(&client, &server.origin, &folder).await.unwrap_err();
        assert!(
            matches!(&error.failed[0].1, SaveError::Transfer { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
        assert!(names(folder.path()).is_empty(), "{text}");
    }
    let (nobody, _taken) = tcp::nobody();
    let folder = TempDir::new().unwrap();
    let error = save(&client, &nobody, &folder).await.unwrap_err();
    assert!(
        matches!(&error.failed[0].1, SaveError::Transfer { .. }),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn the_deadline_cuts_a_transfer_that_stalls() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let server = Server::start([Act::send(half)]).await;
    let (client, clock) = client("http://127.0.0.1:9");
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let record = done([server.origin.clone()]);
    let mut download = pin!(client.download(&record, &target));
    tokio::select! {
        ended = &mut download => panic!("it is not whole, but {ended:?}"),
        () = server.arrived(1) => clock.advance(Duration::from_secs(60 * 60 - 1)),
    }
    assert!(poll!(&mut download).is_pending());
    clock.advance(Duration::from_secs(1));
    let error = download.await.unwrap_err();
    assert!(matches!(error.failed[0].1, SaveError::Deadline), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_no_url_is_said() {
    let client = no_api();
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
            .download(&done([output.clone()]), &target)
            .await
            .unwrap_err();
        let expected = format!("output 1: it is not a URL, but {output}");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    for nothing in [json!([]), json!(null)] {
        let error = client.download(&done(nothing), &target).await.unwrap_err();
        assert!(matches!(error.failed[0].1, SaveError::Nothing), "{error}");
    }
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn what_was_saved_before_an_error_is_kept_and_said() {
    let client = no_api();
    let server = MockServer::start().await;
    Mock::given(path("/1"))
        .respond_with(file(ABC))
        .mount(&server)
        .await;
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    // One that cannot be had does not keep the next.
    let record = done(["/1", "/2", "/1"].map(|path| format!("{}{path}", server.uri())));
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
async fn a_record_with_an_odd_id_still_gives_its_files() {
    let client = no_api();
    let server = serve([file(ABC)]).await;
    let folder = TempDir::new().unwrap();
    let record = json!({ "id": "../../x", "status": "completed", "outputs": [server.uri()] });
    let record = Prediction::from_json(record).unwrap();
    let target = Target::new(folder.path());
    let saved = client.download(&record, &target).await.unwrap();
    assert_eq!(saved[0].path.parent(), Some(folder.path()));
    assert_eq!(names(folder.path()).len(), 1);
}
