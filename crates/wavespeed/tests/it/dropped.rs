//! Tests of a submit whose future is dropped while the vendor has not answered.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use wavespeed::poll::ManualClock;
use wavespeed::{Deadline, JobFilter, MemoryStore, Stage, Wavespeed};
use wavespeed_harness::{ID, MODEL, envelope, input, record, settings};

/// A vendor that answers a submit only when it is released.
#[derive(Clone, Default)]
struct SlowVendor {
    arrived: Arc<Notify>,
    release: Arc<Notify>,
}

impl SlowVendor {
    async fn answer(self) -> String {
        self.arrived.notify_one();
        self.release.notified().await;
        envelope(&record("created")).to_string()
    }
}

/// Serves a router on loopback until the runtime ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Notifies when it is dropped.
struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn handler_whose_client_disconnects_leaves_the_id_in_the_store() {
    let vendor = SlowVendor::default();
    let answer = vendor.clone();
    let route = post(move || answer.clone().answer());
    let api = serve(Router::new().route(&format!("/api/v3/{MODEL}"), route)).await;
    let settings = settings(&format!("http://{api}"), &ManualClock::default());
    let client = settings.store(MemoryStore::default()).build().unwrap();

    // A service that submits for its own clients, and whose handler is dropped with the connection.
    let (dropped, submitting) = (Arc::new(Notify::new()), client.clone());
    let handler_dropped = Arc::clone(&dropped);
    let handler = post(async move || {
        let _on_drop = OnDrop(handler_dropped);
        let job = submitting.submit(&input()).key("order 17").await.unwrap();
        job.id().to_string()
    });
    let service = serve(Router::new().route("/", handler)).await;
    let mut connection = TcpStream::connect(service).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: service\r\nContent-Length: 0\r\n\r\n";
    connection.write_all(request.as_bytes()).await.unwrap();
    vendor.arrived.notified().await;
    drop(connection);
    dropped.notified().await;

    // The POST is in flight, so a program that ends now has to wait.
    assert_eq!(only_stage(&client).await, Stage::Intended);
    let flushed = tokio::spawn({
        let client = client.clone();
        async move { client.flush(Deadline::never()).await }
    });
    vendor.release.notify_one();
    assert!(flushed.await.unwrap());
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!(jobs[0].id.as_ref().unwrap().as_str(), ID);
    assert_eq!(jobs[0].body, json!(input()).to_string());
    // The client of the service comes back with the same key.
    let job = client.submit(&input()).key("order 17").await.unwrap();
    assert_eq!(job.id().as_str(), ID);
}

async fn only_stage(client: &Wavespeed) -> Stage {
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    assert_eq!(jobs.len(), 1);
    jobs[0].stage
}

#[tokio::test]
async fn flush_ends_at_its_deadline() {
    let vendor = SlowVendor::default();
    let answer = vendor.clone();
    let route = post(move || answer.clone().answer());
    let api = serve(Router::new().route(&format!("/api/v3/{MODEL}"), route)).await;
    let (client, clock) = wavespeed_harness::client(&format!("http://{api}"));
    assert!(
        client.flush(Deadline::never()).await,
        "nothing is in flight"
    );
    let submit = tokio::spawn(client.submit(&input()).into_future());
    vendor.arrived.notified().await;
    let deadline = Deadline::at(wavespeed::poll::Clock::now(&clock));
    assert!(!client.flush(deadline).await);
    vendor.release.notify_one();
    assert_eq!(submit.await.unwrap().unwrap().id().as_str(), ID);
    assert!(client.flush(deadline).await, "nothing is in flight");
}
