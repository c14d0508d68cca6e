//! The frames of HTTP/2 by which a server proves that it did not process a submit, and those that prove
//! nothing. The server writes its frames byte by byte, because HTTP libraries do not send the wrong ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wavespeed_client::{ApiKey, CallError, Client, HttpErrorKind, reqwest};

/// The types of frames (RFC 9113, section 6).
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;

/// The flag of the last frame of a request.
const END_STREAM: u8 = 0x1;

/// The id of the first stream of a connection, which is the submit.
const SUBMIT: u32 = 1;

/// Error codes (RFC 9113, section 7).
const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;
const ENHANCE_YOUR_CALM: u32 = 0xb;

fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
}

fn reset(code: u32) -> Vec<u8> {
    frame(RST_STREAM, SUBMIT, &code.to_be_bytes())
}

fn go_away(last_stream: u32, code: u32) -> Vec<u8> {
    let payload = [last_stream.to_be_bytes(), code.to_be_bytes()].concat();
    frame(GOAWAY, 0, &payload)
}

/// Reads a whole request, writes the answer, and closes the connection.
async fn serve(mut stream: TcpStream, requests: &AtomicUsize, answer: &[u8]) {
    // The preface of the client has 24 bytes.
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let (kind, flags) = (head[3], head[4]);
        requests.fetch_add(usize::from(kind == HEADERS), Ordering::Relaxed);
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            break;
        }
    }
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.unwrap();
    // Unread bytes would turn the end into a reset, which can overtake the answer. The client may end the
    // connection by a reset as well.
    _ = stream.read_to_end(&mut Vec::new()).await;
}

/// Submits once to a server that answers with these frames, and returns the error and the number of
/// requests that arrived.
async fn submit(answer: Vec<u8>) -> (CallError, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, &counter, &answer).await;
        }
    });
    let http = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let key = ApiKey::new("test-key").unwrap();
    let client = Client::new(&url.parse().unwrap(), Arc::new(http), key);
    let model = "kwaivgi/kling-lipsync/text-to-video".parse().unwrap();
    let submit = client.submit_raw(&model, "{}".into(), None, std::future::pending());
    let error = submit.await.unwrap_err();
    server.abort();
    (error, requests.load(Ordering::Relaxed))
}

#[tokio::test]
async fn frames_that_prove_that_nothing_was_processed() {
    let graceful = [go_away(u32::MAX >> 1, NO_ERROR), go_away(0, NO_ERROR)].concat();
    for (name, answer) in [
        ("refused stream", reset(REFUSED_STREAM)),
        ("go away before ours", go_away(0, NO_ERROR)),
        ("failed before ours", go_away(0, INTERNAL_ERROR)),
        ("go away in two steps", graceful),
    ] {
        let (error, requests) = submit(answer).await;
        assert!(
            matches!(&error, CallError::Unprocessed(error) if error.kind() == HttpErrorKind::Unprocessed),
            "{name}: {error:?}"
        );
        assert_eq!(requests, 1, "{name}");
    }
}

#[tokio::test]
async fn frames_that_prove_nothing() {
    for (name, answer) in [
        ("failed stream", reset(INTERNAL_ERROR)),
        ("cancelled stream", reset(CANCEL)),
        ("stream that ended well", reset(NO_ERROR)),
        ("calmed stream", reset(ENHANCE_YOUR_CALM)),
        ("go away after ours", go_away(SUBMIT, NO_ERROR)),
        ("failed after ours", go_away(SUBMIT, INTERNAL_ERROR)),
        ("go away after later ones", go_away(u32::MAX >> 1, NO_ERROR)),
        ("half a frame", reset(REFUSED_STREAM)[..11].to_vec()),
        ("closed", Vec::new()),
    ] {
        let (error, requests) = submit(answer).await;
        assert!(
            matches!(&error, CallError::Http(error) if error.kind() == HttpErrorKind::Broken),
            "{name}: {error:?}"
        );
        assert_eq!(requests, 1, "{name}");
    }
}
