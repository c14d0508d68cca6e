//! Tests of the checks before a submit: an invalid input, model id or prediction id is rejected before
//! the paid request, with all faults at once. A server counts the requests, which must be none. One
//! test looks for the API key in all errors and debug output.

use std::sync::Arc;

use serde_json::{Value, json};
use wavespeed::models::kwaivgi::KlingLipsyncTextToVideoVoiceId as VoiceId;
use wavespeed::poll::ManualClock;
use wavespeed::{Faults, Files, MemoryStore, Rule, SubmitError, Wavespeed};
use wavespeed_harness::tcp;
use wavespeed_harness::{
    ID, KEY, MODEL, answer, client, input, raw_input, record, requests, serve, settings,
};
use wiremock::ResponseTemplate;

/// The field and rule of each fault.
fn fields_and_rules(faults: &Faults) -> Vec<(&str, Rule)> {
    let faults = faults.as_slice().iter();
    faults.map(|fault| (&*fault.field, fault.rule)).collect()
}

/// The faults of a submit that failed the check.
fn invalid_input(error: SubmitError) -> Faults {
    match error {
        SubmitError::Invalid(faults) => faults,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_fault_is_reported_at_once_and_nothing_is_sent() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut bad = input();
    bad.video = "clips/one.mp4".into();
    bad.text = "x".repeat(121);
    bad.voice_speed = Some(f64::NAN);
    let faults = invalid_input(client.submit(&bad).await.unwrap_err());
    let mut expected = vec![
        ("text", Rule::Length),
        ("video", Rule::File),
        ("voice_speed", Rule::Type),
    ];
    let mut found = fields_and_rules(&faults);
    found.sort_by_key(|(field, _)| *field);
    assert_eq!(found, expected);
    let message = faults.to_string();
    assert!(message.contains("shorten it by 1"), "{message}");

    // A raw input can break rules that the typed input cannot.
    let mut bad = json!({
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
    let faults = invalid_input(client.submit(raw_input(MODEL, &bad)).await.unwrap_err());
    let mut found = fields_and_rules(&faults);
    found.sort_by_key(|(field, _)| *field);
    assert_eq!(found, expected);
    assert!(requests(&server).await.is_empty());

    // An unchecked submit sends the input as it is.
    bad["voice_speed"] = Value::Null;
    client
        .submit(raw_input(MODEL, &bad))
        .unchecked()
        .await
        .unwrap();
    let sent: Value = requests(&server).await[0].body_json().unwrap();
    assert_eq!(sent, bad);
}

#[tokio::test]
async fn unknown_choice_is_refused_and_sent_if_the_rule_is_overridden() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut new = input();
    new.voice_id = "genshin_klee3".into();
    let faults = invalid_input(client.submit(&new).await.unwrap_err());
    assert_eq!(fields_and_rules(&faults), [("voice_id", Rule::Choice)]);
    assert_eq!(
        faults.to_string(),
        "voice_id: is \"genshin_klee3\", which is not a choice; did you mean \"genshin_klee2\"?"
    );
    // Another rule is no reason to send it.
    let refused = client.submit(&new).override_rule(Rule::Length).await;
    invalid_input(refused.unwrap_err());
    assert!(requests(&server).await.is_empty());

    for voice in ["genshin_klee3", "Neue \"Stimme\"\n", "", "aot"] {
        new.voice_id = voice.into();
        let sent = client.submit(&new).override_rule(Rule::Choice).await;
        sent.unwrap();
        let sent: Value = requests(&server).await.last().unwrap().body_json().unwrap();
        assert_eq!(sent["voice_id"], voice);
    }

    // A known value is no unknown choice, however the variant is built.
    new.voice_id = VoiceId::Other("AOT".into());
    assert_eq!(new.voice_id, VoiceId::Aot);
    client.submit(&new).await.unwrap();
}

#[tokio::test]
async fn input_at_the_limits_is_sent() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    let mut fine = input();
    // The limit is in characters, not in bytes.
    fine.text = "口".repeat(120);
    for speed in [0.8, 2.0] {
        fine.voice_speed = Some(speed);
        client.submit(&fine).await.unwrap();
    }
    assert_eq!(requests(&server).await.len(), 2);
}

#[test]
fn a_text_without_a_visible_character_is_empty() {
    let model = wavespeed::model(MODEL).unwrap();
    let faults = |text: &str| {
        let input = json!({ "video": "https://a.example/c.mp4", "text": text, "voice_id": "genshin_klee2" });
        let faults = wavespeed::check(model, &input, Files::Url).into_iter();
        faults
            .map(|fault| (fault.rule, fault.message))
            .collect::<Vec<_>>()
    };
    for text in [
        " ",
        "\n",
        "\r\n\t \u{a0}",
        "\u{200b}",
        "\u{feff}\u{200d}\u{2060}",
    ] {
        let message = "has only white space or invisible characters, which is an empty text";
        assert_eq!(
            faults(text),
            [(Rule::Length, message.to_owned())],
            "{text:?}"
        );
    }
    assert_eq!(faults("\u{200b}."), []);
}

/// The limit is 120 code points, after the two of each `e` with an accent have become one.
#[test]
fn a_text_is_counted_in_nfc() {
    let model = wavespeed::model(MODEL).unwrap();
    let fault = |text: String| {
        let input = json!({ "video": "https://a.example/c.mp4", "text": text, "voice_id": "genshin_klee2" });
        let mut faults = wavespeed::check(model, &input, Files::Url).into_iter();
        faults.next().map(|fault| fault.message)
    };
    assert_eq!(fault("e\u{301}".repeat(120)), None);
    assert_eq!(fault("𝄞".repeat(120)), None);
    let message =
        "has 121 characters (Unicode code points in NFC), at most 120 are allowed; shorten it by 1";
    assert_eq!(fault("e\u{301}".repeat(121)).as_deref(), Some(message));
}

/// Texts that look the same are one job, and are sent in the same form.
#[tokio::test]
async fn a_text_is_sent_in_nfc_and_is_the_same_job_in_every_form() {
    let server = serve([answer(&record("created"))]).await;
    let store = Arc::new(MemoryStore::default());
    let settings = settings(&server.uri(), &ManualClock::default());
    let client = settings.store(Arc::clone(&store)).build().unwrap();
    let input = |text: &str| {
        let input = json!({ "video": "https://a.example/e\u{301}.mp4", "text": text, "voice_id": "genshin_klee2" });
        client.submit(raw_input(MODEL, &input)).key("the job")
    };
    let first = input("Cafe\u{301}").await.unwrap();
    let second = input("Caf\u{e9}").await.unwrap();
    assert_eq!(first.id(), second.id());
    let sent = requests(&server).await;
    assert_eq!(sent.len(), 1);
    let body: Value = sent[0].body_json().unwrap();
    assert_eq!(body["text"], "Caf\u{e9}");
    // The name of a file is not a text.
    assert_eq!(body["video"], "https://a.example/e\u{301}.mp4");
}

#[tokio::test]
async fn ids_that_cannot_be_sent_or_shown_are_rejected() {
    let server = serve([answer(&record("created"))]).await;
    let (client, _) = client(&server.uri());
    for bad in ["", " ", ".", "..", "abc\nd", "abc\u{202e}"] {
        let error = client.job(bad).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
    }
    for bad in [
        "../predictions/delete",
        "kwaivgi/../x",
        "x",
        "a/b?webhook=c",
    ] {
        let rejected = client.submit(raw_input(bad, &json!({}))).await;
        assert!(matches!(rejected, Err(SubmitError::Model(_))), "{bad}");
    }
    assert!(requests(&server).await.is_empty());
}

#[tokio::test]
async fn api_key_is_hidden_in_errors_and_debug_output() {
    let server = serve([answer(&record("created")), ResponseTemplate::new(401)]).await;
    let (client, _) = client(&server.uri());
    let (closed_port, _reserved) = tcp::closed_port();
    let (unreachable, _) = wavespeed_harness::client(&closed_port);
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
        Box::new(unreachable.submit(&input()).await.unwrap_err()),
        Box::new(job.fetch().await.unwrap_err()),
        Box::new(unreachable.job(ID).unwrap().fetch().await.unwrap_err()),
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
