//! The emulator, driven by plain HTTP with a client that is not ours.

mod account;
mod api;
mod credit;
mod faults;
mod history;
mod outputs;
mod start;
mod uploads;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::{Builder, Clock, Emulator};

const MODEL: &str = "/api/v3/kwaivgi/kling-lipsync/text-to-video";
const TASK_TIME: Duration = Duration::from_secs(60);

/// An emulator whose time stands still, and a client of it.
struct Trial {
    emulator: Emulator,
    client: Client,
}

impl Trial {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Emulator::builder()
            .clock(Clock::manual())
            .task_time(TASK_TIME);
        Self {
            emulator: settings(builder).start().await.unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A request to a path or, as it is, to a URL.
    fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.emulator.origin())
        } else {
            path.to_owned()
        };
        self.client.request(method, url)
    }

    /// A request with the key.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.plain(method, path).bearer_auth("emulator")
    }

    async fn get(&self, url: &str) -> Response {
        self.plain(Method::GET, url).send().await.unwrap()
    }

    async fn submit(&self, body: &Value) -> Response {
        let call = self.call(Method::POST, MODEL).json(body);
        call.send().await.unwrap()
    }

    /// The prediction of a task submitted with `body`.
    async fn submitted(&self, body: &Value) -> Value {
        data(self.submit(body).await).await
    }

    async fn prediction(&self, id: &str) -> Value {
        let path = format!("/api/v3/predictions/{id}/result");
        data(self.call(Method::GET, &path).send().await.unwrap()).await
    }

    async fn ticket(&self, body: &Value) -> Response {
        let call = self.call(Method::POST, "/api/v3/media/uploads").json(body);
        call.send().await.unwrap()
    }

    /// The PUT that a ticket asks for, without its body.
    fn put(&self, ticket: &Value) -> RequestBuilder {
        let mut request = self.plain(Method::PUT, ticket["upload"]["url"].as_str().unwrap());
        for (name, value) in ticket["upload"]["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        request
    }

    /// The URL under which an uploaded file is found.
    async fn upload(&self, name: &str, bytes: Vec<u8>) -> String {
        let file = json!({ "filename": name, "size": bytes.len(), "content_type": "video/mp4" });
        let ticket = data(self.ticket(&file).await).await;
        let put = self.put(&ticket).body(bytes).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::OK);
        ticket["download_url"].as_str().unwrap().to_owned()
    }
}

/// An input that is accepted.
fn input() -> Value {
    json!({ "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "AOT" })
}

/// The `data` of a successful answer.
async fn data(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    let mut envelope: Value = response.json().await.unwrap();
    assert_eq!(envelope["code"], 200, "{envelope}");
    assert_eq!(envelope["message"], "success");
    envelope["data"].take()
}

/// Asserts a refusal, byte for byte.
async fn assert_refused(response: Response, status: u16, body: &str) {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.text().await.unwrap(), body);
}
