//! A file that is to be uploaded: what it is, and its bytes as a stream. Reading, hashing and sending
//! go on side by side, each in a thread of its own.
//!
//! The last piece is not given away before the print of all is known: of a file that has changed,
//! the storage never gets the whole, so that nothing but what was hashed can be found there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{Stream, poll_fn};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::store::upload::{Content, FileState};
use crate::upload::error::SourceError;
use crate::upload::hash::{AHEAD, Fingerprint, hash, pieces};
use crate::upload::options::{ProgressReporter, UploadStep, UploadWatcher};

/// A file, and what its content is.
pub(crate) struct Source {
    /// As it was named.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) content: Content,
    /// Its state, if the hash can be remembered by it.
    pub(crate) state: Option<FileState>,
    /// Whether the hash was remembered, and not computed now.
    pub(crate) remembered: bool,
    fingerprint: Fingerprint,
    pub(crate) watcher: Option<UploadWatcher>,
}

impl Source {
    /// A file in this state, the hash of which may be known. If it is not, it is read once.
    pub(crate) async fn new(
        path: &Path,
        state: FileState,
        known: Option<String>,
        watcher: Option<&UploadWatcher>,
    ) -> Result<Self, SourceError> {
        let (remembered, bytes) = (known.is_some(), state.bytes);
        let settled = state.mtime_is_reliable(SystemTime::now());
        let progress = ProgressReporter::new(path, UploadStep::Hashing, bytes, watcher);
        let (sha256, fingerprint) = match known {
            Some(sha256) => (sha256.clone(), Fingerprint::Sha256(sha256)),
            None => hash(state.clone(), progress).await?,
        };
        let extension = path.extension().unwrap_or_default();
        let extension = extension.to_string_lossy().to_lowercase();
        Ok(Self {
            path: path.to_owned(),
            bytes,
            content: Content::new(sha256, extension),
            state: Some(state).filter(|_| settled),
            remembered,
            fingerprint,
            watcher: watcher.cloned(),
        })
    }

    /// The bytes, once.
    pub(crate) fn stream(
        &self,
    ) -> (
        impl Stream<Item = io::Result<Bytes>> + Send + use<>,
        Arc<TransferState>,
    ) {
        let (pieces, mut taken) = mpsc::channel(AHEAD);
        let state = Arc::new(TransferState {
            left: AtomicU64::new(self.bytes),
            fault: Mutex::default(),
        });
        let (path, fingerprint, bytes) = (self.path.clone(), self.fingerprint.clone(), self.bytes);
        let reported = Arc::clone(&state);
        spawn_blocking(move || {
            let send = |piece| pieces.blocking_send(Ok(piece)).is_ok();
            if let Err(fault) = stream_file(&path, bytes, &fingerprint, send) {
                reported.set_fault(fault);
                // Nobody waits for it if the upload is over.
                _ = pieces.blocking_send(Err(io::Error::other("the file could not be read")));
            }
        });
        let progress = ProgressReporter::new(
            &self.path,
            UploadStep::Sending,
            bytes,
            self.watcher.as_ref(),
        );
        let counted = Arc::clone(&state);
        let stream = poll_fn(move |context| {
            let next = taken.poll_recv(context);
            if let std::task::Poll::Ready(Some(Ok(piece))) = &next {
                let length = Bytes::len(piece) as u64;
                let before = counted.left.fetch_sub(length, Ordering::Relaxed);
                progress.at(bytes - (before - length));
            }
            next
        });
        (stream, state)
    }
}

impl Source {
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or("file".as_ref());
        name.to_string_lossy().into_owned()
    }

    /// The media types of the files the vendor's models take.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        Some(match &*self.content.extension {
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
}

/// How far a stream has come, seen from outside.
#[derive(Debug)]
pub(crate) struct TransferState {
    left: AtomicU64,
    fault: Mutex<Option<SourceError>>,
}

impl TransferState {
    /// How many bytes have not been taken yet.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// What was wrong with the file, if that ended the stream.
    pub(crate) fn take_fault(&self) -> Option<SourceError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }

    fn set_fault(&self, fault: SourceError) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }
}

/// The state of a file with content. It is looked at before it is opened, since opening a pipe
/// could take for ever.
pub(crate) async fn state(path: &Path) -> io::Result<FileState> {
    let about = tokio::fs::metadata(path).await?;
    if !about.is_file() || about.len() == 0 {
        let message = "it is not a file with content";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let real = tokio::fs::canonicalize(path).await?;
    Ok(FileState::new(real, about.len(), about.modified()?))
}

/// Reads a file that should have this length and this print. `send` says whether the rest is wanted.
fn stream_file(
    path: &Path,
    bytes: u64,
    fingerprint: &Fingerprint,
    send: impl Fn(Bytes) -> bool,
) -> Result<(), SourceError> {
    let (mut hasher, mut left, mut held) = (fingerprint.hasher(), bytes, Bytes::new());
    for piece in pieces(File::open(path)?) {
        let piece = Bytes::from(piece?);
        let rest = left.checked_sub(piece.len() as u64);
        left = rest.ok_or(SourceError::Changed)?;
        hasher.update(&piece);
        let before = std::mem::replace(&mut held, piece);
        if !before.is_empty() && !send(before) {
            return Ok(());
        }
    }
    if left > 0 || hasher.fingerprint() != *fingerprint {
        return Err(SourceError::Changed);
    }
    send(held);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::upload::hash::PIECE;

    /// What is given away of a file, and how it ends.
    fn fed(
        content: &[u8],
        bytes: usize,
        fingerprint: &Fingerprint,
    ) -> (usize, Result<(), SourceError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        std::fs::write(&path, content).unwrap();
        let given = Cell::new(0);
        let ended = stream_file(&path, bytes as u64, fingerprint, |piece| {
            given.set(given.get() + piece.len());
            true
        });
        (given.get(), ended)
    }

    /// The prints that a file can be recognised by.
    fn fingerprints(content: &[u8]) -> [Fingerprint; 2] {
        [Fingerprint::Xxh3(0), Fingerprint::Sha256(String::new())].map(|fingerprint| {
            let mut hasher = fingerprint.hasher();
            hasher.update(content);
            hasher.fingerprint()
        })
    }

    #[test]
    fn what_was_hashed_is_given_away_whole() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let film = vec![7; length];
            for fingerprint in fingerprints(&film) {
                let (given, ended) = fed(&film, length, &fingerprint);
                assert!(ended.is_ok(), "{length}: {ended:?}");
                assert_eq!(given, length);
            }
        }
    }

    #[test]
    fn a_file_that_has_changed_is_never_given_away_whole() {
        let film = vec![7; 2 * PIECE + 5];
        let length = film.len();
        let mut other = film.clone();
        other[0] = 8;
        let longer = [&film[..], b"x"].concat();
        for changed in [&other[..], &longer, &film[..length - 1], b"x"] {
            for fingerprint in fingerprints(&film) {
                let (given, ended) = fed(changed, length, &fingerprint);
                assert!(matches!(ended, Err(SourceError::Changed)), "{ended:?}");
                assert!(given < length, "{given}");
            }
        }
    }

    #[test]
    fn who_wants_no_more_gets_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        std::fs::write(&path, vec![7; 4 * PIECE]).unwrap();
        let asked = Cell::new(0);
        let ended = stream_file(&path, 4 * PIECE as u64, &Fingerprint::Xxh3(0), |_| {
            asked.set(asked.get() + 1);
            false
        });
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(asked.get(), 1);
    }
}
