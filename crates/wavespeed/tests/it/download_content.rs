//! Tests of the content of downloads: an answer with a status of success is saved only if its body can be
//! the output. A TCP server plays hosts that answer with something else.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use futures_util::TryStreamExt as _;
use serde_json::json;
use tempfile::TempDir;
use wavespeed::poll::ManualClock;
use wavespeed::{DownloadError, Downloaded, Prediction, Retries, SaveError, Target};
use wavespeed_harness::{CLIP, ID, MODEL, names, requests, serve, settings};
use wiremock::{MockServer, ResponseTemplate};

/// The vendor's answer to a prediction that it does not have, which comes with HTTP 200.
const ENVELOPE: &str = r#"{"code":404,"message":"no such output","data":null}"#;
const XML_ERROR: &str = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\
                         <Message>Access Denied</Message></Error>";
const PAGE: &str = "\n<!DOCTYPE html><html><title>Sign in</title></html>";

/// A body without a content type, whose length is announced.
fn body(content: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(content)
}

/// A body without an announced length.
fn chunked(content: &[u8]) -> ResponseTemplate {
    // The empty encoding means none, and takes the length from the answer.
    body(content).insert_header("transfer-encoding", "chunked")
}

fn encoded(encoding: &str, content: &[u8]) -> ResponseTemplate {
    body(content).insert_header("content-encoding", encoding)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

struct Download {
    result: Result<Vec<Downloaded>, DownloadError>,
    requests: usize,
    folder: TempDir,
}

impl Download {
    /// Saves the output of this name of a model from a host that gives these answers.
    async fn new(name: &str, model: &str, answers: Vec<ResponseTemplate>) -> Self {
        let server = serve(answers).await;
        let clock = ManualClock::default();
        let settings = settings("http://127.0.0.1:9", &clock);
        let retries = Retries::default().reads(0).downloads(2);
        let client = settings.retries(retries).build().unwrap();
        let folder = TempDir::new().unwrap();
        let target = Target::new(folder.path().join("out"));
        let url = format!("{}/{name}", server.uri());
        let done = json!({ "id": ID, "model": model, "status": "completed", "outputs": [url] });
        let done = Prediction::from_json(done).unwrap();
        let result = client.download(&done, &target).await;
        Self {
            result,
            requests: requests(&server).await.len(),
            folder,
        }
    }

    /// Returns the text of the error, after a check that nothing was saved.
    fn refused(self) -> String {
        let error = self.result.unwrap_err();
        assert!(names(self.folder.path()).is_empty(), "{error}");
        let kind = &error.failed[0].1;
        let is_content = matches!(kind, SaveError::Content { .. } | SaveError::Page { .. });
        assert!(is_content, "{error}");
        // The first attempt and two retries.
        assert_eq!(self.requests, 3, "{error}");
        error.to_string()
    }

    fn saved(self) -> Vec<u8> {
        let saved = self.result.unwrap();
        assert_eq!(self.requests, 1);
        std::fs::read(&saved[0].path).unwrap()
    }
}

#[tokio::test]
async fn content_that_cannot_be_a_video_is_refused() {
    let half = &CLIP[..CLIP.len() / 2];
    let rows: [(&str, ResponseTemplate, &str); 13] = [
        (
            "envelope",
            body(ENVELOPE),
            "an error, not the file: no such output",
        ),
        (
            "json",
            body(r#"{"detail":"busy"}"#),
            "JSON, not the file: busy",
        ),
        ("a list", body("[1]"), "JSON"),
        (
            "xml error",
            body(XML_ERROR),
            "an XML error, not the file: Access Denied",
        ),
        ("xml", body("<?xml version=\"1.0\"?><a/>"), "XML"),
        (
            "text",
            body("Too many connections"),
            "a text, not the file: Too many",
        ),
        ("page", body(PAGE), "an HTML page"),
        (
            "page with a mark",
            body(format!("\u{feff}{PAGE}")),
            "an HTML page",
        ),
        ("gzip", body(gzip(CLIP)), "compressed data"),
        ("half", chunked(half), "only a part of the file"),
        ("brotli", encoded("br", b"\x0b\x01"), "an unknown encoding"),
        (
            "damaged",
            encoded("gzip", b"\x1f\x8b\x08wrong"),
            "damaged or incomplete",
        ),
        (
            "half of gzip",
            encoded("gzip", &gzip(CLIP)[..900]),
            "damaged or incomplete",
        ),
    ];
    for (row, answer, expected) in rows {
        // The extension promises a video, or else the model does.
        for (name, model) in [("1.MP4", "a/b"), ("1", MODEL)] {
            let error = Download::new(name, model, vec![answer.clone()])
                .await
                .refused();
            assert!(error.contains(expected), "{row}: {error}");
        }
    }
}

#[tokio::test]
async fn half_of_a_picture_or_sound_is_refused() {
    let png: &[u8] = include_bytes!("../../../emulator/assets/picture.png");
    let wav = |length: u32| [b"RIFF", &length.to_le_bytes()[..], b"WAVEfmt \0\0\0\0"].concat();
    for (name, half) in [("1.png", &png[..png.len() / 2]), ("1.wav", &wav(13))] {
        let download = Download::new(name, "a/b", vec![chunked(half)]).await;
        assert!(download.refused().contains("only a part of the file"));
        // The host says that this is the file.
        let download = Download::new(name, "a/b", vec![body(half)]).await;
        assert_eq!(download.saved(), half);
    }
    let padded = [png, b"padding"].concat();
    for (name, whole) in [
        ("1.png", padded),
        ("1.wav", wav(12)),
        ("1.wav", wav(u32::MAX)),
    ] {
        let download = Download::new(name, "a/b", vec![chunked(&whole)]).await;
        assert_eq!(download.saved(), whole);
    }
}

#[tokio::test]
async fn answer_that_is_not_the_file_is_retried() {
    for answer in [body(ENVELOPE), body(PAGE), body("busy"), body(gzip(CLIP))] {
        let download = Download::new("1.mp4", MODEL, vec![answer, body(CLIP)]).await;
        assert_eq!(download.requests, 2);
        let saved = download.result.unwrap();
        assert_eq!(std::fs::read(&saved[0].path).unwrap(), CLIP);
    }
}

#[tokio::test]
async fn only_errors_are_refused_where_the_kind_is_not_known() {
    for answer in [ENVELOPE, XML_ERROR, PAGE] {
        for name in ["1", "1.glb"] {
            _ = Download::new(name, "a/b", vec![body(answer)])
                .await
                .refused();
        }
    }
    let zip = gzip(b"abc");
    let texts = [
        "abc",
        r#"{"code":200,"data":[]}"#,
        "{\"a\":1}",
        "<svg></svg>",
        "<!DOCTYPE svg><svg/>",
    ];
    for content in texts.map(str::as_bytes).into_iter().chain([&zip[..]]) {
        let download = Download::new("1", "a/b", vec![body(content)]).await;
        assert_eq!(download.saved(), content);
    }
}

/// Some hosts answer with a page of another form, or send a file with a wrong content type.
#[tokio::test]
async fn content_type_tells_html_from_other_texts() {
    let html = |content: &[u8]| {
        ResponseTemplate::new(200).set_body_raw(content, "Text/HTML; charset=utf-8")
    };
    for name in ["1.mp4", "1"] {
        let download = Download::new(name, "a/b", vec![html(b"Please sign in")]).await;
        let error = download.refused();
        assert!(error.contains("an HTML page"), "{error}");
        let download = Download::new(name, "a/b", vec![html(CLIP)]).await;
        assert!(download.saved() == CLIP);
    }
    let download = Download::new("report.HTML", "a/b", vec![html(b"<html>")]).await;
    assert_eq!(download.saved(), b"<html>");
}

#[tokio::test]
async fn text_that_is_promised_is_saved() {
    for content in [ENVELOPE, XML_ERROR, PAGE, "abc", "[]"] {
        for name in ["1.json", "1.txt", "1.html"] {
            let download = Download::new(name, MODEL, vec![body(content)]).await;
            assert_eq!(download.saved(), content.as_bytes(), "{name}");
        }
    }
}

#[tokio::test]
async fn content_encoding_is_decoded() {
    let zlib = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(CLIP).unwrap();
        encoder.finish().unwrap()
    };
    let deflate = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(CLIP).unwrap();
        encoder.finish().unwrap()
    };
    for answer in [
        encoded("gzip", &gzip(CLIP)),
        encoded("X-GZIP, identity", &gzip(CLIP)),
        encoded("deflate", &zlib),
        encoded("deflate", &deflate),
        encoded("aws-chunked", CLIP),
        // A file that is stored plain with the header of a compressed one.
        encoded("gzip", CLIP),
        // A clip of a known kind is complete, whatever the host says about its length.
        chunked(CLIP),
    ] {
        let header = format!("{answer:?}");
        let download = Download::new("1.mp4", MODEL, vec![answer]).await;
        assert!(download.saved() == CLIP, "{header}");
    }
}

#[tokio::test]
async fn stream_of_an_output_is_decoded() {
    let client = settings("http://127.0.0.1:9", &ManualClock::default());
    let client = client.build().unwrap();
    let done = |server: &MockServer| {
        let done = json!({ "id": ID, "status": "completed", "outputs": [server.uri()] });
        Prediction::from_json(done).unwrap()
    };
    for (answer, length) in [
        (encoded("gzip", &gzip(CLIP)), None),
        (body(CLIP), Some(CLIP.len() as u64)),
    ] {
        let server = serve([answer]).await;
        let output = client.open(&done(&server), 0).await.unwrap();
        assert_eq!(output.bytes, length);
        let chunks: Vec<_> = output.stream.try_collect().await.unwrap();
        assert!(chunks.concat() == CLIP);
    }
    let half = encoded("gzip", &gzip(CLIP)[..900]);
    let server = serve([half]).await;
    let output = client.open(&done(&server), 0).await.unwrap();
    let chunks: Result<Vec<_>, _> = output.stream.try_collect().await;
    chunks.unwrap_err();
    let server = serve([encoded("br", b"\x0b")]).await;
    let error = client.open(&done(&server), 0).await.unwrap_err();
    assert!(matches!(error, SaveError::Content { .. }), "{error}");
    let server = serve([ResponseTemplate::new(202)]).await;
    let error = client.open(&done(&server), 0).await.unwrap_err();
    assert!(
        matches!(error, SaveError::Refused { status: 202, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn decoded_file_is_not_longer_than_the_limit() {
    let server = serve([encoded("gzip", &gzip(&vec![0; 1 << 20]))]).await;
    let clock = ManualClock::default();
    let client = settings("http://127.0.0.1:9", &clock).max_output_bytes(1 << 16);
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out"));
    let done = json!({ "id": ID, "status": "completed", "outputs": [server.uri()] });
    let done = Prediction::from_json(done).unwrap();
    let error = client
        .build()
        .unwrap()
        .download(&done, &target)
        .await
        .unwrap_err();
    assert!(
        matches!(error.failed[0].1, SaveError::TooLarge { .. }),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn warning_names_the_extension_and_the_content() {
    let png = include_bytes!("../../../emulator/assets/picture.png");
    for (path, url, content, expected) in [
        (
            "out.mp4",
            "https://a.b/1.png",
            &png[..],
            Some("out.mp4 has the extension mp4, but its content is png"),
        ),
        (
            "out",
            "https://a.b/1.mp4",
            png,
            Some("out has the extension mp4, but its content is png"),
        ),
        ("out.PNG", "https://a.b/1.png", png, None),
        ("out.glb", "https://a.b/1", png, None),
        ("out.mov", "https://a.b/1.mp4", CLIP, None),
        (
            "out.mp4",
            "https://a.b/1.mp4",
            &CLIP[..CLIP.len() - 9],
            Some("out.mp4 ends early"),
        ),
    ] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(path);
        std::fs::write(&path, content).unwrap();
        let warning = Downloaded::new(1, &path, url, 1, "").content_warning();
        let warning = warning.unwrap_or_default();
        assert!(warning.contains(expected.unwrap_or_default()), "{warning}");
        assert_eq!(warning.is_empty(), expected.is_none(), "{warning}");
    }
}
