//! A submit, and other calls, by a service of the program.

use std::future::pending;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt as _;
use wavespeed_client::reqwest::header::AUTHORIZATION;
use wavespeed_client::reqwest::{Request, Response};
use wavespeed_client::{
    Answer, ApiKey, CallError, Client, HttpError, HttpErrorKind, HttpFuture, HttpService, Purpose,
    RequestContext, types,
};

const KEY: &str = "wsk_0123456789abcdef";

/// Answers every request by the same function, and records it.
struct Service<F> {
    answer: F,
    /// `true` if the body is taken before the answer, as by a connection.
    takes_body: bool,
    seen: Mutex<Vec<(String, RequestContext)>>,
}

impl<F: Fn(&Request) -> Result<Response, HttpError> + Send + Sync> HttpService for Service<F> {
    fn send(&self, mut request: Request, context: RequestContext) -> HttpFuture<'_> {
        let line = format!("{} {}", request.method(), request.url());
        self.seen.lock().unwrap().push((line, context));
        Box::pin(async move {
            if let Some(body) = request.body_mut().take_if(|_| self.takes_body) {
                body.collect().await.unwrap();
            }
            (self.answer)(&request)
        })
    }
}

fn client<F>(takes_body: bool, answer: F) -> (Client, Arc<Service<F>>)
where
    F: Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
{
    let service = Arc::new(Service {
        answer,
        takes_body,
        seen: Mutex::default(),
    });
    let url = "https://api.example/api/v3/".parse().unwrap();
    let key = ApiKey::new(KEY).unwrap();
    let http = Arc::clone(&service) as Arc<dyn HttpService>;
    (Client::new(&url, http, key), service)
}

async fn submit(client: &Client) -> Result<Answer, CallError> {
    let model = "vendor/model".parse().unwrap();
    let webhook = Some("https://hook.example/?a=1&b=2");
    client
        .submit_raw(&model, "{}".into(), webhook, pending())
        .await
}

#[tokio::test]
async fn submit_is_unprocessed_only_if_its_body_was_not_taken_or_the_server_proved_it() {
    for (kind, takes_body, expected) in [
        (HttpErrorKind::Request, false, true),
        (HttpErrorKind::Connect, false, true),
        (HttpErrorKind::Timeout, false, false),
        (HttpErrorKind::Broken, false, false),
        (HttpErrorKind::Unprocessed, false, true),
        (HttpErrorKind::Request, true, false),
        (HttpErrorKind::Connect, true, false),
        (HttpErrorKind::Timeout, true, false),
        (HttpErrorKind::Broken, true, false),
        (HttpErrorKind::Unprocessed, true, true),
    ] {
        let (client, _) = client(takes_body, move |_| Err(HttpError::new(kind)));
        let error = submit(&client).await.unwrap_err();
        let is_unprocessed = matches!(error, CallError::Unprocessed(_));
        assert_eq!(is_unprocessed, expected, "{kind:?}, {takes_body}");
    }
}

#[tokio::test]
async fn submit_cannot_be_cloned_or_read_by_a_service() {
    let (client, service) = client(false, |request| {
        let body = request.body().unwrap();
        assert!(request.try_clone().is_none());
        assert!(body.as_bytes().is_none());
        Ok(response(202, "{}"))
    });
    assert_eq!(submit(&client).await.unwrap().status, 202);
    let seen = service.seen.lock().unwrap();
    let url = "https://api.example/api/v3/vendor/model?webhook=https%3A%2F%2Fhook.example%2F%3Fa%3D1%26b%3D2";
    let context = RequestContext::new(Purpose::Submit);
    assert_eq!(seen[..], [(format!("POST {url}"), context)]);
}

#[tokio::test]
async fn call_has_its_path_body_and_key_and_hides_the_key_of_an_echo() {
    let (client, service) = client(false, |request| {
        let body = request.body().and_then(|body| body.as_bytes());
        let body = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
        let key = request.headers()[AUTHORIZATION].to_str().unwrap();
        Ok(response(500, &format!("{key} {body}")))
    });
    let second = client.with_attempt(2);
    let answer = second.get_prediction_result("a/../b").await.unwrap();
    assert_eq!(answer.text(), "Bearer [API key] ");
    let mut request = types::HistoryRequest::new();
    request.page = Some(3);
    let answer = client.list_predictions(&request).await.unwrap();
    assert_eq!(answer.text(), r#"Bearer [API key] {"page":3}"#);
    let context = RequestContext::new(Purpose::Api);
    let base = "https://api.example/api/v3/predictions";
    let expected = [
        (format!("GET {base}/a%2F..%2Fb/result"), context.attempt(2)),
        (format!("POST {base}"), context),
    ];
    assert_eq!(service.seen.lock().unwrap()[..], expected);
}

/// Returns a response without headers.
fn response(status: u16, body: &str) -> Response {
    let response = http::Response::builder().status(status);
    response.body(body.to_owned()).unwrap().into()
}
