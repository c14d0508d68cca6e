//! A TCP server that sends exactly the text it is given, and may hang up or fall silent in the
//! middle of it: for faults that an HTTP server cannot be made to commit.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// What is done about one request.
#[derive(Clone, Debug)]
pub struct Act {
    text: String,
    hang_up: bool,
}

impl Act {
    /// Sends a text, and waits for the next request.
    pub fn send(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hang_up: false,
        }
    }

    /// Sends a whole answer of HTTP.
    pub fn answer(body: &str) -> Self {
        let length = body.len();
        Self::send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// What is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says nothing, and never will.
    pub fn stall() -> Self {
        Self::send("")
    }

    /// Hangs up after the request, or after the text.
    pub fn hang_up(text: impl Into<String>) -> Self {
        Self {
            hang_up: true,
            ..Self::send(text)
        }
    }
}

/// A server that plays [`Act`]s. It ends with the test.
pub struct Server {
    /// The scheme, host and port it listens on.
    pub origin: String,
    requests: watch::Receiver<Vec<String>>,
}

impl Server {
    /// Does these things about the requests, in order over all connections, and the last one for
    /// ever.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (seen, requests) = watch::channel(Vec::new());
        let plan = Arc::new(Plan {
            acts: Mutex::new(acts.into_iter().collect()),
            seen,
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&plan)));
            }
        });
        Self { origin, requests }
    }

    /// The requests that came, each with its body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Returns once so many requests have come.
    pub async fn arrived(&self, count: usize) {
        let mut requests = self.requests.clone();
        let came = requests.wait_for(|requests| requests.len() >= count).await;
        came.expect("the server lives as long as the test");
    }
}

/// The origin of a port that is taken, so that nobody else gets it, and on which nobody listens.
pub fn nobody() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

struct Plan {
    acts: Mutex<VecDeque<Act>>,
    seen: watch::Sender<Vec<String>>,
}

impl Plan {
    fn next(&self) -> Act {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        match acts.len() {
            1 => acts[0].clone(),
            _ => acts.pop_front().expect("there is an act"),
        }
    }
}

async fn serve(mut stream: TcpStream, plan: Arc<Plan>) -> io::Result<()> {
    while let Some(request) = read_request(&mut stream).await? {
        // The act belongs to the request before a test hears of it.
        let act = plan.next();
        plan.seen.send_modify(|seen| seen.push(request));
        stream.write_all(act.text.as_bytes()).await?;
        if act.hang_up {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// A request of HTTP with its body, if it says how long that is; `None` if the other side has
/// hung up.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= body_length(head)
        {
            return Ok(Some(text.into_owned()));
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

fn body_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap())
}
