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

use wavespeed::{Downloaded, JobFilter, JobRecord, Reconciled, Wavespeed};
use wavespeed_journal::Journal;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let journal = Journal::open("jobs.db")?;
    let ws = Wavespeed::builder().env().store(journal).build()?;

    // Submits that were about to be sent, jobs that ran, and outputs that were to be saved.
    for record in ws.jobs(JobFilter::Open).await? {
        match finish(&ws, &record).await {
            Ok(files) => {
                let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
                println!("{} completed {paths:?}", record.number);
            }
            // The others can be finished all the same.
            Err(error) => println!("{} {error}", record.number),
        }
    }
    Ok(())
}

async fn finish(ws: &Wavespeed, record: &JobRecord) -> Result<Vec<Downloaded>, Box<dyn Error>> {
    // A job whose id is known is returned as it is. The others are looked up in the vendor's history.
    let job = match ws.reconcile(record, ws.deadline()).await? {
        Reconciled::Adopted(job) => job,
        Reconciled::Nothing => return Err("probably never arrived; submit its key again".into()),
        Reconciled::Candidates(found) => {
            let ids: Vec<_> = found.iter().map(|prediction| &prediction.id).collect();
            return Err(format!("may be one of {ids:?}; choose with `Wavespeed::adopt`").into());
        }
        other => return Err(format!("was not found: {other:?}").into()),
    };
    let prediction = job.wait().await?;
    // A job that failed is an error here. It is not open any more.
    prediction.completed()?;
    match &record.target {
        Some(target) => Ok(ws.download(&prediction, target).await?),
        None => Ok(Vec::new()),
    }
}
