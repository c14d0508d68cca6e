//! Tests of answers in forms that the vendor does not document: the id is read in each of them, and it is
//! usable. The same rows are the answer to a submit and to a poll.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use wavespeed::{HistorySearch, JobFilter, Reconciled, SubmitError, UnknownOutcome, Wavespeed};
use wavespeed_harness::{ID, MODEL, client, envelope, input, raw_input, requests, serve};
use wavespeed_journal::Journal;
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

/// The name of an odd answer, its header `Content-Encoding`, its body, and the id that is in it.
type Row = (&'static str, &'static str, Vec<u8>, String);

fn body(data: &Value) -> Vec<u8> {
    envelope(data).to_string().into_bytes()
}

fn with_id(id: impl Into<Value>) -> Value {
    json!({ "id": id.into(), "status": "created" })
}

fn finish(mut writer: impl Write, bytes: &[u8]) {
    writer.write_all(bytes).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    finish(GzEncoder::new(&mut compressed, Compression::fast()), bytes);
    compressed
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    finish(
        ZlibEncoder::new(&mut compressed, Compression::fast()),
        bytes,
    );
    compressed
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    finish(
        DeflateEncoder::new(&mut compressed, Compression::fast()),
        bytes,
    );
    compressed
}

fn utf16(bytes: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.encode_utf16().flat_map(unit).collect()
}

/// Answers with the usual id, written in another way.
fn encodings() -> Vec<Row> {
    let plain = &*body(&with_id(ID));
    let (little, big) = (u16::to_le_bytes, u16::to_be_bytes);
    let rows = [
        ("BOM", "", [b"\xef\xbb\xbf", plain].concat()),
        (
            "UTF-16 LE with a BOM",
            "",
            [b"\xff\xfe", &*utf16(plain, little)].concat(),
        ),
        (
            "UTF-16 BE with a BOM",
            "",
            [b"\xfe\xff", &*utf16(plain, big)].concat(),
        ),
        ("UTF-16 LE", "", utf16(plain, little)),
        ("UTF-16 BE", "", utf16(plain, big)),
        ("gzip", "gzip", gzip(plain)),
        ("gzip without its header", "", gzip(plain)),
        ("deflate", "deflate", zlib(plain)),
        ("deflate without its header", "", zlib(plain)),
        ("raw deflate", "deflate", deflate(plain)),
        ("gzip of UTF-16", "gzip", gzip(&utf16(plain, little))),
    ];
    let with_id = |(name, encoding, body)| (name, encoding, body, ID.to_owned());
    rows.into_iter().map(with_id).collect()
}

/// Answers in another shape, or with an id in another form.
fn shapes() -> Vec<Row> {
    let json = |value: Value| value.to_string().into_bytes();
    let url = format!("https://api.wavespeed.ai/api/v3/predictions/{ID}/result");
    let digits = "123456789012345678901234567890";
    let number = format!(r#"{{"code":200,"data":{{"id":{digits},"status":"created"}}}}"#);
    let long = "a".repeat(1_000);
    let mut rows = vec![
        ("a bare object", json(with_id(ID)), ID),
        ("data as text", body(&with_id(ID).to_string().into()), ID),
        ("data as a list", body(&json!([with_id(ID)])), ID),
        (
            "no id but a URL",
            body(&json!({ "status": "created", "urls": { "get": url } })),
            ID,
        ),
        ("a number", body(&with_id(42)), "42"),
        ("a number beyond f64", number.into_bytes(), digits),
        ("a long id", body(&with_id(&*long)), &*long),
    ];
    for id in [
        "7", "-rf", "a/b", "a/../b", "...", "a b", "ä;$(x)`", "100%", "a?b#c", r"a\..\b", "%2e%2e",
    ] {
        rows.push(("an id in another form", body(&with_id(id)), id));
    }
    let without_encoding = |(name, body, id): (_, _, &str)| (name, "", body, id.to_owned());
    rows.into_iter().map(without_encoding).collect()
}

fn rows() -> impl Iterator<Item = Row> {
    encodings().into_iter().chain(shapes())
}

fn template(status: u16, encoding: &str, body: Vec<u8>) -> ResponseTemplate {
    let template = ResponseTemplate::new(status).set_body_raw(body, "application/json");
    match encoding {
        "" => template,
        encoding => template.insert_header("Content-Encoding", encoding),
    }
}

#[tokio::test]
async fn id_in_an_odd_answer_to_a_submit_is_read_and_usable() {
    for (name, encoding, body, id) in rows() {
        let polled = envelope(&json!({ "id": id, "status": "completed" })).to_string();
        let server = serve([
            template(200, encoding, body),
            template(200, "", polled.into()),
        ])
        .await;
        let folder = tempfile::tempdir().unwrap();
        let store = Journal::open(folder.path().join("jobs.db")).unwrap();
        let settings = wavespeed_harness::settings(&server.uri(), &Default::default());
        let client = settings.store(store).build().unwrap();
        let job = client.submit(&input()).await.unwrap();
        assert_eq!(job.id().as_str(), id, "{name}");
        let submitted = job.submitted().unwrap();
        assert_eq!(
            (submitted.id(), submitted.status().name()),
            (&*id, "created"),
            "{name}"
        );
        // The poll asks for the whole id, in one segment of the path.
        assert_eq!(job.wait().await.unwrap().id(), id, "{name}");
        let path = requests(&server).await[1].url.path().to_owned();
        let segment = path
            .strip_prefix("/api/v3/predictions/")
            .or(path.strip_prefix("/predictions/"));
        let segment = segment
            .and_then(|path| path.strip_suffix("/result"))
            .unwrap();
        assert!(!segment.contains('/'), "{name}: {path}");
        let decoded = percent_encoding::percent_decode_str(segment)
            .decode_utf8()
            .unwrap();
        assert_eq!(decoded, id, "{name}");
        // The store has the id, and finds the job by it.
        let jobs = client.jobs(JobFilter::Id(job.id())).await.unwrap();
        assert_eq!(jobs[0].number, job.number().unwrap(), "{name}");
    }
}

#[tokio::test]
async fn odd_answer_to_a_poll_is_read() {
    for (name, encoding, body, id) in rows() {
        let server = serve([template(200, encoding, body)]).await;
        let (client, _) = client(&server.uri());
        let prediction = client.job(&id).unwrap().fetch().await.unwrap();
        assert_eq!(prediction.id(), id, "{name}");
        assert_eq!(prediction.status().name(), "created", "{name}");
    }
}

/// Submits to a vendor that gives this answer, and returns the error with the client.
async fn unknown(vendor: &Vendor, status: u16, body: &str) -> (UnknownOutcome, Wavespeed) {
    vendor.state().next = [template(status, "", body.into())].into();
    let (client, _) = vendor.client();
    let values = json!({ "video": "https://a.example/clip.mp4", "text": "Hi", "voice_id": "AOT" });
    match client.submit(raw_input(MODEL, &values)).await {
        Err(SubmitError::Unknown(unknown)) => (*unknown, client),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn success_without_a_usable_id_is_kept_and_never_taken_for_one_that_did_not_arrive() {
    for (body, shown) in [
        (
            r#"{"code":200,"data":{"id":".."}}"#,
            r#"an id that cannot be used: "..""#,
        ),
        (
            r#"{"code":200,"data":{"id":"."}}"#,
            r#"an id that cannot be used: ".""#,
        ),
        (
            "{\"code\":200,\"data\":{\"id\":\"a\\u001b[2Jb\"}}",
            r"a\u{1b}[2Jb",
        ),
        (
            r#"{"code":200,"data":{"task":"7f"}}"#,
            r#"without an id: {"code":200,"data":{"task":"7f"}}"#,
        ),
        ("<html>accepted 7f</html>", "accepted 7f"),
    ] {
        let vendor = Vendor::start().await;
        let (unknown, client) = unknown(&vendor, 200, body).await;
        assert!(unknown.to_string().contains(shown), "{unknown}");
        assert_eq!(unknown.body, body);
        assert_eq!(unknown.search, HistorySearch::Answered, "{body}");
        let record = client.jobs(JobFilter::All).await.unwrap().remove(0);
        assert_eq!(record.answer.as_deref(), Some(body));
        let again = client.reconcile(&record, client.deadline()).await.unwrap();
        assert!(
            matches!(again, Reconciled::Unresolved(HistorySearch::Answered)),
            "{body}: {again:?}"
        );
        // Not even a client that sends absent submits again sends this one.
        let key = client
            .submit(raw_input(MODEL, &record.input()))
            .resend_absent();
        key.await.unwrap_err();
        assert_eq!(vendor.submits(), 1, "{body}");
        // A person can.
        client
            .resubmit(&record, &[], client.deadline())
            .await
            .unwrap();
        assert_eq!(vendor.submits(), 2, "{body}");
    }
}

#[tokio::test]
async fn error_that_was_not_a_success_may_still_be_absent() {
    let vendor = Vendor::start().await;
    let (unknown, _) = unknown(&vendor, 503, "busy").await;
    assert_eq!(unknown.search, HistorySearch::NotFound);
    assert_eq!(unknown.body, "busy");
}
