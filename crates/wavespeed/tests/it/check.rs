//! Wrong input is refused before it costs, with every fault at once; and the key is shown by
//! nothing.

use serde_json::{Value, json};
use wavespeed::{Faults, Rule, SubmitError, Wavespeed};
use wavespeed_harness::tcp;
use wavespeed_harness::{ID, KEY, MODEL, answer, client, input, record, requests, serve};
use wiremock::ResponseTemplate;

/// The faults, by field and rule.
fn kinds(faults: &Faults) -> Vec<(&str, Rule)> {
    let faults = faults.as_slice().iter();
    faults.map(|fault| (&*fault.field, fault.rule)).collect()
}

fn faults(error: SubmitError) -> Faults {
    match error {
        SubmitError::Invalid(faults) => faults,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn all_faults_of_an_input_are_told_together_and_nothing_is_sent() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut bad = input();
    bad.video = "clips/one.mp4".into();
    bad.text = "x".repeat(121);
    bad.voice_speed = Some(f64::NAN);
    let told = faults(client.submit(&bad).await.unwrap_err());
    let mut expected = vec![
        ("text", Rule::Length),
        ("video", Rule::Url),
        ("voice_speed", Rule::Type),
    ];
    let mut found = kinds(&told);
    found.sort_by_key(|(field, _)| *field);
    assert_eq!(found, expected);
    let message = told.to_string();
    assert!(message.contains("shorten it by 1"), "{message}");

    // A raw input can be wrong in more ways.
    let mut raw = json!({
        "video": "ftp://a.example/clip.mp4",
        "text": "",
        "voice_id": "genshin_klee",
        "voice_speed": 2.5,
        "voice_sped": 1,
    });
    expected = vec![
        ("text", Rule::Length),
        ("video", Rule::Url),
        ("voice_id", Rule::Choice),
        ("voice_sped", Rule::Known),
        ("voice_speed", Rule::Range),
    ];
    let told = faults(client.submit_raw(MODEL, &raw).await.unwrap_err());
    let mut found = kinds(&told);
    found.sort_by_key(|(field, _)| *field);
    assert_eq!(found, expected);
    assert!(requests(&server).await.is_empty());

    // Whoever insists gets what was asked for.
    raw["voice_speed"] = Value::Null;
    client.submit_unchecked(MODEL, &raw).await.unwrap();
    let sent: Value = requests(&server).await[0].body_json().unwrap();
    assert_eq!(sent, raw);
}

#[tokio::test]
async fn what_is_just_within_the_rules_is_sent() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut fine = input();
    // Characters count, not bytes.
    fine.text = "口".repeat(120);
    for speed in [0.8, 2.0] {
        fine.voice_speed = Some(speed);
        client.submit(&fine).await.unwrap();
    }
    assert_eq!(requests(&server).await.len(), 2);
}

#[tokio::test]
async fn ids_that_could_leave_a_path_are_refused() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    for bad in [
        "../x", "a/b/c/d", "abcd?x=1", "abcd%2F", "", "....", "abc\nd",
    ] {
        let error = client.job(bad).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
    }
    for bad in [
        "../predictions/delete",
        "kwaivgi/../x",
        "x",
        "a/b?webhook=c",
    ] {
        let refused = client.submit_raw(bad, &json!({})).await;
        assert!(matches!(refused, Err(SubmitError::Model(_))), "{bad}");
    }
    assert!(requests(&server).await.is_empty());
}

#[tokio::test]
async fn nothing_shows_the_key() {
    let server = serve([answer(&record("created")), ResponseTemplate::new(401)]).await;
    let (client, _) = client(&server.uri());
    let (nobody, _taken) = tcp::nobody();
    let (lonely, _) = wavespeed_harness::client(&nobody);
    let job = client.submit(&input()).await.unwrap();
    let builder = Wavespeed::builder()
        .key(KEY)
        .base_url(format!("https://{KEY}@a.example"));
    let mut shown = vec![
        format!("{client:?} {job:?}"),
        format!("{:?}", builder.build().unwrap_err()),
        format!(
            "{:?}",
            Wavespeed::builder()
                .key(format!("{KEY} x"))
                .build()
                .unwrap_err()
        ),
    ];
    let errors: [Box<dyn std::error::Error>; 5] = [
        Box::new(client.submit(&input()).await.unwrap_err()),
        Box::new(lonely.submit(&input()).await.unwrap_err()),
        Box::new(job.fetch().await.unwrap_err()),
        Box::new(lonely.job(ID).unwrap().fetch().await.unwrap_err()),
        Box::new(
            client
                .upload(env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml")
                .await
                .unwrap_err(),
        ),
    ];
    shown.extend(errors.iter().map(|error| format!("{error:?} {error}")));
    for text in shown {
        assert!(!text.contains(KEY) && !text.contains("Bearer"), "{text}");
    }
}
