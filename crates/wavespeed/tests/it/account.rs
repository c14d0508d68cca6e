//! Tests of the calls about an account: history, charges, usage, deletion, the list of models, the
//! webhook secret and the watch of all jobs. A server plays a list of pages or answers, and the tests
//! count the requests and items.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use wavespeed::poll::{Clock as _, RateLimits};
use wavespeed::{
    AccountWatchError, Deadline, DeleteError, FetchError, LiveModels, Prediction, PredictionId,
    Target, TransportErrorKind, UsageError, types,
};
use wavespeed_harness::tcp::{self, Action, Server};
use wavespeed_harness::{ID, answer, client, record, requests, serve};
use wiremock::ResponseTemplate;

fn page(ids: &[&str], more: &Value) -> ResponseTemplate {
    let items: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "status": "completed" }))
        .collect();
    let mut page = json!({ "page": 1, "items": items });
    for (key, value) in more.as_object().unwrap() {
        page[key] = value.clone();
    }
    answer(&page)
}

/// Lists the history of a server with these pages. Returns the ids and the number of requests.
async fn list_history(pages: Vec<ResponseTemplate>) -> (Vec<String>, usize) {
    let server = serve(pages).await;
    let (client, _) = client(&server.uri());
    let history = client.history(types::HistoryRequest::new());
    let predictions: Vec<_> = history.try_collect().await.unwrap();
    let ids = predictions
        .into_iter()
        .map(|prediction| prediction.id().to_owned());
    (ids.collect(), requests(&server).await.len())
}

#[tokio::test]
async fn history_requests_a_page_only_when_needed() {
    let server = serve([
        page(&["aaaa", "bbbb"], &json!({})),
        page(&["cccc"], &json!({})),
    ])
    .await;
    let (client, _) = client(&server.uri());
    let mut filter = types::HistoryRequest::new();
    filter.model = Some("a/b".into());
    let mut history = Box::pin(client.history(filter));
    assert_eq!(requests(&server).await.len(), 0);
    for (id, request_count) in [("aaaa", 1), ("bbbb", 1), ("cccc", 2)] {
        assert_eq!(history.next().await.unwrap().unwrap().id(), id);
        assert_eq!(requests(&server).await.len(), request_count);
    }
    let bodies = requests(&server).await;
    let bodies = bodies.iter().map(|request| request.body_json().unwrap());
    assert_eq!(
        bodies.collect::<Vec<Value>>(),
        [
            json!({ "page": 1, "page_size": 100, "model": "a/b" }),
            json!({ "page": 2, "page_size": 100, "model": "a/b" })
        ]
    );
}

#[tokio::test]
async fn history_yields_each_item_once_and_finds_the_end() {
    let none = json!({});
    for (pages, ids, request_count) in [
        // An empty page.
        (
            vec![page(&["aaaa"], &none), page(&[], &none)],
            vec!["aaaa"],
            2,
        ),
        // The total is reached, or `has_more` is false.
        (
            vec![page(&["aaaa"], &json!({ "total": 1 }))],
            vec!["aaaa"],
            1,
        ),
        (
            vec![page(&["aaaa"], &json!({ "has_more": false }))],
            vec!["aaaa"],
            1,
        ),
        // New predictions have moved an old one to the next page.
        (
            vec![
                page(&["bbbb", "aaaa"], &none),
                page(&["aaaa", "cccc"], &none),
                page(&[], &none),
            ],
            vec!["bbbb", "aaaa", "cccc"],
            3,
        ),
        // So many are new that a page only repeats items.
        (
            vec![
                page(&["bbbb", "aaaa"], &none),
                page(&["aaaa", "bbbb"], &none),
                page(&["cccc"], &none),
                page(&[], &none),
            ],
            vec!["bbbb", "aaaa", "cccc"],
            4,
        ),
        // A host that ignores the page number.
        (
            vec![page(&["aaaa"], &none), page(&["aaaa"], &none)],
            vec!["aaaa"],
            2,
        ),
    ] {
        let expected: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        assert_eq!(list_history(pages).await, (expected, request_count));
    }
}

#[tokio::test]
async fn history_ends_after_an_error() {
    let broken = ResponseTemplate::new(503).set_body_string("<html>");
    let server = serve([page(&["aaaa"], &json!({})), broken]).await;
    let (client, _) = client(&server.uri());
    let history: Vec<_> = client.history(types::HistoryRequest::new()).collect().await;
    assert_eq!(history.len(), 2);
    assert!(history[0].is_ok() && history[1].is_err());
}

#[tokio::test]
async fn unreadable_record_is_skipped_alone() {
    let items = json!([
        { "uuid": "u1", "billing_type": "deduct", "price": 0.5, "new": {}, "prediction": null },
        { "uuid": "u2", "price": "much" },
        { "billing_type": "refund", "price": null },
    ]);
    let server = serve([answer(
        &json!({ "items": items, "total": 3, "has_more": false }),
    )])
    .await;
    let (client, _) = client(&server.uri());
    let records = client.billings(types::BillingsRequest::new());
    let records: Vec<_> = records.try_collect().await.unwrap();
    let ids: Vec<_> = records
        .iter()
        .map(|record| record.uuid.as_deref())
        .collect();
    assert_eq!(ids, [Some("u1"), None]);
}

#[tokio::test]
async fn delete_sends_batches_and_reports_the_count_before_an_error() {
    let deleted = |count: u64| answer(&json!({ "deleted_count": count }));
    let broken = ResponseTemplate::new(502);
    let server = serve([deleted(99), deleted(1), deleted(100), broken]).await;
    let (client, _) = client(&server.uri());
    let ids = |count: usize| -> Vec<PredictionId> {
        (0..count)
            .map(|n| format!("id-{n:04}").parse().unwrap())
            .collect()
    };
    assert_eq!(client.delete(&ids(101), false).await.unwrap(), 100);
    let sizes = requests(&server).await;
    let sizes = sizes.iter().map(|request| {
        let body: Value = request.body_json().unwrap();
        body["ids"].as_array().unwrap().len()
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [100, 1]);
    match client.delete(&ids(150), false).await.unwrap_err() {
        DeleteError::Call { deleted, .. } => assert_eq!(deleted, 100),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn usage_rejects_a_range_that_the_vendor_does_not_support() {
    let sums = json!({ "total_cost": 1.5, "total_requests": 3, "success_requests": 2 });
    let mut model = sums.clone();
    model["model_uuid"] = json!("a/b");
    let server = serve([answer(
        &json!({ "summary": sums, "per_model_usage": [model, 7] }),
    )])
    .await;
    let (client, _) = client(&server.uri());
    let day = Duration::from_secs(24 * 60 * 60);
    let to = SystemTime::UNIX_EPOCH + day * 20_000;
    for from in [to + day, to - day * 32] {
        let error = client.usage(from, to, None).await.unwrap_err();
        assert!(matches!(error, UsageError::Range), "{error}");
    }
    assert_eq!(requests(&server).await.len(), 0);
    let usage = client.usage(to - day * 31, to, Some("a/b")).await.unwrap();
    assert_eq!(usage.total.cost, Some(1.5));
    assert_eq!(
        (usage.models.len(), usage.models[0].1.completed),
        (1, Some(2))
    );
    let sent: Value = requests(&server).await[0].body_json().unwrap();
    assert_eq!(
        sent,
        json!({
            "start_time": "2024-09-03T00:00:00Z", "end_time": "2024-10-04T00:00:00Z",
            "model_uuid": "a/b",
        })
    );
}

#[tokio::test]
async fn webhook_secret_is_hidden_in_debug_output() {
    let server = serve([answer(&json!({ "secret": "whsec_abc" }))]).await;
    let (client, _) = client(&server.uri());
    let secret = client.webhook_secret().await.unwrap();
    assert_eq!(secret.expose(), "whsec_abc");
    assert!(!format!("{secret:?}").contains("abc"));
}

#[tokio::test]
async fn live_models_skips_unreadable_entries() {
    let list: Value =
        serde_json::from_str(include_str!("../../../../tests/fixtures/models.json")).unwrap();
    let mut entries = list["data"].as_array().unwrap().clone();
    entries.insert(0, json!("broken"));
    let server = serve([answer(&entries.into())]).await;
    let (client, _) = client(&server.uri());
    let models = client.live_models().await.unwrap();
    assert_eq!(models.ids().count(), 3);
    let model = models.model("tripo3d/p2/image-to-3d").unwrap();
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name).collect();
    assert_eq!(names[0], "image");
    assert!(model.input("image").unwrap().media.is_some());
    let kept = LiveModels::from_json(models.as_json().to_vec().into()).unwrap();
    assert!(std::ptr::eq(kept.model(model.id).unwrap(), model));
    assert!(models.model("no/such").is_none());
}

#[tokio::test]
async fn watch_account_yields_each_end_once_and_obeys_retry_after() {
    let history = |predictions: &[(&str, &str)]| {
        let item = |(id, status): &(&str, &str)| json!({ "id": id, "status": status });
        let items: Vec<Value> = predictions.iter().map(item).collect();
        answer(&json!({ "page": 1, "items": items, "has_more": false }))
    };
    let server = serve([
        ResponseTemplate::new(429).insert_header("retry-after", "60"),
        history(&[("bbbb", "processing"), ("aaaa", "completed")]),
        answer(&json!({ "id": "bbbb", "status": "failed" })),
        history(&[
            ("cccc", "completed"),
            ("bbbb", "failed"),
            ("aaaa", "completed"),
        ]),
        answer(&json!({ "id": "cccc", "status": "completed" })),
        ResponseTemplate::new(401),
    ])
    .await;
    let (client, clock) = client(&server.uri());
    let mut ends = Box::pin(client.watch_account(Duration::from_secs(5), RateLimits::default()));
    let busy = ends.next().await.unwrap();
    let is_busy = |end: &_| {
        matches!(
            end,
            Err(AccountWatchError::History(FetchError::Answer { .. }))
        )
    };
    assert!(is_busy(&busy), "{busy:?}");
    clock.advance(Duration::from_secs(59));
    for _ in 0..100 {
        assert!(futures_util::poll!(ends.next()).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(requests(&server).await.len(), 1);
    // The first reading follows pending jobs only, later ones every new job.
    clock.advance(Duration::from_secs(1));
    assert_eq!(ends.next().await.unwrap().unwrap().id(), "bbbb");
    assert!(futures_util::poll!(ends.next()).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(ends.next().await.unwrap().unwrap().id(), "cccc");
    // A rejected API key ends the watch.
    assert!(futures_util::poll!(ends.next()).is_pending());
    clock.advance(Duration::from_secs(5));
    let refused = ends.next().await.unwrap();
    let is_refused = matches!(refused, Err(AccountWatchError::History(FetchError::Key(_))));
    assert!(is_refused, "{refused:?}");
    assert!(ends.next().await.is_none());
}

/// The kind of a failed call tells a program whether to try again.
#[tokio::test]
async fn errors_of_calls_have_a_kind() {
    let body = json!({ "code": 503, "error_code": "overloaded", "message": "busy" });
    let busy = ResponseTemplate::new(503).set_body_json(body);
    let server = serve([busy.insert_header("retry-after", "7")]).await;
    let (ws, _) = client(&server.uri());
    let error = ws.balance().await.unwrap_err();
    let expected = FetchError::Answer {
        status: 503,
        code: Some(503),
        error_code: Some("overloaded".into()),
        message: "HTTP 503: busy".into(),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(error, expected);
    assert!(error.is_transient() && !error.is_timeout());

    let (closed, _reserved) = tcp::closed_port();
    let error = client(&closed).0.balance().await.unwrap_err();
    let connect = TransportErrorKind::Connect;
    assert!(
        matches!(error, FetchError::Transport { kind, .. } if kind == connect),
        "{error}"
    );

    let silent = Server::start([Action::stall()]).await;
    let (ws, clock) = client(&silent.origin);
    let expired = async {
        silent.arrived(1).await;
        clock.advance(Duration::from_secs(60));
    };
    let (error, ()) = tokio::join!(ws.balance(), expired);
    let error = error.unwrap_err();
    assert!(error.is_transient() && error.is_timeout(), "{error}");

    let (job, deadline) = (ws.job(ID).unwrap(), Deadline::at(clock.now()));
    let error = job.fetch_until(deadline).await.unwrap_err();
    assert_eq!(error, FetchError::Deadline);
    assert!(error.is_timeout() && !error.is_transient());
}

#[tokio::test]
async fn outputs_of_a_failed_job_are_an_error_with_its_code_and_message() {
    let failed = json!({ "id": ID, "status": "failed", "error": "no face", "code": 1500 });
    let failed = Prediction::from_json(failed).unwrap();
    let (ws, _) = client("http://127.0.0.1:1");
    let saved = ws.download(&failed, &Target::new("out.mp4")).await;
    let message = format!("{ID} ended as failed (code 1500): no face");
    assert_eq!(saved.unwrap_err().to_string(), message);
    let running = Prediction::from_json(record("processing")).unwrap();
    let message = format!("{ID} has not ended: its status is processing");
    assert_eq!(running.completed().unwrap_err().to_string(), message);
}
