//! Finishes what a crash left open: looks up submits whose answer was lost, waits for the jobs that run,
//! and saves their outputs. Nothing is sent again, so this program never costs money.
//!
//! Without an API key, on the emulator of the API (interrupt the first program with Ctrl-C as soon as it
//! has printed an id):
//!
//! ```sh
//! wave emulator --port 8787 --job-time 1m &
//! export WAVESPEED_BASE_URL=http://127.0.0.1:8787 WAVESPEED_API_KEY=emulator
//! cargo run -p wavespeed --example lipsync crates/emulator/assets/clip.mp4 out.mp4
//! cargo run -p wavespeed --example resume
//! ```

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::error::Error;

use wavespeed::{JobFilter, Wavespeed};
use wavespeed_journal::Journal;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let journal = Journal::open("jobs.db")?;
    let ws = Wavespeed::builder().env().store(journal).build()?;

    // Submits that were about to be sent, jobs that ran, and outputs that were to be saved.
    for job in ws.jobs(JobFilter::Open).await? {
        match ws.resume(&job, ws.deadline()).await {
            Ok(done) => {
                let paths: Vec<_> = done.files.iter().map(|file| &file.path).collect();
                println!("{} completed {paths:?}", job.number);
            }
            // An error concerns this job alone; the others can still be finished.
            Err(error) => println!("{} {error}", job.number),
        }
    }
    Ok(())
}
