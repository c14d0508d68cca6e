//! Whatever bytes a vendor, a gateway or an enemy sends: reading them never panics, and an id that
//! stands first in them is never lost to what follows it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wavespeed_client::{Answer, Prediction};

const ID: &str = "6488c2754f6f4dfea924382fa14d11bd";

fuzz_target!(|bytes: &[u8]| {
    let answer = Answer::new(200, bytes.to_vec());
    let _ = (answer.prediction_id(), answer.to_string());
    let _ = (answer.prediction(), answer.text());
    let _ = answer.envelope().data.and_then(Prediction::from_json);

    let mut with_id = format!(r#"{{"code":200,"data":{{"id":"{ID}","#).into_bytes();
    with_id.extend_from_slice(bytes);
    // A second id in the same object is the vendor's word against itself: one of them is found.
    let found = Answer::new(200, with_id).prediction_id();
    assert!(found.is_some() || bytes.windows(2).any(|pair| pair == b"id"));
});
