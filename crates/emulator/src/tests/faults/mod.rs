//! Faults: what leaves a connection byte by byte, and how it ends.

mod answers;
mod outputs;
mod wire;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{MODEL, Trial, input};

impl Trial {
    /// A trial of a scenario.
    async fn of(scenario: &str) -> Self {
        let scenario = scenario.parse().unwrap();
        Self::with(|builder| builder.scenario(scenario).seed(7)).await
    }

    async fn connect(&self) -> TcpStream {
        let address = self.emulator.origin().strip_prefix("http://").unwrap();
        TcpStream::connect(address).await.unwrap()
    }

    /// What is answered to a request until the connection is closed. It stays open after a whole
    /// answer, since nothing asks for its end.
    async fn raw(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // An end that is not orderly would be an error.
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A request to the API as it goes over the wire.
fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: emulator\r\nAuthorization: Bearer emulator\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A submit.
fn submit() -> String {
    request("POST", MODEL, &input().to_string())
}

/// The head and the body of an answer.
fn parts(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap()
}

/// The announced length.
fn announced(head: &str) -> usize {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.unwrap().parse().unwrap()
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}
