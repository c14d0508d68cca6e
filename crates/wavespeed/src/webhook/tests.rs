//! Signatures and duplicates, beyond the vectors that the tests of all languages share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderValue;
use serde_json::json;

use super::secret::WebhookSecret;
use super::signature::SCHEME;
use super::*;

fn secret() -> WebhookSecret {
    WebhookSecret::new("whsec_test").unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn body() -> Vec<u8> {
    json!({ "id": "pred_1", "status": "completed" })
        .to_string()
        .into_bytes()
}

fn event(id: &str, seconds: u64) -> Event {
    let headers = sign(&secret(), id, at(seconds), &body());
    verify(&headers, &body(), &secret(), at(seconds)).unwrap()
}

#[test]
fn a_signed_body_is_verified() {
    let event = event("wh_1", 1_767_323_045);
    assert_eq!((&*event.id, event.at), ("wh_1", at(1_767_323_045)));
    assert_eq!(event.prediction.id(), "pred_1");
}

#[test]
fn a_repeated_or_binary_header_is_refused() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut twice = sign(&secret(), "wh_1", at(0), &body());
        let value = twice[name].clone();
        twice.append(name, value);
        let mut binary = sign(&secret(), "wh_1", at(0), &body());
        binary.insert(name, HeaderValue::from_bytes(b"\xff").unwrap());
        for headers in [twice, binary] {
            let refused = verify(&headers, &body(), &secret(), at(0));
            assert_eq!(refused, Err(VerifyError::Header(name)));
        }
    }
}

#[test]
fn every_bit_of_the_signature_counts() {
    let headers = sign(&secret(), "wh_1", at(0), &body());
    let right = headers[SIGNATURE].to_str().unwrap().to_owned();
    for index in SCHEME.len()..right.len() {
        for bit in [1, 2, 4, 8] {
            let digit = u8::from_str_radix(&right[index..=index], 16).unwrap() ^ bit;
            let wrong = format!("{}{digit:x}{}", &right[..index], &right[index + 1..]);
            let mut headers = headers.clone();
            headers.insert(SIGNATURE, wrong.parse().unwrap());
            let refused = verify(&headers, &body(), &secret(), at(0));
            assert_eq!(refused, Err(VerifyError::Signature));
        }
    }
}

#[test]
fn an_event_is_new_once_and_is_forgotten_after_a_day() {
    let (mut seen, day) = (SeenEvents::default(), 24 * 60 * 60);
    assert!(seen.is_new(&event("wh_1", 1_000)));
    assert!(!seen.is_new(&event("wh_1", 1_000)));
    // A repeated event has a newer timestamp.
    assert!(seen.is_new(&event("wh_2", 5_000)));
    assert!(!seen.is_new(&event("wh_1", 40_000)));
    assert!(!seen.is_new(&event("wh_1", 40_000 + day)));
    // A forgotten event is new again.
    seen.forget(&event("wh_2", 5_000));
    assert!(seen.is_new(&event("wh_2", 5_060)));
    for number in 0..3_000 {
        assert!(seen.is_new(&event(&format!("n_{number}"), 2 * day + number * 600)));
    }
    // At most twice the events of one day: 145 at one per 10 minutes.
    assert!(seen.events.len() <= 2 * 145 + 1, "{seen:?}");
}

#[test]
fn a_repeated_event_is_forgotten_a_day_after_its_repeat() {
    let (mut seen, day) = (SeenEvents::default(), 24 * 60 * 60);
    // The events arrive out of order, and the newest timestamp counts.
    for (at, is_new) in [(1_000, true), (40_000, false), (2_000, false)] {
        assert_eq!(seen.is_new(&event("wh_1", at)), is_new);
    }
    // Enough events that old ones are removed.
    for number in 0..10 {
        assert!(seen.is_new(&event(&format!("m_{number}"), 30_000 + day)));
    }
    assert!(!seen.is_new(&event("wh_1", 30_000 + day)));
    for number in 0..30 {
        assert!(seen.is_new(&event(&format!("n_{number}"), 30_001 + 2 * day)));
    }
    assert!(seen.is_new(&event("wh_1", 30_001 + 2 * day)));
}

#[test]
fn a_secret_is_never_shown_nor_empty() {
    for empty in ["", "whsec_", " \n", "whsec_\n"] {
        assert!(WebhookSecret::new(empty).is_none(), "{empty:?}");
    }
    assert_eq!(WebhookSecret::new("whsec_test\n"), Some(secret()));
    assert!(!format!("{:?}", secret()).contains("test"));
}
