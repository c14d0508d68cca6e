//! Tests of waits in the paused time of tokio, and of clocks that move together. The server runs on a
//! thread of its own, so that its answers take real time.

use std::time::Duration;

use wavespeed::{RawInput, Status, Wavespeed};
use wavespeed_harness::{KEY, answer, input, record, serve};

/// While an answer is on its way, a runtime with a paused time is idle. The time must not jump to the
/// timeout of the call.
#[tokio::test(start_paused = true)]
async fn paused_time_of_tokio_stands_still_during_requests_and_skips_sleeps() {
    let answers = ["created", "processing", "processing", "completed"].map(record);
    let server = serve(answers.iter().map(answer)).await;
    let client = Wavespeed::builder()
        .key(KEY)
        .base_url(server.uri())
        .check_urls(false)
        .build()
        .unwrap();
    let began = tokio::time::Instant::now();
    let job = client.submit(RawInput::from(&input())).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let prediction = job.wait().await.unwrap();
    assert_eq!(*prediction.status(), Status::Completed);
    let polls = server.received_requests().await.unwrap().len() - 1;
    assert_eq!(polls, 3);
    assert!(began.elapsed() > Duration::from_secs(3));
}
