//! The library's face against recorded answers, faults and networks that break: what is sent byte
//! for byte, what is made of whatever comes back, and that nothing paid for is lost on the way.
//! Servers are on loopback, and the time is moved by hand, so nothing here waits.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod account;
mod cancellation;
mod check;
mod check_url;
mod download;
mod emulator;
mod live_models;
mod media;
mod outcome;
mod outcome_property;
mod prediction;
mod reconcile;
mod schedule;
mod schema;
mod submit;
mod submit_retry;
mod untrusted_input;
mod upload;
mod upload_retry;
mod upload_reuse;
mod wait;
mod webhook;
