//! Test of the library with an untrusted vendor: an output without an end is stopped at the size limit.
//! The emulator plays the output.

use std::time::Duration;

use serde_json::json;
use wavespeed::{SaveError, Target, Wavespeed};
use wavespeed_emulator::Emulator;
use wavespeed_harness::{KEY, MODEL, names, raw_input};

#[tokio::test]
async fn endless_output_is_stopped_at_the_size_limit() {
    let emulator = Emulator::builder()
        .key(KEY)
        .task_time(Duration::ZERO)
        .scenario("output every huge".parse().unwrap())
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ws = Wavespeed::builder()
        .key(KEY)
        .base_url(emulator.origin())
        .check_urls(false)
        .max_output_bytes(1 << 20)
        .deadline(Some(Duration::from_secs(60)))
        .build()
        .unwrap();
    let input = json!({
        "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "AOT",
    });
    let job = ws.submit(raw_input(MODEL, &input)).await.unwrap();
    let done = job.wait().await.unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let failed = ws.download(&done, &target).await.unwrap_err().failed;
    assert!(
        matches!(failed[..], [(1, SaveError::TooLarge { .. })]),
        "{failed:?}"
    );
    assert!(names(folder.path()).is_empty(), "no partial file remains");
}
