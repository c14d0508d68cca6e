//! Uploading a local file: a ticket from the API, then its bytes, streamed, to where the ticket
//! says. The storage host never gets the key.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::Stream;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use wavespeed_client::{Answer, ClientInfo as _, Model, types};
use wavespeed_poll::Deadline;

use crate::http::chain;
use crate::{Wavespeed, check};

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uploaded {
    /// Where the vendor's models find it, for 7 days.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Why a file could not be uploaded. Nothing is billed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The API gave no ticket.
    #[error("{path}: the vendor refused the upload ({message})")]
    Refused {
        /// The file.
        path: PathBuf,
        /// The HTTP status.
        status: u16,
        /// What the vendor said.
        message: String,
    },
    /// The bytes could not be sent to where the ticket says.
    #[error("{path}: the upload failed ({message})")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        message: String,
    },
    /// The deadline came.
    #[error("{path}: the upload did not end before the deadline")]
    Deadline {
        /// The file.
        path: PathBuf,
    },
}

impl Wavespeed {
    /// Uploads a file, by the deadline of the settings, and returns the URL for a model's input.
    /// The file is streamed: it is not held in memory. May be dropped at any await.
    ///
    /// # Errors
    /// If it cannot be read or changes while it is, or the vendor does not take it.
    pub async fn upload(&self, path: impl AsRef<Path>) -> Result<Uploaded, UploadError> {
        self.upload_until(path, self.deadline()).await
    }

    /// As [`upload`](Self::upload), with a deadline of its own.
    ///
    /// # Errors
    /// As of [`upload`](Self::upload).
    pub async fn upload_until(
        &self,
        path: impl AsRef<Path>,
        deadline: Deadline,
    ) -> Result<Uploaded, UploadError> {
        let path = path.as_ref();
        let done = deadline
            .cut(self.0.poller.clock(), self.upload_file(path))
            .await;
        done.unwrap_or_else(|| {
            Err(UploadError::Deadline {
                path: path.to_owned(),
            })
        })
    }

    /// Uploads each local file that an input names, and puts the URL in its place.
    ///
    /// # Errors
    /// As of [`upload`](Self::upload).
    pub async fn upload_inputs(
        &self,
        model: &Model,
        input: &mut Value,
        deadline: Deadline,
    ) -> Result<(), UploadError> {
        let places = local_files(model, input);
        // A file that is named twice is uploaded once: both places get its URL.
        let mut urls: BTreeMap<&str, String> = BTreeMap::new();
        for (pointer, path) in &places {
            let url = match urls.get(&**path) {
                Some(url) => url.clone(),
                None => self.upload_until(path, deadline).await?.url,
            };
            if let Some(place) = input.pointer_mut(pointer) {
                *place = url.clone().into();
            }
            urls.insert(path, url);
        }
        Ok(())
    }

    async fn upload_file(&self, path: &Path) -> Result<Uploaded, UploadError> {
        let read = |error| UploadError::Read {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).await.map_err(read)?;
        let about = file.metadata().await.map_err(read)?;
        let bytes = about.len();
        if !about.is_file() || bytes == 0 {
            let message = "it is not a file with content";
            return Err(read(io::Error::new(io::ErrorKind::InvalidInput, message)));
        }
        let ticket = self.ticket(path, bytes).await?;
        let failed = |message: String| UploadError::Failed {
            path: path.to_owned(),
            message,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in ticket.upload.headers.unwrap_or_default() {
            let pair = HeaderName::try_from(name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (name, value) =
                pair.ok_or_else(|| failed("the ticket has a header that is none".into()))?;
            headers.insert(name, value);
        }
        headers.insert(CONTENT_LENGTH, bytes.into());
        if let Some(method) = ticket.upload.method.filter(|method| method != "PUT") {
            return Err(failed(format!("the ticket asks for {method:?}, not PUT")));
        }
        let left = Arc::new(AtomicU64::new(bytes));
        let body = Exact {
            stream: ReaderStream::with_capacity(file, 64 << 10),
            left: Arc::clone(&left),
        };
        // The client of the API follows no redirect: a PUT that becomes a GET has stored nothing.
        // It adds no key by itself.
        let request = self
            .0
            .api
            .client()
            .put(&ticket.upload.url)
            .headers(headers)
            .body(reqwest::Body::wrap_stream(body));
        let response = match select(pin!(request.send()), pin!(self.stalled(&left))).await {
            Either::Left((answered, _)) => {
                answered.map_err(|error| failed(chain(&error.without_url())))?
            }
            Either::Right(_) => {
                let idle = self.0.timeouts.idle;
                return Err(failed(format!("nothing moved for {idle:?}")));
            }
        };
        if !response.status().is_success() {
            return Err(failed(format!(
                "the storage answered HTTP {}",
                response.status().as_u16()
            )));
        }
        tracing::info!(path = %path.display(), bytes, "uploaded");
        Ok(Uploaded {
            url: ticket.download_url,
            bytes,
        })
    }

    /// Done once `left` has stood still for the time-out. An upload takes as long as it takes.
    async fn stalled(&self, left: &AtomicU64) {
        let clock = self.0.poller.clock();
        loop {
            let before = left.load(Ordering::Relaxed);
            clock.passed(clock.now() + self.0.timeouts.idle).await;
            if left.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    async fn ticket(&self, path: &Path, bytes: u64) -> Result<types::UploadTicket, UploadError> {
        let failed = |message: String| UploadError::Failed {
            path: path.to_owned(),
            message,
        };
        let name = path
            .file_name()
            .map_or("file".into(), |name| name.to_string_lossy().into_owned());
        let size = i64::try_from(bytes).map_err(|_| failed("the file is too large".into()))?;
        let mut request = types::UploadRequest::new(name, size);
        request.content_type = content_type(path).map(str::to_owned);
        let call = async { Answer::of(self.0.api.create_upload(&request).await).await };
        let clock = self.0.poller.clock();
        let answer = Deadline::after(self.0.timeouts.call, clock)
            .cut(clock, call)
            .await;
        let answer = match answer {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => return Err(failed(chain(&error))),
            None => {
                return Err(failed(format!(
                    "no ticket within {:?}",
                    self.0.timeouts.call
                )));
            }
        };
        let ticket = answer
            .envelope()
            .data
            .and_then(|data| serde_json::from_value(data).ok());
        ticket
            .filter(|_| answer.status.is_success())
            .ok_or_else(|| UploadError::Refused {
                path: path.to_owned(),
                status: answer.status.as_u16(),
                message: answer.to_string(),
            })
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
    let named = check::files(model, input).into_iter();
    let local = named.filter(check::Named::is_path);
    local
        .map(|named| (named.pointer, named.text.to_owned()))
        .collect()
}

/// The media types of the files the vendor's models take, by extension.
fn content_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match &*extension {
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "m4a" | "aac" => "audio/mp4",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        _ => return None,
    })
}

/// A stream that fails unless it has exactly the announced length: a file that changes while it is
/// read must not be billed for.
struct Exact<S> {
    stream: S,
    left: Arc<AtomicU64>,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Exact<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let left = self.left.load(Ordering::Relaxed);
        let changed = || {
            Poll::Ready(Some(Err(io::Error::other(
                "the file changed while it was read",
            ))))
        };
        match Pin::new(&mut self.stream).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    self.left.store(left, Ordering::Relaxed);
                    Poll::Ready(Some(Ok(chunk)))
                }
                None => changed(),
            },
            Poll::Ready(None) if left > 0 => changed(),
            other => other,
        }
    }
}
