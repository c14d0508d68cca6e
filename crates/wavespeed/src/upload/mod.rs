//! Uploading a local file, unless the vendor has its bytes already. How they get there, it leaves
//! to `sending`.

pub(crate) mod error;
mod hash;
pub(crate) mod options;
mod send;
mod source;

pub use error::UploadError;
pub use options::{UploadOptions, UploadProgress, UploadStep, UploadWatcher};

use crate::check::named::{NamedFile, named_files};
use crate::upload::source::state;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use wavespeed_client::{Model, Prediction};

use crate::client::Wavespeed;
use crate::store::error::StoreError;
use crate::store::record::JobFilter;
use crate::store::upload::{Content, UploadRecord};
use crate::upload::source::Source;

/// The business code of a task for which the vendor could not fetch a file.
const NOT_FETCHED: i64 = 1402;

/// A file that was uploaded, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Where the vendor's models find it.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in lowercase hex.
    pub sha256: String,
    /// Whether nothing was sent, since the same bytes were uploaded before.
    pub known: bool,
    /// Until when the vendor keeps it: 7 days from the upload.
    pub kept_until: SystemTime,
}

impl Wavespeed {
    /// Uploads a file, by the deadline of the settings, and returns the URL for a model's input.
    /// The file is streamed: it is not held in memory. May be dropped at any await.
    ///
    /// It is read twice: first to look whether the [`Store`](crate::Store) knows an upload of the
    /// same bytes that the vendor keeps for some hours yet, in which case nothing is sent; then
    /// while it is sent. A file that is as it was at its last upload is not read a first time.
    ///
    /// # Errors
    /// If it cannot be read or changes while it is, or the vendor does not take it.
    pub async fn upload(&self, path: impl AsRef<Path>) -> Result<Uploaded, UploadError> {
        self.upload_with(path, &UploadOptions::new(self.deadline()))
            .await
    }

    /// As [`upload`](Self::upload), with options.
    ///
    /// # Errors
    /// As of [`upload`](Self::upload).
    pub async fn upload_with(
        &self,
        path: impl AsRef<Path>,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let path = path.as_ref();
        let clock = self.0.poller.clock();
        let done = options
            .deadline
            .timeout(clock, self.upload_file(path, options));
        done.await.unwrap_or_else(|| {
            Err(UploadError::Deadline {
                path: path.to_owned(),
            })
        })
    }

    /// Uploads each local file that an input names, and puts the URL in its place. Returns what was
    /// uploaded, each file once.
    ///
    /// # Errors
    /// As of [`upload`](Self::upload).
    pub async fn upload_inputs(
        &self,
        model: &Model,
        input: &mut Value,
        options: &UploadOptions,
    ) -> Result<Vec<Uploaded>, UploadError> {
        let places = local_files(model, input);
        // A file that is named twice is uploaded once: all places get its URL.
        let paths: BTreeSet<&String> = places.iter().map(|(_, path)| path).collect();
        let mut done = Vec::new();
        for path in paths {
            let uploaded = self.upload_with(path, options).await?;
            for (pointer, _) in places.iter().filter(|(_, named)| named == path) {
                if let Some(place) = input.pointer_mut(pointer) {
                    *place = uploaded.url.clone().into();
                }
            }
            done.push(uploaded);
        }
        Ok(done)
    }

    /// Forgets an upload that the vendor does not have any more, so that its file is sent the next
    /// time. Says whether it was known. A task that ended because a file could not be fetched has
    /// its uploads forgotten by itself.
    ///
    /// # Errors
    /// If the store cannot be changed.
    pub fn forget_upload(&self, url: &str) -> Result<bool, StoreError> {
        self.0.store.forget_upload(&self.0.account, url)
    }

    /// Forgets what was uploaded for a task, if that could not be fetched.
    pub(crate) fn forget_unfetched(&self, ended: &Prediction) {
        if ended.code != Some(NOT_FETCHED) {
            return;
        }
        let id = ended.id.parse().ok();
        let jobs = id.and_then(|id| self.jobs(JobFilter::Id(&id)).ok());
        let inputs = jobs.into_iter().flatten().map(|job| job.input);
        for url in inputs.flat_map(|input| texts(&input)) {
            match self.forget_upload(&url) {
                Ok(true) => {
                    tracing::warn!(url, "the upload could not be fetched, and is forgotten");
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "an upload could not be forgotten"),
            }
        }
    }

    async fn upload_file(
        &self,
        path: &Path,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let trusted = self.source(path, options, !options.again).await?;
        match self.upload_source(&trusted, options).await {
            // Its bytes are others, though its time is not: what was remembered is worth nothing.
            Err(UploadError::Changed { .. }) if trusted.remembered => {
                let read = self.source(path, options, false).await?;
                self.upload_source(&read, options).await
            }
            done => done,
        }
    }

    /// The file, with its hash as the store remembers it, if that is to be trusted.
    async fn source(
        &self,
        path: &Path,
        options: &UploadOptions,
        trust: bool,
    ) -> Result<Source, UploadError> {
        let read = |fault| UploadError::of(path, fault);
        let state = state(path).await.map_err(|error| read(error.into()))?;
        let known = match trust {
            true => self.or_warn(self.0.store.find_hash(&state)).flatten(),
            false => None,
        };
        let source = Source::new(path, state, known, options.watcher.as_ref());
        source.await.map_err(read)
    }

    async fn upload_source(
        &self,
        source: &Source,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let lock = self.0.upload_locks.get(&source.content);
        let _held = lock.lock().await;
        let known = (!options.again).then(|| self.known(&source.content));
        if let Some(record) = known.flatten() {
            if !source.remembered {
                self.remember(&record, source);
            }
            tracing::info!(path = %source.path.display(), url = record.url, "uploaded before");
            return Ok(Uploaded::of(source, &record, true));
        }
        // Its life may be counted from the ticket.
        let at = SystemTime::now();
        let url = self.send_file(source, options.deadline).await?;
        let record = UploadRecord::new(source.content.clone(), source.bytes, url, at);
        self.remember(&record, source);
        tracing::info!(path = %source.path.display(), bytes = source.bytes, "uploaded");
        Ok(Uploaded::of(source, &record, false))
    }

    fn known(&self, content: &Content) -> Option<UploadRecord> {
        let found = self.0.store.find_upload(&self.0.account, content);
        let record = self.or_warn(found).flatten();
        record.filter(|record| record.is_reusable(SystemTime::now()))
    }

    fn remember(&self, record: &UploadRecord, source: &Source) {
        let (store, account) = (&self.0.store, &self.0.account);
        self.or_warn(store.record_upload(account, record, source.state.as_ref()));
    }

    /// A store that fails costs an upload, which is no reason not to upload.
    fn or_warn<T>(&self, done: Result<T, StoreError>) -> Option<T> {
        done.inspect_err(|error| tracing::warn!(%error, "an upload could not be remembered"))
            .ok()
    }
}

impl Uploaded {
    fn of(source: &Source, record: &UploadRecord, known: bool) -> Self {
        Self {
            path: source.path.clone(),
            url: record.url.clone(),
            bytes: source.bytes,
            sha256: record.content.sha256.clone(),
            known,
            kept_until: record.kept_until,
        }
    }
}

/// Puts a name in the place of each local file that an input names, as
/// [`upload_inputs`](Wavespeed::upload_inputs) puts a URL there. Nothing is uploaded.
pub fn name_uploads(model: &Model, input: &mut Value, name: impl Fn(&str) -> String) {
    for (pointer, path) in local_files(model, input) {
        if let Some(place) = input.pointer_mut(&pointer) {
            *place = name(&path).into();
        }
    }
}

/// The local files that an input names: where, and their paths.
fn local_files(model: &Model, input: &Value) -> Vec<(String, String)> {
    let named = named_files(model.inputs, input).into_iter();
    let local = named.filter(NamedFile::is_path);
    local
        .map(|named| (named.pointer, named.text.to_owned()))
        .collect()
}

/// All texts in an input.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
