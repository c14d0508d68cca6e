//! Tests of a submit over HTTP/2: what each frame that ends a stream or a connection means for its outcome.
//! The server writes its frames byte by byte, because HTTP libraries do not send the wrong ones.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wavespeed::poll::ManualClock;
use wavespeed::{Refusal, SubmitError, Wavespeed, reqwest};
use wavespeed_harness::{ID, envelope, input, record, settings};

/// The types of frames (RFC 9113, section 6).
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;

/// Flags of frames.
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Error codes (RFC 9113, section 7).
const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;

/// The answer to one request.
#[derive(Clone, Debug)]
enum Step {
    /// The head and the body of a success.
    Answer,
    /// The head of a success, and this much of its body.
    Part(usize),
    /// The end of the stream with this code.
    Reset(u32),
    /// The end of the connection: the last stream that counts, as a difference to that of the request, and
    /// the code.
    GoAway(i32, u32),
    /// The end of the connection, without a word.
    HangUp,
}

use Step::{Answer, GoAway, HangUp, Part, Reset};

/// The outcome of a submit.
#[derive(Debug, PartialEq)]
enum Outcome {
    Accepted,
    Rejected(Refusal),
    /// With the HTTP status, if there was an answer.
    Unknown(Option<u16>),
}

use Outcome::{Accepted, Rejected, Unknown};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Step {
    /// Returns the frames for the request of a stream.
    fn frames(&self, stream: u32) -> Vec<u8> {
        // The eighth entry of the static table is `:status: 200` (RFC 7541, appendix A).
        let head = || frame(HEADERS, END_HEADERS, stream, &[0x88]);
        let body = envelope(&record("created")).to_string().into_bytes();
        match self {
            Self::Answer => [head(), frame(DATA, END_STREAM, stream, &body)].concat(),
            Self::Part(length) => [head(), frame(DATA, 0, stream, &body[..*length])].concat(),
            Self::Reset(code) => frame(RST_STREAM, 0, stream, &code.to_be_bytes()),
            Self::GoAway(after, code) => {
                let last = stream.checked_add_signed(*after).unwrap();
                let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
                frame(GOAWAY, 0, 0, &payload)
            }
            Self::HangUp => Vec::new(),
        }
    }
}

/// A server that answers each request with the next steps; the last of them closes the connection unless it
/// is a whole answer.
struct Server {
    origin: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answers: &[&[Step]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let answers = answers.iter().map(|steps| steps.to_vec()).collect();
        let (answers, counter) = (Arc::new(Mutex::new(answers)), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&counter)));
            }
        });
        Self { origin, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Answers the requests of a connection until an answer ends it.
async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<VecDeque<Vec<Step>>>>,
    requests: Arc<AtomicUsize>,
) {
    // The preface of the client has 24 bytes.
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream
            .read_exact(&mut vec![0; length as usize])
            .await
            .unwrap();
        if !matches!(head[3], DATA | HEADERS) || head[4] & END_STREAM == 0 {
            continue;
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let steps = answers.lock().unwrap().pop_front().unwrap();
        for step in &steps {
            stream.write_all(&step.frames(id)).await.unwrap();
        }
        if !matches!(steps.last(), Some(Answer)) {
            stream.shutdown().await.unwrap();
            // Unread bytes would turn the end into a reset, which can overtake the answer.
            _ = stream.read_to_end(&mut Vec::new()).await;
            return;
        }
    }
}

/// Returns a client that speaks HTTP/2 without TLS.
fn client(server: &Server, resends: u32) -> Wavespeed {
    // The HTTP client of a program for rustls needs a cryptography provider.
    _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .http2_prior_knowledge();
    let settings = settings(&server.origin, &ManualClock::default()).resends(resends);
    settings.http(http.build().unwrap()).build().unwrap()
}

async fn submit(client: &Wavespeed) -> Outcome {
    match client.submit(&input()).await {
        Ok(job) => {
            assert_eq!(job.id().as_str(), ID);
            Accepted
        }
        Err(SubmitError::Rejected(rejected)) => Rejected(rejected.refusal),
        Err(SubmitError::Unknown(unknown)) => Unknown(unknown.status),
        Err(other) => panic!("{other}"),
    }
}

/// Every answer of the table, and the outcome of the submit that it ends.
fn rows() -> Vec<(&'static [Step], Outcome)> {
    let unprocessed = || Rejected(Refusal::Unprocessed);
    vec![
        (&[Answer], Accepted),
        // Proofs that nothing was processed.
        (&[Reset(REFUSED_STREAM)], unprocessed()),
        (&[GoAway(-1, NO_ERROR)], unprocessed()),
        (&[GoAway(-1, INTERNAL_ERROR)], unprocessed()),
        (
            &[GoAway(1_000, NO_ERROR), GoAway(-1, NO_ERROR)],
            unprocessed(),
        ),
        // No proofs.
        (&[Reset(NO_ERROR)], Unknown(None)),
        (&[Reset(CANCEL)], Unknown(None)),
        (&[Reset(INTERNAL_ERROR)], Unknown(None)),
        (&[GoAway(0, NO_ERROR)], Unknown(None)),
        (&[GoAway(0, INTERNAL_ERROR)], Unknown(None)),
        (&[GoAway(0, REFUSED_STREAM)], Unknown(None)),
        (&[GoAway(1_000, NO_ERROR)], Unknown(None)),
        (&[HangUp], Unknown(None)),
        // The head of an answer came before, so the request was processed, whatever is said then.
        (&[Part(0), HangUp], Unknown(Some(200))),
        (&[Part(20), Reset(INTERNAL_ERROR)], Unknown(Some(200))),
        (&[Part(20), Reset(REFUSED_STREAM)], Unknown(Some(200))),
        (&[Part(20), GoAway(-1, NO_ERROR)], Unknown(Some(200))),
        // The id came before.
        (&[Part(85), Reset(CANCEL)], Accepted),
        (&[Part(85), HangUp], Accepted),
        (&[GoAway(0, NO_ERROR), Answer], Accepted),
    ]
}

#[tokio::test]
async fn only_a_proof_of_http2_makes_a_submit_rejected() {
    for (steps, expected) in rows() {
        let server = Server::start(&[steps]).await;
        assert_eq!(submit(&client(&server, 0)).await, expected, "{steps:?}");
        assert_eq!(server.requests(), 1, "{steps:?}");
    }
}

#[tokio::test]
async fn proof_concerns_the_stream_of_the_submit_on_a_used_connection() {
    for (steps, expected) in rows() {
        let server = Server::start(&[&[Answer], steps]).await;
        let client = client(&server, 0);
        client.job(ID).unwrap().fetch().await.unwrap();
        assert_eq!(submit(&client).await, expected, "{steps:?}");
        assert_eq!(server.requests(), 2, "{steps:?}");
    }
}

#[tokio::test]
async fn only_a_submit_that_was_not_processed_is_sent_again() {
    for (steps, expected) in rows() {
        let is_unprocessed = expected == Rejected(Refusal::Unprocessed);
        let server = Server::start(&[steps, &[Answer]]).await;
        let outcome = submit(&client(&server, 3)).await;
        let (expected, requests) = match is_unprocessed {
            true => (Accepted, 2),
            false => (expected, 1),
        };
        assert_eq!(
            (outcome, server.requests()),
            (expected, requests),
            "{steps:?}"
        );
    }
}
