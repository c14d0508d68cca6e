//! A TCP server that sends exactly the given text and may close the connection or stall in the middle
//! of an answer, for faults that an HTTP server cannot produce.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Action of the server on one request.
#[derive(Clone, Debug)]
pub struct Action {
    text: String,
    hang_up: bool,
}

impl Action {
    /// Sends a text and waits for the next request.
    pub fn send(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hang_up: false,
        }
    }

    /// Sends a whole HTTP answer.
    pub fn answer(body: &str) -> Self {
        let length = body.len();
        Self::send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// Returns the text that is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sends nothing and keeps the connection open.
    pub fn stall() -> Self {
        Self::send("")
    }

    /// Sends a text, which may be empty, and closes the connection.
    pub fn hang_up(text: impl Into<String>) -> Self {
        Self {
            hang_up: true,
            ..Self::send(text)
        }
    }
}

/// A server that performs [`Action`]s. It ends with the test's runtime.
pub struct Server {
    /// The scheme, host and port of the server.
    pub origin: String,
    requests: watch::Receiver<Vec<String>>,
}

impl Server {
    /// Starts a server that performs these actions in order over all connections, and the last one from
    /// then on.
    pub async fn start(actions: impl IntoIterator<Item = Action>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (received, requests) = watch::channel(Vec::new());
        let plan = Arc::new(Plan {
            actions: Mutex::new(actions.into_iter().collect()),
            received,
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&plan)));
            }
        });
        Self { origin, requests }
    }

    /// Returns the requests so far, each with its body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Waits until the server has received `count` requests.
    pub async fn arrived(&self, count: usize) {
        let mut requests = self.requests.clone();
        let result = requests.wait_for(|requests| requests.len() >= count).await;
        result.expect("the server lives as long as the test");
    }
}

/// Returns an origin whose connections are refused. The socket reserves its port but does not listen.
pub fn closed_port() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (format!("http://{}", socket.local_addr().unwrap()), socket)
}

/// The remaining actions, and the requests so far.
struct Plan {
    actions: Mutex<VecDeque<Action>>,
    received: watch::Sender<Vec<String>>,
}

impl Plan {
    fn next(&self) -> Action {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        match actions.len() {
            1 => actions[0].clone(),
            _ => actions.pop_front().expect("there is an action"),
        }
    }
}

async fn serve(mut stream: TcpStream, plan: Arc<Plan>) -> io::Result<()> {
    while let Some(request) = read_request(&mut stream).await? {
        // The action is taken before the test can observe the request.
        let action = plan.next();
        plan.received.send_modify(|received| received.push(request));
        stream.write_all(action.text.as_bytes()).await?;
        if action.hang_up {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// Reads an HTTP request with its body, if it has a `Content-Length`. Returns `None` if the client has
/// closed the connection.
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

/// The value of the header `Content-Length`, or 0.
fn body_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap())
}
