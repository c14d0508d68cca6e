//! Tests of URLs that the vendor cannot reach, of an API that is not on this machine. A service of the
//! test stands for the network, so nothing is sent.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use wavespeed::reqwest::Request;
use wavespeed::{
    Fault, Files, HttpError, HttpErrorKind, HttpFuture, HttpService, Purpose, RequestContext, Rule,
    Severity, SubmitError, Target, Wavespeed, check, override_rules,
};
use wavespeed_harness::{CLIP, MODEL, raw_input};

/// A network in which every request fails in the same way.
struct Network {
    kind: HttpErrorKind,
    source: Option<io::ErrorKind>,
    requested: Arc<Mutex<Vec<(Purpose, String)>>>,
}

impl HttpService for Network {
    fn send(&self, request: Request, context: RequestContext) -> HttpFuture<'_> {
        let url = request.url().to_string();
        self.requested.lock().unwrap().push((context.purpose, url));
        let error = HttpError::new(self.kind);
        let error = match self.source {
            Some(kind) => error.with_source(io::Error::from(kind)),
            None => error,
        };
        Box::pin(async move { Err(error) })
    }
}

/// The requests that a client has made.
type Requested = Arc<Mutex<Vec<(Purpose, String)>>>;

/// Returns a client of the API at `base_url` in such a network, and its requests.
fn client(
    base_url: &str,
    kind: HttpErrorKind,
    source: Option<io::ErrorKind>,
) -> (Wavespeed, Requested) {
    let requested = Requested::default();
    let network = Network {
        kind,
        source,
        requested: Arc::clone(&requested),
    };
    let builder = Wavespeed::builder().key("0123456789abcdef");
    let builder = builder.base_url(base_url);
    let ws = builder.http_service(move |_| Arc::new(network)).build();
    (ws.unwrap(), requested)
}

const VENDOR: &str = "https://api.wavespeed.ai";

async fn faults(ws: &Wavespeed, url: &str) -> Vec<Fault> {
    let model = wavespeed::model(MODEL).unwrap();
    ws.check_urls(model, &json!({ "video": url })).await
}

#[tokio::test]
async fn a_url_out_of_reach_is_refused_without_a_request() {
    let (ws, requested) = client(VENDOR, HttpErrorKind::Connect, None);
    let (local, _) = client("http://127.0.0.1:9", HttpErrorKind::Connect, None);
    for (host, place) in [
        ("localhost:8000", "this machine"),
        ("127.0.0.1", "this machine"),
        ("[::ffff:127.0.0.1]", "this machine"),
        ("192.168.1.20", "a private network"),
        ("[fd12::1]", "a private network"),
        ("169.254.169.254", "a link-local address"),
        ("intranet", "a name without a domain"),
    ] {
        let url = format!("http://{host}/clip.mp4");
        let mut found = faults(&ws, &url).await;
        let [fault] = &mut found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(
            (fault.rule, fault.severity),
            (Rule::Reachable, Severity::Refusal)
        );
        assert!(fault.message.contains(place), "{fault}");
        assert!(fault.message.contains("local file instead"), "{fault}");
        override_rules(&mut found, &[Rule::Reachable]);
        assert_eq!(found[0].severity, Severity::Overridden);
        // An API on this machine reaches what this machine reaches.
        let [fault] = &faults(&local, &url).await[..] else {
            panic!("{host}")
        };
        assert_eq!(fault.severity, Severity::Warning, "{fault}");
        // The submit and `inspect` make the same check.
        let input = json!({ "video": url, "text": "Hi", "voice_id": "AOT" });
        let submit = ws.submit(raw_input(MODEL, &input)).await;
        assert!(matches!(submit, Err(SubmitError::Invalid(_))), "{submit:?}");
        let media = wavespeed::model(MODEL).unwrap().input("video").unwrap();
        let inspection = ws.inspect(media.media.as_ref().unwrap(), &url).await;
        assert!(inspection.faults[0].is_refusal());
    }
    assert_eq!(*requested.lock().unwrap(), []);
}

#[tokio::test]
async fn a_host_that_does_not_answer_gives_a_warning_with_a_short_reason() {
    for (kind, source, reason) in [
        (
            HttpErrorKind::Connect,
            Some(io::ErrorKind::ConnectionRefused),
            "(connection refused)",
        ),
        (
            HttpErrorKind::Connect,
            Some(io::ErrorKind::TimedOut),
            "(connection timed out)",
        ),
        (HttpErrorKind::Timeout, None, "(no answer in time)"),
        (
            HttpErrorKind::Broken,
            Some(io::ErrorKind::ConnectionReset),
            "(connection reset)",
        ),
    ] {
        let (ws, requested) = client(VENDOR, kind, source);
        let url = "https://a.example/clip.mp4";
        let found = faults(&ws, url).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(found[0].message.contains(reason), "{}", found[0]);
        let requested = requested.lock().unwrap().clone();
        assert_eq!(requested, [(Purpose::Check, url.to_owned())]);
    }
}

#[tokio::test]
async fn a_presigned_url_that_expires_early_gives_a_warning() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (seconds, word) in [
        (-60, Some("has expired")),
        (20, Some("expires in")),
        (86_400, None),
    ] {
        let (ws, _) = client(VENDOR, HttpErrorKind::Connect, None);
        let expires = i64::try_from(now.as_secs()).unwrap() + seconds;
        let url = format!("https://a.example/clip.mp4?Expires={expires}&Signature=x");
        let found = faults(&ws, &url).await;
        assert!(
            found
                .iter()
                .all(|fault| fault.severity == Severity::Warning)
        );
        let said = |word| found.iter().any(|fault| fault.message.contains(word));
        match word {
            Some(word) => assert!(said(word), "{found:?}"),
            None => assert!(!said("expire"), "{found:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_url_is_a_local_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my clip.mp4");
    std::fs::write(&path, CLIP).unwrap();
    let url = wavespeed::reqwest::Url::from_file_path(&path).unwrap();
    assert!(url.as_str().contains("my%20clip.mp4"));
    let model = wavespeed::model(MODEL).unwrap();
    let given = |url: &str| json!({ "video": url, "text": "Hi", "voice_id": "AOT" });
    let input = given(url.as_str());
    assert_eq!(check(model, &input, Files::UrlOrPath), []);
    // A caller that uploads nothing gets no path as a URL.
    assert_eq!(check(model, &input, Files::Url)[0].rule, Rule::Url);
    let missing = given("file:///none/clip.mp4");
    assert_eq!(check(model, &missing, Files::UrlOrPath)[0].rule, Rule::File);
    let elsewhere = given("file://elsewhere/clip.mp4");
    assert_eq!(
        check(model, &elsewhere, Files::UrlOrPath)[0].rule,
        Rule::Url
    );
    let mut named = input.clone();
    wavespeed::name_uploads(model, &mut named, |path| format!("<{path}>"));
    assert_eq!(named["video"], format!("<{}>", path.display()));
    let target = Target::new(&path);
    assert!(target.check_inputs(model, &input).is_some());
    // The submit uploads it.
    let emulator = wavespeed_emulator::Emulator::builder().key("k").start();
    let emulator = emulator.await.unwrap();
    let ws = Wavespeed::builder().key("k").base_url(emulator.origin());
    let ws = ws.build().unwrap();
    ws.submit(raw_input(MODEL, &input)).await.unwrap();
    let uploads = emulator.requests().into_iter();
    let uploads = uploads.filter(|request| request.path.contains("/storage/"));
    assert_eq!(uploads.count(), 1);
}
