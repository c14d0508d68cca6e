//! The main job: a clip and a sentence in, a talking video out. The call has an idempotency key, so the
//! program can be run again at any time, also after a crash, and is paid for once.
//!
//! Without an API key, on the emulator of the API:
//!
//! ```sh
//! wave emulator --port 8787 &
//! export WAVESPEED_BASE_URL=http://127.0.0.1:8787 WAVESPEED_API_KEY=emulator
//! cargo run -p wavespeed --example lipsync crates/emulator/assets/clip.mp4 out.mp4
//! ```

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::env;
use std::error::Error;

use wavespeed::models::kwaivgi::{
    KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
};
use wavespeed::{RunEvent, Wavespeed};
use wavespeed_journal::Journal;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let clip = arguments.next().ok_or("usage: lipsync CLIP OUT")?;
    let out = arguments.next().ok_or("usage: lipsync CLIP OUT")?;

    // The journal keeps the jobs and their keys on disk.
    let journal = Journal::open("jobs.db")?;
    let ws = Wavespeed::builder().env().store(journal).build()?;
    let input = KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
        video: clip, // a URL or a local file, which is uploaded
        text: "Hello, and welcome.".into(),
        voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
    });

    // Checks, uploads, submits once (this is billed), waits and saves.
    let run = ws.run(&input).key("order-17/clip-3").max_price(0.5);
    let done = run.target(out).observer(report).await?;
    for file in &done.files {
        println!("{} saved to {}", done.job.id(), file.path.display());
    }
    Ok(())
}

/// Prints the steps that a person wants to know.
fn report(event: RunEvent<'_>) {
    match event {
        RunEvent::Existing(job) => println!("{} has the key already", job.number),
        RunEvent::Warning(fault) => println!("warning: {fault}"),
        RunEvent::Submitted(job) => println!("{} submitted", job.id()),
        _ => {}
    }
}
