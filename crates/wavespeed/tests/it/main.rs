//! Tests of the library through its public interface, one module per subject. Servers on loopback play
//! recorded answers, faults and broken connections; the tests compare the requests byte for byte and
//! check that no paid job is lost. Time is a manual clock, so hardly any test waits in real time.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod absent;
mod account;
mod advice_property;
mod blocking;
mod boxes;
mod cancellation;
mod check;
mod check_url;
mod download;
mod download_content;
mod download_late;
mod download_retry;
mod dropped;
mod duplicate;
mod echo;
mod emulator;
mod examples;
mod extremes;
mod history;
mod http2;
mod http_service;
mod interleaving;
mod key;
mod live_models;
mod media;
mod media_lengths;
mod media_walk;
mod memory_store;
mod odd_answers;
mod outcome;
mod outcome_property;
mod prediction;
mod reach;
mod reconcile;
mod retries;
mod run;
mod schedule;
mod schema;
mod secret;
mod spans;
mod store_failure;
mod submit;
mod submit_retry;
mod target;
mod untrusted_input;
mod upload;
mod upload_redirect;
mod upload_retry;
mod upload_reuse;
mod upload_ticket;
mod vendor;
mod virtual_time;
mod wait;
mod webhook;
mod webhook_token;
