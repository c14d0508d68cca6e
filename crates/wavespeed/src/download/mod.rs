//! Downloading outputs: to a temporary file beside the target, checked, and only then renamed. A
//! download never carries the key, whatever host it is from.

pub(crate) mod error;
mod place;
mod transfer;

pub use error::{DownloadError, SaveError};

use std::io;

use serde_json::Value;
use url::Url;
use wavespeed_client::Prediction;
use wavespeed_client::text::shorten;
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::download::place::persist;
use crate::download::transfer::{PartialFile, TransferError};
use crate::store::record::Downloaded;
use crate::target::{Target, temporary};

/// How often a broken transfer is gone on with.
const RETRIES: u32 = 4;

impl Wavespeed {
    /// Writes every output of a task to files, by the deadline of the settings. May be dropped at
    /// any await: a file is either whole or not there.
    ///
    /// # Errors
    /// If one cannot be had or written. What was saved before is in the error.
    pub async fn download(
        &self,
        done: &Prediction,
        target: &Target,
    ) -> Result<Vec<Downloaded>, DownloadError> {
        self.download_until(done, target, self.deadline()).await
    }

    /// As [`download`](Self::download), with a deadline of its own.
    ///
    /// # Errors
    /// As of [`download`](Self::download).
    pub async fn download_until(
        &self,
        done: &Prediction,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Vec<Downloaded>, DownloadError> {
        let (mut saved, mut failed) = (Vec::new(), Vec::new());
        if done.outputs().is_empty() {
            failed.push((1, SaveError::Nothing));
        }
        // One that cannot be had must not keep the others.
        for (number, output) in (1..).zip(done.outputs()) {
            let save = self.save(&done.id, number, output, target, deadline);
            let result = deadline.timeout(self.0.poller.clock(), save).await;
            match result.unwrap_or(Err(SaveError::Deadline)) {
                Ok(file) => saved.push(file),
                Err(error) => failed.push((number, error)),
            }
        }
        if failed.is_empty() {
            self.note_saved(&done.id, &saved);
            return Ok(saved);
        }
        let id = done.id.clone();
        Err(DownloadError { id, saved, failed })
    }

    /// The files are there: a store that fails now must not hide them.
    fn note_saved(&self, id: &str, saved: &[Downloaded]) {
        let Ok(id) = id.parse() else { return };
        // They are to be found from anywhere.
        let mut saved = saved.to_vec();
        for file in &mut saved {
            file.path = std::path::absolute(&file.path).unwrap_or_default();
        }
        if let Err(error) = self.0.store.record_saved(&self.0.account, &id, &saved) {
            tracing::error!(%id, %error, "what was saved could not be written down");
        }
    }

    async fn save(
        &self,
        id: &str,
        number: usize,
        output: &Value,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Downloaded, SaveError> {
        let url = output_url(output)
            .ok_or_else(|| SaveError::NotUrl(shorten(&output.to_string(), 120)))?;
        let path = target.path(id, number, &url);
        let write = |error| SaveError::Write {
            path: path.clone(),
            error,
        };
        // Told before the transfer, as far as it can be. A device or a pipe is never replaced. A
        // file may be this very output: a download that ended before it could say so left it.
        let mut largest = self.0.max_output_bytes;
        let mut rival = false;
        if let Ok(there) = path.symlink_metadata()
            && !(target.is_force() && path.is_file())
        {
            if !there.is_file() || there.len() == 0 {
                return Err(SaveError::Exists { path });
            }
            rival = true;
            largest = largest.min(there.len());
        }
        if target.is_folder() {
            std::fs::create_dir_all(target.home()).map_err(write)?;
        }
        let mut part = PartialFile::new(temporary(target.home()).map_err(write)?);
        let fetched = self
            .fetch(&mut part, id, number, (url, largest), deadline)
            .await;
        let url = fetched.map_err(|(url, error)| match error {
            // It is longer than what is there, so it is another.
            TransferError::TooLong if rival => SaveError::Exists { path: path.clone() },
            error => SaveError::of(&url, &path, error, part.bytes),
        })?;
        let (bytes, sha256) = (part.bytes, part.sha256());
        let file = part.file;
        let url = url.to_string();
        if bytes == 0 {
            return Err(SaveError::Empty { url });
        }
        let (to, replace) = (path.clone(), target.is_force());
        // To be safe on disk takes its time, which others on this thread must not wait for.
        let kept = tokio::task::spawn_blocking(move || persist(file, &to, replace));
        let kept = kept.await.map_err(|error| write(io::Error::other(error)))?;
        kept.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::Exists { path: path.clone() },
            _ => write(error),
        })?;
        tracing::info!(%id, path = %path.display(), bytes, "saved");
        Ok(Downloaded {
            number,
            path,
            url,
            bytes,
            sha256,
        })
    }

    /// Fetches an output, going on where the transfer breaks, as long as the deadline allows. A URL
    /// that has expired is had anew from the result. Says from where it came, or was to come.
    async fn fetch(
        &self,
        part: &mut PartialFile,
        id: &str,
        number: usize,
        (mut url, largest): (Url, u64),
        deadline: Deadline,
    ) -> Result<Url, (Url, TransferError)> {
        let (poller, mut renewed) = (&self.0.poller, false);
        let mut tries = 0;
        loop {
            let error = match part.fetch(&self.0.files, &url, largest).await {
                Ok(()) => return Ok(url),
                Err(error) => error,
            };
            if error.is_expired() && !renewed {
                renewed = true;
                match self.renew(id, number).await.filter(|fresh| *fresh != url) {
                    Some(fresh) => url = fresh,
                    None => return Err((url, error)),
                }
                continue;
            }
            let wait = poller.backoff(tries);
            tries += 1;
            let again = error.is_transient() && tries <= RETRIES;
            if !again || !deadline.allows(wait, poller.clock()) {
                return Err((url, error));
            }
            tracing::warn!(%id, number, ?error, "a download is tried again");
            poller
                .clock()
                .sleep_until(poller.clock().now() + wait)
                .await;
        }
    }

    /// Where the result says the output is now.
    async fn renew(&self, id: &str, number: usize) -> Option<Url> {
        let record = self.job(id).ok()?.fetch().await.ok()?;
        output_url(record.outputs().get(number - 1)?)
    }
}

/// The http or https URL of an output: the output itself, or what an object calls `url`.
#[must_use]
pub fn output_url(output: &Value) -> Option<Url> {
    let text = output.as_str().or_else(|| output.get("url")?.as_str())?;
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}
