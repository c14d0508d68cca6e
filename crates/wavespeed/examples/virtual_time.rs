//! A test with the emulator and virtual time: a job that takes six hours ends within milliseconds. The
//! clock of the client jumps over each sleep, and moves the clock of the emulator with it.
//!
//! The emulator is part of the program, so neither an API key nor `wave emulator` is needed:
//!
//! ```sh
//! cargo run -p wavespeed --example virtual_time
//! ```
//!
//! In a project, `main` is a `#[tokio::test]`, and `wavespeed-emulator` is a dev-dependency.

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::error::Error;
use std::time::Duration;

use wavespeed::poll::{ManualClock, Poller};
use wavespeed::serde_json::json;
use wavespeed::{RawInput, Status, Wavespeed};
use wavespeed_emulator::{Clock, Emulator};

const SIX_HOURS: Duration = Duration::from_secs(6 * 60 * 60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder()
        .clock(Clock::manual())
        .task_time(SIX_HOURS);
    let emulator = emulator.start().await?; // on a free port

    // One time for both sides. Two clocks that move separately would never meet, and the wait would end
    // at its deadline.
    let clock = ManualClock::default();
    let server = emulator.clock().clone();
    clock.on_advance(move |by| server.advance(by));

    let ws = Wavespeed::builder()
        .key("emulator")
        .base_url(emulator.origin())
        .poller(Poller::default().with_clock(clock.clone()))
        .deadline(Some(2 * SIX_HOURS))
        .check_urls(false) // the test does not leave this machine
        .build()?;
    let input =
        json!({ "video": "https://example.com/clip.mp4", "text": "Hello", "voice_id": "AOT" });
    let input = RawInput::new("kwaivgi/kling-lipsync/text-to-video", input);
    let prediction = ws.submit(input).await?.wait().await?;

    assert_eq!(*prediction.status(), Status::Completed);
    assert_eq!(emulator.billed(), 1);
    assert!(clock.elapsed() >= SIX_HOURS);
    let hours = clock.elapsed().as_secs() / 3600;
    println!("{} after {hours} virtual hours", prediction.status());
    Ok(())
}
