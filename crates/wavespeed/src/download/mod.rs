//! Downloading outputs: to a temporary file beside the target, checked, and only then renamed. A
//! download never carries the key, whatever host it is from.

mod transfer;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;
use url::Url;
use wavespeed_client::Prediction;
use wavespeed_poll::Deadline;

use crate::http::chain;
use crate::target::temporary;
use crate::{Target, Wavespeed};
use transfer::{Broken, Part};

/// How often a broken transfer is gone on with.
const RETRIES: u32 = 4;

/// An output that was written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The number of the output, counted from 1.
    pub number: usize,
    /// Where it is.
    pub path: PathBuf,
    /// Where it is from.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of its content, in lowercase hex.
    pub sha256: String,
}

/// Outputs could not be saved. The task is done and paid for, and its outputs are kept by the
/// vendor for 7 days: download them again by the id.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.line())]
#[non_exhaustive]
pub struct DownloadError {
    /// The id of the task, as its record has it.
    pub id: String,
    /// What was saved all the same.
    pub saved: Vec<Downloaded>,
    /// What was not: the number of each output, counted from 1, and why.
    pub failed: Vec<(usize, SaveError)>,
}

impl DownloadError {
    fn line(&self) -> String {
        let failed = self.failed.iter();
        let each: Vec<String> = failed
            .map(|(number, error)| format!("output {number}: {error}"))
            .collect();
        match &self.failed[..] {
            [(_, error @ SaveError::Nothing)] => format!("{}: {error}", self.id),
            _ => format!("{} could not be saved: {}", self.id, each.join("; ")),
        }
    }
}

/// Why an output could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The task has no outputs.
    #[error("the task has no outputs")]
    Nothing,
    /// It is not a file somewhere, but something else the model makes.
    #[error("it is not a URL, but {0}")]
    NotUrl(String),
    /// The host did not give it.
    #[error("{url} answered HTTP {status}")]
    Refused {
        /// Where it should be.
        url: String,
        /// What was answered.
        status: u16,
    },
    /// A page came in its place, as a gateway or a login page does with a status of success.
    #[error("{url} answered with an HTML page, not the file")]
    Page {
        /// Where it should be.
        url: String,
    },
    /// The host could not be reached, or the transfer broke.
    #[error("the transfer from {host} failed ({message})")]
    Transfer {
        /// The host.
        host: String,
        /// What went wrong.
        message: String,
    },
    /// It came without content.
    #[error("{url} is empty")]
    Empty {
        /// Where it is.
        url: String,
    },
    /// It came with another length than announced.
    #[error("{url} has {bytes} bytes, but {announced} were announced")]
    Length {
        /// Where it is.
        url: String,
        /// What came.
        bytes: u64,
        /// What was announced.
        announced: u64,
    },
    /// It is larger than the settings allow.
    #[error("{url} is larger than the settings allow")]
    TooLarge {
        /// Where it is.
        url: String,
    },
    /// There is something in its place, which is not to be replaced.
    #[error("{path} exists")]
    Exists {
        /// Where it should go.
        path: PathBuf,
    },
    /// The disk has no room for it.
    #[error("{path} needs {missing} bytes more than its disk has left: make room")]
    NoRoom {
        /// Where it should go.
        path: PathBuf,
        /// How many bytes are missing.
        missing: u64,
    },
    /// It could not be written.
    #[error("{path} could not be written: {error}")]
    Write {
        /// Where it should go.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The deadline came.
    #[error("the deadline came")]
    Deadline,
}

impl SaveError {
    fn of(url: &Url, path: &Path, broken: Broken, bytes: u64) -> Self {
        let at = || url.to_string();
        match broken {
            Broken::Refused(status) => Self::Refused {
                url: at(),
                status: status.as_u16(),
            },
            Broken::Page => Self::Page { url: at() },
            Broken::Transfer(error) => Self::Transfer {
                host: url.host_str().unwrap_or_default().to_owned(),
                message: chain(&error.without_url()),
            },
            Broken::Length(announced) => Self::Length {
                url: at(),
                bytes,
                announced,
            },
            Broken::TooLong => Self::TooLarge { url: at() },
            Broken::NoRoom(missing) => Self::NoRoom {
                path: path.to_owned(),
                missing,
            },
            Broken::Write(error) => Self::Write {
                path: path.to_owned(),
                error,
            },
        }
    }
}

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
            let result = deadline.cut(self.0.poller.clock(), save).await;
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
        if let Err(error) = self.0.store.saved(&self.0.account, &id, &saved) {
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
        let url = output_url(output).ok_or_else(|| SaveError::NotUrl(brief(output)))?;
        let path = target.path(id, number, &url);
        let write = |error| SaveError::Write {
            path: path.clone(),
            error,
        };
        // Told before the transfer, as far as it can be. A device or a pipe is never replaced. A
        // file may be this very output: a download that ended before it could say so left it.
        let mut largest = self.0.largest;
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
        let mut part = Part::new(temporary(target.home()).map_err(write)?);
        let fetched = self
            .fetch(&mut part, id, number, (url, largest), deadline)
            .await;
        let url = fetched.map_err(|(url, broken)| match broken {
            // It is longer than what is there, so it is another.
            Broken::TooLong if rival => SaveError::Exists { path: path.clone() },
            broken => SaveError::of(&url, &path, broken, part.bytes),
        })?;
        let (bytes, sha256) = (part.bytes, part.sha256());
        let file = part.file;
        let url = url.to_string();
        if bytes == 0 {
            return Err(SaveError::Empty { url });
        }
        let (to, replace) = (path.clone(), target.is_force());
        // To be safe on disk takes its time, which others on this thread must not wait for.
        let kept = tokio::task::spawn_blocking(move || keep(file, &to, replace));
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
        part: &mut Part,
        id: &str,
        number: usize,
        (mut url, largest): (Url, u64),
        deadline: Deadline,
    ) -> Result<Url, (Url, Broken)> {
        let (poller, mut renewed) = (&self.0.poller, false);
        let mut tries = 0;
        loop {
            let broken = match part.fetch(&self.0.files, &url, largest).await {
                Ok(()) => return Ok(url),
                Err(broken) => broken,
            };
            if broken.is_expired() && !renewed {
                renewed = true;
                match self.renew(id, number).await.filter(|fresh| *fresh != url) {
                    Some(fresh) => url = fresh,
                    None => return Err((url, broken)),
                }
                continue;
            }
            let wait = poller.backoff(tries);
            tries += 1;
            let again = broken.is_passing() && tries <= RETRIES;
            if !again || !deadline.allows(wait, poller.clock()) {
                return Err((url, broken));
            }
            tracing::warn!(%id, number, ?broken, "a download is tried again");
            poller.clock().pause(poller.clock().now() + wait).await;
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

/// Puts a whole file in its place. One of the same content that is there already is as good: the
/// same output, of a download that ended before it could say so.
fn keep(file: NamedTempFile, to: &Path, replace: bool) -> io::Result<()> {
    file.as_file().sync_all()?;
    if replace {
        file.persist(to)?;
        return Ok(());
    }
    match file.persist_noclobber(to) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
            let is_file = to.symlink_metadata()?.is_file();
            match is_file && is_same(refused.file.path(), to)? {
                true => Ok(()),
                false => Err(refused.error),
            }
        }
        Err(refused) => Err(refused.error),
    }
}

/// Whether two files have the same content.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| File::open(path).map(BufReader::new);
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(length);
        other.consume(length);
    }
}

fn brief(output: &Value) -> String {
    output.to_string().chars().take(120).collect()
}
