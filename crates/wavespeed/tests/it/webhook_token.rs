//! Tests of lost submits that are settled by their webhook.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::json;
use wavespeed::webhook::{self, Event, token};
use wavespeed::{
    Adoption, JobFilter, JobRecord, MemoryStore, StoreErrorKind, SubmitError, Wavespeed,
    WebhookSecret,
};
use wavespeed_harness::input;
use wiremock::ResponseTemplate;

use crate::vendor::Vendor;

const URL: &str = "https://a.example/hook?from=vendor&x=%20#part";

/// Returns the verified webhook of a prediction.
fn event(id: &str) -> Event {
    let secret = WebhookSecret::new("whsec_test").unwrap();
    let body = json!({ "id": id, "status": "completed" }).to_string();
    let now = SystemTime::now();
    let headers = webhook::sign(&secret, "wh_1", now, body.as_bytes());
    webhook::verify(&headers, body.as_bytes(), &secret, now).unwrap()
}

async fn only_job(client: &Wavespeed) -> JobRecord {
    let jobs = client.jobs(JobFilter::All).await.unwrap();
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    job.clone()
}

/// A vendor that has lost the answer to the only submit, a client, and its store.
async fn lost() -> (Vendor, Wavespeed, Arc<MemoryStore>) {
    let vendor = Vendor::start().await;
    let (client, store) = vendor.client();
    vendor.state().next = [ResponseTemplate::new(502)].into();
    let submit = client.submit(&input()).webhook(URL).webhook_token();
    let error = submit.adopt(false).await.unwrap_err();
    assert!(matches!(error, SubmitError::Unknown(_)), "{error}");
    (vendor, client, store)
}

#[tokio::test]
async fn a_webhook_settles_the_submit_whose_token_it_has() {
    let (vendor, client, _store) = lost().await;
    let sent = vendor.state().webhooks[0].clone();
    let record = only_job(&client).await;
    assert_eq!(record.webhook.as_deref(), Some(URL));
    assert_eq!(record.webhook_token, token(&sent));
    let (before, after) = sent.split_once("&wavespeed_job=").unwrap();
    assert_eq!(
        format!("{before}#{}", after.split_once('#').unwrap().1),
        URL
    );

    let none = client.settle_webhook(&event("pred_1"), "/hook").await;
    assert!(none.unwrap().is_none());
    let other = sent.replace(|c: char| c.is_ascii_digit(), "f");
    let none = client.settle_webhook(&event("pred_1"), &other).await;
    assert!(none.unwrap().is_none());
    assert_eq!(only_job(&client).await.id, None);

    let job = client.settle_webhook(&event("pred_1"), &sent).await;
    let job = job.unwrap().unwrap();
    assert_eq!(
        (job.id().as_str(), job.adoption()),
        ("pred_1", Some(Adoption::Certain))
    );
    let record = only_job(&client).await;
    assert_eq!(
        (record.id.as_ref(), record.adopted),
        (Some(job.id()), Some(Adoption::Certain))
    );
    // The vendor sends a webhook again until it is answered.
    let again = client.settle_webhook(&event("pred_1"), &sent).await;
    assert_eq!(again.unwrap().unwrap().id(), job.id());
}

#[tokio::test]
async fn an_id_of_another_job_is_never_taken() {
    let (vendor, client, _store) = lost().await;
    let sent = vendor.state().webhooks[0].clone();
    let other = client.submit(&input()).key("another").await.unwrap();
    let refused = client
        .settle_webhook(&event(other.id().as_str()), &sent)
        .await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Refused);
    // A second id is reported, and both are kept.
    client
        .settle_webhook(&event("pred_9"), &sent)
        .await
        .unwrap();
    let error = client.settle_webhook(&event("pred_8"), &sent).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::AcceptedTwice);
    let jobs = client.jobs(JobFilter::Id(&"pred_8".parse().unwrap())).await;
    let job = jobs.unwrap().remove(0);
    assert_eq!(job.attempts[0].id.as_str(), "pred_9");
}

#[tokio::test]
async fn each_time_a_job_is_sent_it_has_a_new_token() {
    let vendor = Vendor::start().await;
    let client = vendor
        .settings(MemoryStore::default())
        .resends(2)
        .build()
        .unwrap();
    vendor.state().next = [ResponseTemplate::new(429), ResponseTemplate::new(429)].into();
    client
        .submit(&input())
        .webhook(URL)
        .webhook_token()
        .await
        .unwrap();
    let sent = vendor.state().webhooks.clone();
    let tokens: std::collections::BTreeSet<_> =
        sent.iter().map(|url| token(url).unwrap()).collect();
    assert_eq!((sent.len(), tokens.len()), (3, 3), "{sent:?}");
    assert_eq!(only_job(&client).await.webhook_token, token(&sent[2]));
    // Without the option, the URL is sent as it is.
    client.submit(&input()).webhook(URL).await.unwrap();
    assert_eq!(vendor.state().webhooks[3], URL);
}

#[tokio::test]
async fn a_token_needs_a_url_that_can_have_it() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let with_parameter = format!("{URL}&wavespeed_job=1").replace("#part", "");
    for url in [None, Some(with_parameter)] {
        let mut submit = client.submit(&input()).webhook_token();
        if let Some(url) = url {
            submit = submit.webhook(url);
        }
        let error = submit.await.unwrap_err();
        assert!(matches!(error, SubmitError::Webhook { .. }), "{error}");
    }
    assert_eq!(vendor.submits(), 0);
}
