//! A web service that submits jobs and learns of their ends by webhooks. `POST /jobs` takes the key of
//! the job from the header `Idempotency-Key`, so clients can repeat a request. Ctrl-C shuts the service
//! down without losing the id of a submit that is in flight. With the vendor, `PUBLIC_URL` names the
//! https address of the service. Without an API key, on the emulator of the API:
//!
//! ```sh
//! wave emulator --port 8787 &
//! export WAVESPEED_BASE_URL=http://127.0.0.1:8787 WAVESPEED_API_KEY=emulator
//! LISTEN=127.0.0.1:3000 cargo run -p wavespeed --example service &
//! VIDEO=$(wave upload crates/emulator/assets/clip.mp4)
//! curl http://127.0.0.1:3000/jobs -H 'Idempotency-Key: order-17' \
//!     --json '{ "video": "'$VIDEO'", "text": "Hello", "voice_id": "AOT" }'
//! ```

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;
use wavespeed::serde_json::Value;
use wavespeed::{RawInput, SubmitError, Wavespeed, WebhookSecret, webhook};
use wavespeed_journal::Journal;

struct Service {
    ws: Wavespeed,
    secret: WebhookSecret,
    hook_url: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(env::var("LISTEN")?).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let public_url = env::var("PUBLIC_URL").unwrap_or(address.clone());
    let journal = Journal::open("jobs.db")?;
    let ws = Wavespeed::builder().env().store(journal).build()?;
    let service = Service {
        ws: ws.clone(),
        secret: ws.webhook_secret().await?, // once, and not per request
        hook_url: format!("{public_url}/hook"),
    };
    let routes = Router::new().route("/jobs", post(submit));
    let routes = routes.route("/hook", post(hook));
    println!("listening on {address}");
    axum::serve(listener, routes.with_state(Arc::new(service)))
        .with_graceful_shutdown(async { _ = ctrl_c().await })
        .await?;
    // The id of a submit that is in flight is still to be recorded, even if its client has hung up.
    // Waits end with the process; the example `resume` finishes their jobs.
    if !ws.flush(ws.deadline()).await {
        return Err("a submit may have been billed whose id is not in the journal".into());
    }
    Ok(())
}

async fn submit(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(input): Json<Value>,
) -> Result<(StatusCode, String), (StatusCode, String)> {
    let key = headers.get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok());
    let key = key.ok_or((StatusCode::BAD_REQUEST, "no Idempotency-Key".into()))?;
    let input = RawInput::new("kwaivgi/kling-lipsync/text-to-video", input);
    let submit = service.ws.submit(input).key(key).webhook(&service.hook_url);
    let job = submit.await.map_err(|error| match error {
        SubmitError::Invalid(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        _ => (StatusCode::CONFLICT, error.to_string()),
    })?;
    let id = job.id().to_string();
    // The webhook of the job wakes this wait before the next poll is due.
    tokio::spawn(async move {
        match job.wait().await {
            Ok(prediction) => println!("{} {}", prediction.id(), prediction.status()),
            Err(error) => println!("{error}"),
        }
    });
    Ok((StatusCode::ACCEPTED, id))
}

async fn hook(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(event) = webhook::verify(&headers, &body, &service.secret, SystemTime::now()) else {
        return StatusCode::UNAUTHORIZED;
    };
    // The vendor sends an event again until it gets a 200. A second wake only costs another poll.
    if let Ok(id) = event.prediction.id().parse() {
        service.ws.wake(&id);
    }
    StatusCode::OK
}
