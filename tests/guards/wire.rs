//! The library's face against recorded answers, faults and networks that break: what is sent byte
//! for byte, what is made of whatever comes back, and that nothing paid for is lost on the way.
//! Servers are on loopback, and the time is moved by hand, so nothing here waits. What a network
//! between the command and the vendor does to it is the business of `network`.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod account;
mod again;
mod checks;
mod dedupe;
mod download;
mod emulator;
mod outcomes;
mod pace;
mod persist;
mod poll;
mod probe;
mod property;
mod recorded;
mod submit;
mod upload;

use wavespeed_harness::{
    CLIP, ID, KEY, MODEL, answer, client, envelope, input, names, persistent, record, requests,
    serve, settings, tcp,
};
