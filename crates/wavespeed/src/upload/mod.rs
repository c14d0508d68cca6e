//! Upload of local files, once per content.
//!
//! An upload runs through these steps: `hash` computes the SHA-256 of the file, unless the store
//! remembers the hash of the unchanged file; the store is asked for an earlier upload of the same
//! [`Content`]; if there is none, `source` streams the bytes and `send` carries them to the
//! vendor; the store then records the URL.

pub(crate) mod builder;
pub(crate) mod error;
mod extension;
mod hash;
pub(crate) mod options;
mod send;
mod source;
pub(crate) mod spool;
mod ticket;
pub(crate) mod uploaded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use reqwest::header::{HeaderValue, RANGE};
use reqwest::{Method, Request, StatusCode};
use serde_json::Value;
use url::Url;
use wavespeed_client::{Model, Prediction, Purpose, RequestContext};
use wavespeed_poll::Deadline;

use crate::check::file::local_path;
use crate::check::named::named_files;
use crate::client::Wavespeed;
use crate::hosts::ContentRange;
use crate::http::reach::Unreachable;
use crate::store::error::StoreError;
use crate::store::record::JobFilter;
use crate::store::upload::{Content, UploadRecord};
use crate::upload::builder::UploadBuilder;
use crate::upload::error::UploadError;
use crate::upload::options::UploadOptions;
use crate::upload::source::{Source, file_state};
use crate::upload::spool::UploadSource;
use crate::upload::uploaded::Uploaded;

/// The business code of a prediction that failed because the vendor could not fetch a media file
/// (`spec/wavespeed.yaml`, schema `Prediction`, field `code`).
const MEDIA_NOT_FETCHED: i64 = 1402;

impl Wavespeed {
    /// Uploads a file, bytes or a stream, and returns the URL for a model's input. Nothing happens before the
    /// returned builder is awaited; it yields an [`Uploaded`]. A file is streamed and never held in memory as
    /// a whole. The future may be dropped at any await.
    ///
    /// The file is read twice: first to hash it and to look for an upload of the same content in
    /// the [`Store`](crate::Store), which is reused as long as the vendor keeps it for some more
    /// hours; then to send it. The first read is omitted if the file is unchanged since its last
    /// upload.
    ///
    /// [`submit`](Self::submit) uploads the local files of its input by itself.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or changes during the upload, if the vendor
    /// refuses it, or if the transfer fails or is not finished before the deadline.
    ///
    /// [`UploadBuilder`] has an example.
    pub fn upload(&self, source: impl Into<UploadSource>) -> UploadBuilder {
        UploadBuilder::new(self.clone(), source.into())
    }

    async fn upload_with(
        &self,
        path: &Path,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let clock = self.0.poller.clock();
        let upload = options
            .deadline
            .timeout(clock, self.upload_file(path, options));
        upload.await.unwrap_or_else(|| {
            Err(UploadError::Deadline {
                path: path.to_owned(),
            })
        })
    }

    /// Uploads each local file that an input names and replaces its path in the input by the URL.
    /// Returns the uploads, one per path, and the SHA-256 of each file by the JSON pointer of its value.
    pub(crate) async fn upload_inputs(
        &self,
        model: &Model,
        input: &mut Value,
        options: &UploadOptions,
    ) -> Result<(Vec<Uploaded>, BTreeMap<String, String>), UploadError> {
        let named = named_paths(model, input);
        // The set removes duplicates: a path that is named twice is uploaded once.
        let paths: BTreeSet<&String> = named.iter().map(|(_, path)| path).collect();
        let (mut uploads, mut hashes) = (Vec::new(), BTreeMap::new());
        for path in paths {
            let uploaded = self.upload_with(Path::new(path), options).await?;
            for (pointer, _) in named.iter().filter(|(_, other)| other == path) {
                if let Some(value) = input.pointer_mut(pointer) {
                    *value = uploaded.url.clone().into();
                }
                hashes.insert(pointer.clone(), uploaded.sha256.clone());
            }
            uploads.push(uploaded);
        }
        Ok((uploads, hashes))
    }

    /// Returns the SHA-256 of a file, or `None` if it cannot be read.
    pub(crate) async fn hash_file(&self, path: &Path) -> Option<String> {
        let options = UploadOptions::new(Deadline::never());
        let source = self.source(path, &options, true).await.ok()?;
        Some(source.content.sha256)
    }

    /// Removes an upload from the store, so that its file is sent again next time. Returns `true`
    /// if the store knew the upload. Call this for a file that the vendor no longer has; the uploads
    /// of a job that failed because a file could not be fetched are removed automatically.
    ///
    /// # Errors
    /// Returns an error if the store cannot be written.
    ///
    /// [`UploadBuilder`] has an example.
    pub async fn forget_upload(&self, url: &str) -> Result<bool, StoreError> {
        self.0.store.forget_upload(&self.0.account, url).await
    }

    /// Removes the uploads of a job from the store if the job failed because the vendor could not
    /// fetch a file.
    pub(crate) async fn forget_unfetched(&self, ended: &Prediction) {
        if ended.code() != Some(MEDIA_NOT_FETCHED) {
            return;
        }
        let Ok(id) = ended.id().parse() else { return };
        let jobs = self.jobs(JobFilter::Id(&id)).await.unwrap_or_default();
        let inputs = jobs.into_iter().map(|job| job.input());
        // The prediction does not say which file failed, so every text of the input is tried as the
        // URL of an upload. Texts that are none are unknown to the store, and removing them does nothing.
        for url in inputs.flat_map(|input| collect_strings(&input)) {
            match self.forget_upload(&url).await {
                Ok(true) => {
                    tracing::warn!(url, "the upload could not be fetched, and is forgotten");
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "an upload could not be forgotten"),
            }
        }
    }

    /// Uploads a file with a remembered hash if there is one, and with a computed hash if the
    /// remembered one proves wrong.
    async fn upload_file(
        &self,
        path: &Path,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let source = self.source(path, options, !options.again).await?;
        match self.upload_source(&source, options).await {
            // The content changed while path, length and modification time stayed the same. Hashing
            // the file again gives the right content.
            Err(UploadError::Changed { .. }) if source.remembered => {
                let hashed = self.source(path, options, false).await?;
                self.upload_source(&hashed, options).await
            }
            result => result,
        }
    }

    /// Opens a file as a [`Source`]. With `use_store`, a hash that the store remembers for the state
    /// of the file is used instead of reading the file.
    async fn source(
        &self,
        path: &Path,
        options: &UploadOptions,
        use_store: bool,
    ) -> Result<Source, UploadError> {
        let with_path = |error| UploadError::from_source(path, error);
        let state = file_state(path)
            .await
            .map_err(|error| with_path(error.into()))?;
        let remembered = if use_store {
            self.or_warn(self.0.store.find_hash(&state).await).flatten()
        } else {
            None
        };
        let source = Source::new(path, state, remembered, options.watcher.as_ref());
        source.await.map_err(with_path)
    }

    /// Reuses an upload of the same content or sends the file, and records the result.
    async fn upload_source(
        &self,
        source: &Source,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        // Concurrent uploads of the same content wait here, then find the first one in the store.
        let lock = self.0.upload_locks.get(&source.content);
        let _guard = lock.lock().await;
        let reusable = if options.again {
            None
        } else {
            self.find_reusable(&source.content).await
        };
        if let Some(record) = reusable {
            // A new path or a touched file: record its state, so that it is not hashed next time.
            if !source.remembered {
                self.record_upload(&record, source).await;
            }
            tracing::info!(path = %source.path.display(), url = record.url, "uploaded before");
            return Ok(Uploaded::from_record(source, &record, true));
        }
        // The time before the transfer is recorded, as the vendor may count the 7 days from the
        // upload ticket.
        let at = SystemTime::now();
        let url = self.send_file(source, options.deadline).await?;
        let record = UploadRecord::new(source.content.clone(), source.bytes, url, at);
        self.record_upload(&record, source).await;
        tracing::info!(path = %source.path.display(), bytes = source.bytes, "uploaded");
        Ok(Uploaded::from_record(source, &record, false))
    }

    /// Returns an upload of this content that the vendor keeps for long enough.
    async fn find_reusable(&self, content: &Content) -> Option<UploadRecord> {
        let found = self.0.store.find_upload(&self.0.account, content).await;
        let record = self.or_warn(found).flatten();
        let record = record.filter(|record| record.is_reusable(SystemTime::now()))?;
        if self.is_available(&record).await {
            return Some(record);
        }
        tracing::warn!(url = record.url, "the upload is gone, and is sent again");
        self.or_warn(self.forget_upload(&record.url).await);
        None
    }

    /// Returns `false` if an upload is known to be gone. Only a file on this machine is looked for: it is one
    /// of an emulator, whose files end with its process. The vendor keeps a file for its whole time.
    async fn is_available(&self, record: &UploadRecord) -> bool {
        let parsed = Url::parse(&record.url).ok();
        let here = |url: &Url| Unreachable::of_url(url) == Some(Unreachable::ThisMachine);
        let Some(url) = parsed.filter(here) else {
            return true;
        };
        if !self.api_is_local() {
            return false;
        }
        let mut request = Request::new(Method::GET, url);
        let first_byte = HeaderValue::from_static("bytes=0-0");
        request.headers_mut().insert(RANGE, first_byte);
        let context = RequestContext::new(Purpose::Download);
        let (clock, limit) = (self.0.poller.clock(), self.0.timeouts.call);
        let sent = self.0.http.send(request, context);
        let response = Deadline::after(limit, clock).timeout(clock, sent).await;
        let Some(Ok(response)) = response else {
            return false;
        };
        // Another emulator at the same address may have another file under this URL.
        let size = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                ContentRange::from_headers(response.headers()).and_then(|range| range.size)
            }
            StatusCode::OK => response.content_length(),
            _ => return false,
        };
        size.is_none_or(|size| size == record.bytes)
    }

    async fn record_upload(&self, record: &UploadRecord, source: &Source) {
        let (store, account) = (&self.0.store, &self.0.account);
        let recorded = store.record_upload(account, record, source.state.as_ref());
        self.or_warn(recorded.await);
    }

    /// Logs an error of the store and drops it. The store only saves transfers here, so its failure
    /// must not fail the upload.
    fn or_warn<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        result
            .inspect_err(|error| tracing::warn!(%error, "an upload could not be remembered"))
            .ok()
    }
}

/// Replaces each local path that an input names by `name(path)`, at the places where
/// [`submit`](Wavespeed::submit) puts URLs. Uploads nothing.
///
/// ```
/// use wavespeed::{model, name_uploads, serde_json::json};
///
/// let model = model("kwaivgi/kling-lipsync/text-to-video").ok_or("no such model")?;
/// let mut input = json!({ "video": "clip.mp4", "text": "Hello", "voice_id": "AOT" });
/// name_uploads(model, &mut input, |path| format!("https://uploads.example/{path}"));
/// assert_eq!(input["video"], "https://uploads.example/clip.mp4");
/// # Ok::<(), &str>(())
/// ```
pub fn name_uploads(model: &Model, input: &mut Value, name: impl Fn(&str) -> String) {
    for (pointer, path) in named_paths(model, input) {
        if let Some(value) = input.pointer_mut(&pointer) {
            *value = name(&path).into();
        }
    }
}

/// Returns the local files that an input names, each as a JSON pointer and a path.
pub(crate) fn named_paths(model: &Model, input: &Value) -> Vec<(String, String)> {
    let named = named_files(model.inputs, input).into_iter();
    let local = named.filter_map(|named| {
        let path = local_path(named.text)?.to_str()?.to_owned();
        Some((named.pointer, path))
    });
    local.collect()
}

/// Returns all strings in a value, at any depth.
fn collect_strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(collect_strings).collect(),
        Value::Object(fields) => fields.values().flat_map(collect_strings).collect(),
        _ => Vec::new(),
    }
}
