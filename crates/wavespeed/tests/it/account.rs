//! Pages of what the account has done: asked for one by one, each item once, and never for ever.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use wavespeed::poll::RateLimits;
use wavespeed::{
    AccountWatchError, DeleteError, FetchError, LiveModels, PredictionId, UsageError, types,
};
use wavespeed_harness::{answer, client, requests, serve};
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

async fn listed(pages: Vec<ResponseTemplate>) -> (Vec<String>, usize) {
    let server = serve(pages).await;
    let (client, _) = client(&server.uri());
    let history = client.history(types::HistoryRequest::new());
    let tasks: Vec<_> = history.try_collect().await.unwrap();
    let ids = tasks.into_iter().map(|task| task.id.clone());
    (ids.collect(), requests(&server).await.len())
}

#[tokio::test]
async fn pages_are_asked_for_when_they_are_needed() {
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
    for (id, asked) in [("aaaa", 1), ("bbbb", 1), ("cccc", 2)] {
        assert_eq!(history.next().await.unwrap().unwrap().id, id);
        assert_eq!(requests(&server).await.len(), asked);
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
async fn every_item_comes_once_and_the_end_is_found() {
    let none = json!({});
    for (pages, ids, asked) in [
        // An empty page.
        (
            vec![page(&["aaaa"], &none), page(&[], &none)],
            vec!["aaaa"],
            2,
        ),
        // The sum, or the word that there is no more.
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
        // New tasks have pushed an old one to the next page.
        (
            vec![
                page(&["bbbb", "aaaa"], &none),
                page(&["aaaa", "cccc"], &none),
                page(&[], &none),
            ],
            vec!["bbbb", "aaaa", "cccc"],
            3,
        ),
        // So many that a page has nothing new.
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
        // A host that knows no pages.
        (
            vec![page(&["aaaa"], &none), page(&["aaaa"], &none)],
            vec!["aaaa"],
            2,
        ),
    ] {
        let expected: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        assert_eq!(listed(pages).await, (expected, asked));
    }
}

#[tokio::test]
async fn an_error_is_the_last_item() {
    let broken = ResponseTemplate::new(503).set_body_string("<html>");
    let server = serve([page(&["aaaa"], &json!({})), broken]).await;
    let (client, _) = client(&server.uri());
    let history: Vec<_> = client.history(types::HistoryRequest::new()).collect().await;
    assert_eq!(history.len(), 2);
    assert!(history[0].is_ok() && history[1].is_err());
}

#[tokio::test]
async fn what_is_odd_in_a_record_loses_no_other() {
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
async fn ids_are_deleted_in_batches() {
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
async fn usage_is_of_a_time_that_the_vendor_tells_of() {
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
async fn the_secret_is_shown_by_nothing() {
    let server = serve([answer(&json!({ "secret": "whsec_abc" }))]).await;
    let (client, _) = client(&server.uri());
    let secret = client.webhook_secret().await.unwrap();
    assert_eq!(secret.expose(), "whsec_abc");
    assert!(!format!("{secret:?}").contains("abc"));
}

#[tokio::test]
async fn a_recorded_list_is_read_entry_by_entry() {
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
async fn the_ends_of_all_tasks_come_once_and_the_vendor_is_left_in_peace() {
    let tasks = |tasks: &[(&str, &str)]| {
        let item = |(id, status): &(&str, &str)| json!({ "id": id, "status": status });
        let items: Vec<Value> = tasks.iter().map(item).collect();
        answer(&json!({ "page": 1, "items": items, "has_more": false }))
    };
    let server = serve([
        ResponseTemplate::new(429).insert_header("retry-after", "60"),
        tasks(&[("bbbb", "processing"), ("aaaa", "completed")]),
        answer(&json!({ "id": "bbbb", "status": "failed" })),
        tasks(&[
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
    // At first, those that run; later, all that are new.
    clock.advance(Duration::from_secs(1));
    assert_eq!(ends.next().await.unwrap().unwrap().id, "bbbb");
    assert!(futures_util::poll!(ends.next()).is_pending());
    clock.advance(Duration::from_secs(5));
    assert_eq!(ends.next().await.unwrap().unwrap().id, "cccc");
    // A key that is refused ends it.
    assert!(futures_util::poll!(ends.next()).is_pending());
    clock.advance(Duration::from_secs(5));
    let refused = ends.next().await.unwrap();
    let is_refused = matches!(refused, Err(AccountWatchError::History(FetchError::Key(_))));
    assert!(is_refused, "{refused:?}");
    assert!(ends.next().await.is_none());
}
