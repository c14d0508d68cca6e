//! Tests of outputs that are not available yet: hosts show new files with a delay, and a file that is still
//! missing after a minute is gone.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;
use wavespeed::poll::{Clock as _, ManualClock};
use wavespeed::{DownloadError, Downloaded, Prediction, Retries, SaveError, Target};
use wavespeed_harness::{CLIP, ID, requests, serve, settings};
use wiremock::ResponseTemplate;

fn file() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(CLIP)
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

struct Download {
    result: Result<Vec<Downloaded>, DownloadError>,
    requests: usize,
    /// The time that passed, in which the client only waits.
    waited: Duration,
}

/// Downloads the output of a prediction with this creation time from a host that gives these answers.
async fn download(created_at: Value, retries: u32, answers: Vec<ResponseTemplate>) -> Download {
    let server = serve(answers).await;
    let clock = ManualClock::default();
    let start = clock.now();
    let settings = settings("http://127.0.0.1:9", &clock);
    let retries = Retries::default().reads(0).downloads(retries);
    let client = settings.retries(retries).build().unwrap();
    let folder = TempDir::new().unwrap();
    let target = Target::new(folder.path().join("out.mp4"));
    let url = format!("{}/1.mp4", server.uri());
    let done =
        json!({ "id": ID, "status": "completed", "outputs": [url], "created_at": created_at });
    let done = Prediction::from_json(done).unwrap();
    let result = client.download(&done, &target).await;
    Download {
        result,
        requests: requests(&server).await.len(),
        waited: clock.now() - start,
    }
}

fn ago(time: Duration) -> Value {
    let time = jiff::Timestamp::try_from(SystemTime::now() - time).unwrap();
    time.to_string().into()
}

#[tokio::test]
async fn output_that_is_late_is_retried() {
    let rows = [
        ("twice 404", vec![status(404), status(404)]),
        ("403", vec![status(403)]),
        ("425", vec![status(425)]),
        ("202", vec![status(202).set_body_string("soon")]),
        ("204", vec![status(204)]),
        ("empty", vec![status(200)]),
        // More than the number of retries, which does not count here.
        ("often", vec![status(404); 6]),
    ];
    for (row, mut answers) in rows {
        answers.push(file());
        let count = answers.len();
        for created in [json!(null), ago(Duration::from_secs(600))] {
            let download = download(created, 1, answers.clone()).await;
            assert_eq!(
                download.result.unwrap()[0].bytes,
                CLIP.len() as u64,
                "{row}"
            );
            assert_eq!(download.requests, count, "{row}");
        }
    }
}

#[tokio::test]
async fn output_that_stays_away_is_given_up_after_a_minute() {
    for answer in [
        status(404),
        status(403),
        status(425),
        status(202),
        status(200),
    ] {
        let download = download(json!(null), 4, vec![answer]).await;
        let error = download.result.unwrap_err();
        let kind = &error.failed[0].1;
        let is_missing = matches!(kind, SaveError::Refused { .. } | SaveError::Empty { .. });
        assert!(is_missing, "{error}");
        let seconds = download.waited.as_secs();
        assert!((40..=60).contains(&seconds), "{error}: {seconds} s");
    }
}

#[tokio::test]
async fn output_of_a_job_that_ended_days_ago_fails_at_once() {
    for answer in [
        status(404),
        status(403),
        status(425),
        status(202),
        status(200),
    ] {
        let created = ago(Duration::from_secs(3 * 24 * 60 * 60));
        let download = download(created, 4, vec![answer, file()]).await;
        let error = download.result.unwrap_err();
        assert_eq!(
            (download.requests, download.waited),
            (1, Duration::ZERO),
            "{error}"
        );
    }
}

#[tokio::test]
async fn late_output_is_not_retried_without_retries() {
    let download = download(json!(null), 0, vec![status(404), file()]).await;
    assert_eq!(download.requests, 1);
    download.result.unwrap_err();
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let asked =
        |status: u16, time: &str| ResponseTemplate::new(status).insert_header("retry-after", time);
    for (answer, expected) in [
        (asked(503, "20"), 20),
        (asked(429, "7"), 7),
        (asked(404, "90"), 90),
        (asked(202, "19.5"), 20),
        (
            asked(503, "Wed, 21 Oct 2015 07:28:30 GMT")
                .insert_header("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            30,
        ),
    ] {
        let download = download(json!(null), 4, vec![answer, file()]).await;
        download.result.unwrap();
        assert_eq!(
            (download.requests, download.waited.as_secs()),
            (2, expected)
        );
    }
    // The deadline of the settings, one hour, expires before.
    let download = download(json!(null), 4, vec![asked(503, "3600"), file()]).await;
    assert_eq!((download.requests, download.waited), (1, Duration::ZERO));
    download.result.unwrap_err();
}
