//! The file that is uploaded: its identity, and its bytes as a stream.
//!
//! Reading and hashing run on a blocking thread, sending on the runtime; a bounded channel connects
//! them, so that a slow network slows the reading down and memory stays bounded.
//!
//! The stream holds back the last chunk until the whole file was read again and its fingerprint
//! matches. If the file has changed, the request therefore ends short of its announced length: the
//! storage never receives the whole of it, and no URL leads to content other than the content that
//! was hashed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{Stream, poll_fn};
use tokio::sync::mpsc;

use crate::store::upload::{Content, FileState};
use crate::threads;
use crate::upload::error::SourceError;
use crate::upload::extension::{Extension, content_type};
use crate::upload::hash::{Fingerprint, chunks, hash};
use crate::upload::options::{ProgressReporter, UploadStep, UploadWatcher};

/// The number of chunks that may be read before the network takes them. It bounds the memory of an
/// upload.
const CHUNKS_AHEAD: usize = 4;

/// A file to upload whose content is identified.
pub(crate) struct Source {
    /// The path, as the caller gave it.
    pub(crate) path: PathBuf,
    /// The length in bytes.
    pub(crate) bytes: u64,
    pub(crate) content: Content,
    /// `true` if the extension in `content` is missing in the name of the file.
    is_extension_detected: bool,
    /// The state under which the store may remember the hash. `None` if a later change might not
    /// show in the modification time.
    pub(crate) state: Option<FileState>,
    /// `true` if the hash comes from the store and was not computed now.
    pub(crate) remembered: bool,
    fingerprint: Fingerprint,
    pub(crate) watcher: Option<UploadWatcher>,
}

impl Source {
    /// Creates the source of a file in this state. The file is read if `remembered`, the SHA-256
    /// from the store, is missing.
    pub(crate) async fn new(
        path: &Path,
        state: FileState,
        remembered: Option<String>,
        watcher: Option<&UploadWatcher>,
    ) -> Result<Self, SourceError> {
        let (is_remembered, bytes) = (remembered.is_some(), state.bytes);
        // Judged before the read, so that any change from now on shows in the modification time.
        let is_reliable = state.mtime_is_reliable(SystemTime::now());
        let progress = ProgressReporter::new(path, UploadStep::Hashing, bytes, watcher);
        let (sha256, fingerprint) = match remembered {
            Some(sha256) => (sha256.clone(), Fingerprint::Sha256(sha256)),
            None => hash(state.clone(), progress).await?,
        };
        let extension = Extension::of(path).await?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            is_extension_detected: extension.is_detected,
            content: Content::new(sha256, extension.text),
            state: Some(state).filter(|_| is_reliable),
            remembered: is_remembered,
            fingerprint,
            watcher: watcher.cloned(),
        })
    }

    /// Returns the bytes as a stream for one request, and the state of that stream. The stream ends
    /// with an error if the file cannot be read or has changed; the reason is in the state.
    pub(crate) fn stream(
        &self,
    ) -> (
        impl Stream<Item = io::Result<Bytes>> + Send + use<>,
        Arc<TransferState>,
    ) {
        let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
        let state = Arc::new(TransferState {
            left: AtomicU64::new(self.bytes),
            error: Mutex::default(),
        });

        // The reading half. `blocking_send` waits while the channel is full and fails once the
        // request, and with it the receiver, is dropped.
        let (path, fingerprint, bytes) = (self.path.clone(), self.fingerprint.clone(), self.bytes);
        let reader_state = Arc::clone(&state);
        let started = threads::start(move || {
            let send = |chunk| sender.blocking_send(Ok(chunk)).is_ok();
            if let Err(error) = stream_file(&path, bytes, &fingerprint, send) {
                // The HTTP library reports an error of the body as a failed transfer, which would be
                // retried. The state keeps the real reason, set before the error can be seen.
                reader_state.set_error(error);
                // The request may be over by now; the error is not needed then.
                _ = sender.blocking_send(Err(io::Error::other("the file could not be read")));
            }
        });
        if let Err(error) = started {
            state.set_error(error.into());
        }

        // The sending half. It counts what the HTTP library takes, not what was read, so that the
        // progress is that of the network.
        let progress = ProgressReporter::new(
            &self.path,
            UploadStep::Sending,
            bytes,
            self.watcher.as_ref(),
        );
        let counter = Arc::clone(&state);
        let stream = poll_fn(move |context| {
            let next = receiver.poll_recv(context);
            if let std::task::Poll::Ready(Some(Ok(chunk))) = &next {
                let length = Bytes::len(chunk) as u64;
                let before = counter.left.fetch_sub(length, Ordering::Relaxed);
                progress.report(bytes - (before - length));
            }
            next
        });
        (stream, state)
    }

    /// Returns the file name without its folders, and with an extension if the content shows one.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or("file".as_ref());
        let name = name.to_string_lossy();
        match self.is_extension_detected {
            true => format!("{}.{}", name.trim_end_matches('.'), self.content.extension),
            false => name.into_owned(),
        }
    }

    /// Returns the media type, by the extension, of a file that the vendor's models accept.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        content_type(&self.content.extension)
    }
}

/// The state of a stream, shared between the stream and the request that sends it.
#[derive(Debug)]
pub(crate) struct TransferState {
    /// The number of bytes that the HTTP library has not taken yet.
    left: AtomicU64,
    /// The reason why the stream ended with an error.
    error: Mutex<Option<SourceError>>,
}

impl TransferState {
    /// Returns the number of bytes that the HTTP library has not taken yet.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Removes and returns the error of the file, if an error of the file ended the stream.
    pub(crate) fn take_error(&self) -> Option<SourceError> {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take()
    }

    fn set_error(&self, error: SourceError) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Returns the state of a regular file that is not empty.
pub(crate) async fn file_state(path: &Path) -> io::Result<FileState> {
    let path = path.to_owned();
    threads::run(move || file_state_now(&path)).await?
}

fn file_state_now(path: &Path) -> io::Result<FileState> {
    // Metadata first: opening a pipe that has no writer would block forever.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() == 0 {
        let message = "it is not a regular file with content";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    // The real path, so that the store recognizes the file by any relative path or link.
    let real = std::fs::canonicalize(path)?;
    Ok(FileState::new(real, metadata.len(), metadata.modified()?))
}

/// Reads a file that should have this length and fingerprint, and passes it to `send` chunk by
/// chunk. `send` returns `false` if no more chunks are wanted, which ends the read without an error.
///
/// # Errors
/// Returns [`SourceError::Changed`] if length or fingerprint differ. `send` has then received less
/// than `bytes` bytes.
fn stream_file(
    path: &Path,
    bytes: u64,
    fingerprint: &Fingerprint,
    send: impl Fn(Bytes) -> bool,
) -> Result<(), SourceError> {
    let mut hasher = fingerprint.hasher();
    let mut left = bytes;
    let mut held_back = Bytes::new();
    for chunk in chunks(File::open(path)?) {
        let chunk = Bytes::from(chunk?);
        // A file that has grown fails here, before anything behind its old end could be sent.
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or(SourceError::Changed)?;
        hasher.update(&chunk);
        // Each chunk waits for its successor. A chunk with a successor is not the last one, and may
        // be sent although the rest of the file is not verified yet.
        let previous = std::mem::replace(&mut held_back, chunk);
        if !previous.is_empty() && !send(previous) {
            return Ok(());
        }
    }
    // The whole file is read. Without the chunk that is still held back the body is incomplete, so
    // a file that became shorter or has other bytes is never stored.
    if left > 0 || hasher.fingerprint() != *fingerprint {
        return Err(SourceError::Changed);
    }
    send(held_back);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::upload::hash::CHUNK_BYTES;

    /// Streams `content` as a file of which `bytes` and `fingerprint` are expected. Returns the
    /// number of bytes sent, and the result.
    fn stream(
        content: &[u8],
        bytes: usize,
        fingerprint: &Fingerprint,
    ) -> (usize, Result<(), SourceError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("video");
        std::fs::write(&path, content).unwrap();
        let sent = Cell::new(0);
        let result = stream_file(&path, bytes as u64, fingerprint, |chunk| {
            sent.set(sent.get() + chunk.len());
            true
        });
        (sent.get(), result)
    }

    /// Returns the fingerprints of both kinds.
    fn fingerprints(content: &[u8]) -> [Fingerprint; 2] {
        [Fingerprint::Xxh3(0), Fingerprint::Sha256(String::new())].map(|fingerprint| {
            let mut hasher = fingerprint.hasher();
            hasher.update(content);
            hasher.fingerprint()
        })
    }

    #[test]
    fn an_unchanged_file_is_sent_completely() {
        for length in [
            1,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES,
        ] {
            let content = vec![7; length];
            for fingerprint in fingerprints(&content) {
                let (sent, result) = stream(&content, length, &fingerprint);
                assert!(result.is_ok(), "{length}: {result:?}");
                assert_eq!(sent, length);
            }
        }
    }

    #[test]
    fn a_changed_file_is_never_sent_completely() {
        let content = vec![7; 2 * CHUNK_BYTES + 5];
        let length = content.len();
        let mut other = content.clone();
        other[0] = 8;
        let longer = [&content[..], b"x"].concat();
        for changed in [&other[..], &longer, &content[..length - 1], b"x"] {
            for fingerprint in fingerprints(&content) {
                let (sent, result) = stream(changed, length, &fingerprint);
                assert!(matches!(result, Err(SourceError::Changed)), "{result:?}");
                assert!(sent < length, "{sent}");
            }
        }
    }

    #[test]
    fn a_closed_receiver_ends_the_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("video");
        std::fs::write(&path, vec![7; 4 * CHUNK_BYTES]).unwrap();
        let calls = Cell::new(0);
        let result = stream_file(&path, 4 * CHUNK_BYTES as u64, &Fingerprint::Xxh3(0), |_| {
            calls.set(calls.get() + 1);
            false
        });
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(calls.get(), 1);
    }
}
