//! Many jobs with one waiter: one clip, and a video for each sentence. The waiter polls all jobs within
//! limits that hold for all of them together, and each video is saved as soon as its job has ended.
//!
//! Without an API key, on the emulator of the API:
//!
//! ```sh
//! wave emulator --port 8787 &
//! export WAVESPEED_BASE_URL=http://127.0.0.1:8787 WAVESPEED_API_KEY=emulator
//! cargo run -p wavespeed --example many crates/emulator/assets/clip.mp4 videos/ Hello Welcome Goodbye
//! ```

#![expect(clippy::print_stdout, reason = "the result is for a person")]

use std::env;
use std::error::Error;
use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use wavespeed::models::kwaivgi::{
    KlingLipsyncTextToVideo, KlingLipsyncTextToVideoRequired, KlingLipsyncTextToVideoVoiceId,
};
use wavespeed::poll::{RateLimits, Update};
use wavespeed::{Target, Wavespeed};
use wavespeed_journal::Journal;

/// The number of submits that are in flight at once. The waiter has limits of its own.
const SUBMITS: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let usage = "usage: many CLIP FOLDER SENTENCE…";
    let (clip, folder) = (arguments.next(), arguments.next());
    let (clip, folder) = clip.zip(folder).ok_or(usage)?;
    let target = Target::folder(folder.into()); // each video is named by its id

    let journal = Journal::open("jobs.db")?;
    let ws = Wavespeed::builder().env().store(journal).build()?;
    // The clip is uploaded once, however many jobs need it. A sentence is the key of its job, so a second
    // run of the program submits only the sentences that are new.
    let jobs = stream::iter(arguments).map(|sentence| {
        let input = KlingLipsyncTextToVideo::new(KlingLipsyncTextToVideoRequired {
            video: clip.clone(),
            text: sentence.clone(),
            voice_id: KlingLipsyncTextToVideoVoiceId::GenshinKlee2,
        });
        let submit = ws.submit(&input).key(&sentence).target(target.clone());
        async move { (sentence, submit.await) }
    });
    let jobs = jobs.buffer_unordered(SUBMITS);
    // A submit that fails does not keep the others from running.
    let jobs = jobs.filter_map(async |(sentence, job)| {
        job.map_err(|error| println!("{sentence:?} was not submitted: {error}"))
            .ok()
    });

    let mut updates = pin!(ws.watch_many(jobs, ws.deadline(), RateLimits::default()));
    while let Some((id, update)) = updates.next().await {
        match update {
            Ok(Update::Done(prediction)) => match ws.download(&prediction, &target).await {
                Ok(files) => println!("{id} saved to {}", files[0].path.display()),
                Err(error) => println!("{id} {error}"),
            },
            Ok(_) => {} // it runs, or a poll failed and is retried
            Err(error) => println!("{id} {error}"),
        }
    }
    Ok(())
}
