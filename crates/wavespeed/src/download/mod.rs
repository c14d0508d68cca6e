//! Download of the outputs of a prediction.
//!
//! Each output is transferred to a temporary file beside its target (`transfer`), checked, and only
//! then renamed (`persist`), so that a target file is either complete or absent. The temporary files of
//! processes that were killed are removed before. A download never carries the API key, whatever host an
//! output is on.

mod content;
mod decode;
pub(crate) mod error;
mod persist;
mod retry;
mod saved;
pub(crate) mod stream;
mod transfer;
mod version;

use std::io;
use std::path::Path;

use serde_json::Value;
use url::Url;
use wavespeed_client::text::{hide_logins, shorten};
use wavespeed_client::{Model, Prediction};
use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::download::content::Promise;
use crate::download::error::{DownloadError, SaveError};
use crate::download::persist::persist;
use crate::download::retry::{Output, expected_until};
use crate::download::transfer::{PartialFile, TransferError};
use crate::part_file::temporary_file;
use crate::store::record::{Downloaded, JobRecord};
use crate::target::{OutputFacts, Target, extension};
use crate::threads;

/// The result of the check of a target path before the transfer.
struct TargetState {
    /// `true` if the target exists but may hold this very output, which its content has to show.
    exists: bool,
    /// The largest length, in bytes, that the output may have.
    limit: u64,
}

impl Wavespeed {
    /// Saves every output of a prediction as a file, with the deadline of the settings. The future
    /// may be dropped at any await: each file is either complete or absent.
    ///
    /// An output that was saved before, to a file that the [`Store`](crate::Store) knows and that is
    /// unchanged, is copied from that file.
    ///
    /// # Errors
    /// Returns an error if any output could not be saved. The error lists the outputs that were
    /// saved.
    ///
    /// The [front page](crate) has an example.
    pub async fn download(
        &self,
        done: &Prediction,
        target: &Target,
    ) -> Result<Vec<Downloaded>, DownloadError> {
        self.download_until(done, target, self.deadline()).await
    }

    /// Saves outputs as [`download`](Self::download) does, with another deadline.
    ///
    /// # Errors
    /// Returns the errors of [`download`](Self::download).
    ///
    /// ```no_run
    /// # async fn example(
    /// #     ws: wavespeed::Wavespeed, done: wavespeed::Prediction,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use wavespeed::{Deadline, Target};
    ///
    /// let deadline = Deadline::within(Duration::from_secs(60));
    /// match ws.download_until(&done, &Target::new("out.mp4"), deadline).await {
    ///     Ok(files) => println!("{} files", files.len()),
    ///     // What was saved stays, and the rest can be fetched later.
    ///     Err(error) => println!("{} of the outputs are saved: {error}", error.saved.len()),
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn download_until(
        &self,
        done: &Prediction,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Vec<Downloaded>, DownloadError> {
        let (mut saved, mut failed) = (Vec::new(), Vec::new());
        if done.outputs().is_empty() {
            let error = done.completed().err();
            failed.push((1, error.map_or(SaveError::Nothing, SaveError::from)));
        }
        let jobs = self.jobs_of(done.id()).await;
        let until = (deadline, expected_until(done, &jobs, self.0.poller.clock()));
        // An output that fails must not keep the others from being saved.
        for (number, output) in (1..).zip(done.outputs()) {
            let save = self.save(done, (number, output), &jobs, target, until);
            let result = deadline.timeout(self.0.poller.clock(), save).await;
            match result.unwrap_or(Err(SaveError::Deadline)) {
                Ok(file) => saved.push(file),
                Err(error) => failed.push((number, error)),
            }
        }
        if failed.is_empty() {
            self.record_saved(done, &jobs, &saved).await;
            return Ok(saved);
        }
        let id = done.id().to_owned();
        Err(DownloadError { id, saved, failed })
    }

    /// Returns the error of an output that is not a URL, with its start.
    fn not_a_url(&self, output: &Value) -> SaveError {
        let text = self.redact(&output.to_string());
        SaveError::NotUrl(shorten(&hide_logins(&text), 120))
    }

    /// Records the saved files in the store, and the end before them if the store does not have it. The
    /// files exist, so a store that fails is logged and does not fail the download.
    async fn record_saved(&self, done: &Prediction, known: &[JobRecord], saved: &[Downloaded]) {
        let Ok(id) = done.id().parse() else { return };
        let (store, account) = (&self.0.store, &self.0.account);
        if done.status().is_terminal() && known.iter().any(|job| job.prediction.is_none()) {
            let recorded = self.record_end(done).await;
            if let Err(error) = recorded {
                tracing::error!(%id, %error, "the end of a job could not be recorded");
            }
        }
        let mut saved = saved.to_vec();
        // Absolute paths, as another process may run in another folder.
        for file in &mut saved {
            file.path = std::path::absolute(&file.path).unwrap_or_default();
        }
        if let Err(error) = store.record_saved(account, &id, &saved).await {
            tracing::error!(%id, %error, "the saved files could not be recorded");
        }
    }

    /// Saves one output, whose number counts from 1. `jobs` are those that the store
    /// has of the prediction.
    async fn save(
        &self,
        done: &Prediction,
        (number, output): (usize, &Value),
        jobs: &[JobRecord],
        target: &Target,
        (deadline, expected_until): (Deadline, Deadline),
    ) -> Result<Downloaded, SaveError> {
        let url = output_url(output).ok_or_else(|| self.not_a_url(output))?;
        let id = done.id();
        let path = target.path(&facts(done, jobs, number, &url));
        let path = path.map_err(|message| SaveError::Name {
            template: target.as_path().to_owned(),
            message,
        })?;
        let folder = folder_of(&path);
        self.0.leftovers.remove(folder).await;
        let write = |error| SaveError::Write {
            path: path.clone(),
            error,
        };
        let known = jobs.iter().flat_map(|job| &job.files);
        let known = known.filter(|file| file.number == number).collect();
        if let Some(known) = saved::copy_first(known, &path, target).await {
            tracing::info!(%id, path = %path.display(), "copied from the file that was saved before");
            let known = known.clone();
            return Ok(Downloaded { path, ..known });
        }
        let TargetState { exists, limit } = self.check_target(&path, target.is_force())?;
        if target.creates_folders() {
            std::fs::create_dir_all(folder).map_err(write)?;
        }
        // In the folder of the target, as a rename works only within one file system.
        let file = temporary_file(folder).map_err(write)?;
        let mut partial = PartialFile::new(file);
        let output = Output {
            id: done.id(),
            number,
            promise: Promise::new(&url, model(done, jobs)),
            url,
            limit,
            deadline,
            expected_until,
        };
        let fetched = self.fetch(&mut partial, &output).await;
        let url = fetched.map_err(|(url, error)| match error {
            // The output is longer than the existing file, so the file holds something else.
            TransferError::TooLong if exists => SaveError::Exists { path: path.clone() },
            error => SaveError::from_transfer(&url, &path, error, partial.bytes),
        })?;
        let (bytes, sha256) = (partial.bytes, partial.sha256());
        let file = partial.file;
        let url = url.to_string();
        let (to, replace) = (path.clone(), target.is_force());
        // Flushing a large file to disk takes seconds, during which the runtime must not block.
        let persisted = threads::run_anyway(move || persist(file, &to, replace)).await;
        let persisted = persisted.map_err(write)?;
        persisted.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => SaveError::Exists { path: path.clone() },
            _ => write(error),
        })?;
        tracing::info!(%id, path = %path.display(), bytes, "saved");
        let saved = Downloaded::new(number, path, url, bytes, sha256);
        content::log_warning(&saved);
        Ok(saved)
    }

    /// Refuses a target that exists before the transfer, as far as that can be decided without the
    /// content of the output.
    fn check_target(&self, path: &Path, force: bool) -> Result<TargetState, SaveError> {
        let limit = self.0.max_output_bytes;
        // Not through links: a link that leads nowhere exists, too. With force, files are replaced;
        // devices, pipes and folders never are.
        let existing = path.symlink_metadata().ok();
        let Some(existing) = existing.filter(|_| !(force && path.is_file())) else {
            let exists = false;
            return Ok(TargetState { exists, limit });
        };
        if !existing.is_file() || existing.len() == 0 {
            let path = path.to_owned();
            return Err(SaveError::Exists { path });
        }
        // The file may be this very output, left by a download that ended before it was recorded.
        // Only its content shows that, so the output is transferred and compared. A transfer that
        // becomes longer than the file ends early, as the file then holds something else.
        let limit = limit.min(existing.len());
        let exists = true;
        Ok(TargetState { exists, limit })
    }
}

/// Returns the facts of an output that its path depends on.
fn facts<'a>(
    done: &'a Prediction,
    jobs: &'a [JobRecord],
    number: usize,
    url: &'a Url,
) -> OutputFacts<'a> {
    let job = jobs.first();
    let input = || done.input().cloned().map(Value::Object);
    OutputFacts {
        id: done.id(),
        job: job.and_then(|job| job.number.known()),
        label: job.and_then(|job| job.label.as_deref()),
        model: done.model().or_else(|| job.map(|job| job.model.as_str())),
        // The input that was sent says more than the vendor's copy, which may be shortened.
        input: job.map(JobRecord::input).or_else(input).unwrap_or_default(),
        number,
        extension: extension(url),
    }
}

/// Returns the folder of a file.
fn folder_of(path: &Path) -> &Path {
    let parent = path.parent();
    // The parent of a bare file name is empty, which no file function accepts.
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Returns the model of a prediction, if the catalogue has it.
fn model(done: &Prediction, jobs: &[JobRecord]) -> Option<&'static Model> {
    let of_job = || jobs.first().map(|job| job.model.as_str());
    wavespeed_client::model(done.model().or_else(of_job)?)
}

/// Returns the http or https URL of an output: the output itself, or its member `url` if the output
/// is an object.
///
/// ```
/// use wavespeed::{output_url, serde_json::json};
///
/// let url = "https://a.example/1.mp4";
/// assert_eq!(output_url(&json!(url)), output_url(&json!({ "url": url })));
/// assert_eq!(output_url(&json!("a text")), None);
/// ```
#[must_use]
pub fn output_url(output: &Value) -> Option<Url> {
    let text = output.as_str().or_else(|| output.get("url")?.as_str())?;
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}
