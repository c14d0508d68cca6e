//! Finishes what a crash left open: looks up submits whose answer was lost, waits for the jobs that run,
//! and saves their outputs. Nothing is sent again, so this program never costs money.
//!
//! Without an API key, on the emulator of the API (interrupt the first program with Ctrl-C as soon as it
//! has printed an id). The number is the time in seconds after which a job must show in the vendor's history,
//! 60 if it is left out; on the emulator, each shows at once:
//!
//! ```sh
//! wave emulator --port 8787 --job-time 1m &
//! export WAVESPEED_BASE_URL=http://127.0.0.1:8787 WAVESPEED_API_KEY=emulator
//! cargo run -p wavespeed --example lipsync crates/emulator/assets/clip.mp4 out.mp4
//! cargo run -p wavespeed --example resume 0
//! ```

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::env;
use std::error::Error;
use std::time::Duration;

use wavespeed::{JobFilter, Wavespeed};
use wavespeed_journal::Journal;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let journal = Journal::open("jobs.db")?;
    let lag = env::args()
        .nth(1)
        .map_or(Ok(60), |seconds| seconds.parse())?;
    let ws = Wavespeed::builder()
        .env()
        .store(journal)
        .history_lag(Duration::from_secs(lag))
        .build()?;

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
