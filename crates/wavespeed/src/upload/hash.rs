//! Hashes of a file.
//!
//! A file has two: its SHA-256, which identifies its content in the store, and a [`Fingerprint`],
//! by which a later read recognizes the content that was hashed. Hashing runs on a blocking thread
//! and stops when the upload is dropped.

use std::fs::File;
use std::io::Read as _;
use std::{io, iter};

use base16ct::lower::encode_string;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use xxhash_rust::xxh3::Xxh3;

use crate::store::upload::FileState;
use crate::threads;
use crate::upload::error::SourceError;
use crate::upload::options::ProgressReporter;

/// The size of a chunk, in bytes: how much is read at once.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// Returns the SHA-256, in lowercase hex, and the fingerprint of a file.
///
/// # Errors
/// Returns [`SourceError::Changed`] if the file is not in `state` from beginning to end.
pub(super) async fn hash(
    state: FileState,
    progress: ProgressReporter,
) -> Result<(String, Fingerprint), SourceError> {
    let (sender, receiver) = oneshot::channel();
    threads::start(move || {
        // A blocking thread cannot be cancelled, so it looks for itself whether the upload was
        // dropped, which closes the channel.
        let hashes = hash_while(&state, &progress, || !sender.is_closed());
        // The upload may be dropped by now, and the result is not needed then.
        _ = sender.send(hashes);
    })?;
    receiver.await.map_err(|_| reader_died())?
}

/// Hashes a file as long as `is_wanted` returns `true`.
fn hash_while(
    state: &FileState,
    progress: &ProgressReporter,
    is_wanted: impl Fn() -> bool,
) -> Result<(String, Fingerprint), SourceError> {
    let file = File::open(&state.path)?;
    // Both hashes come from one read: SHA-256 for the store, XXH3 for the read that sends.
    let (mut sha256, mut xxh3) = (Sha256::new(), Xxh3::new());
    let mut bytes = 0;
    for chunk in chunks(file.try_clone()?).take_while(|_| is_wanted()) {
        let chunk = chunk?;
        sha256.update(&chunk);
        xxh3.update(&chunk);
        bytes += chunk.len() as u64;
        progress.report(bytes);
    }
    // The state was taken before the read. If length and modification time still agree after it,
    // the hashes belong to this state. The open file is asked, as the path may name another by now.
    let metadata = file.metadata()?;
    let is_unchanged = bytes == state.bytes
        && metadata.len() == state.bytes
        && metadata.modified()? == state.modified;
    if is_unchanged {
        Ok((
            encode_string(&sha256.finalize()),
            Fingerprint::Xxh3(xxh3.digest128()),
        ))
    } else {
        Err(SourceError::Changed)
    }
}

/// Returns the content of a file in chunks of [`CHUNK_BYTES`], of which the last may be shorter.
pub(super) fn chunks(file: File) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    iter::from_fn(move || {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        match (&file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(_) => Some(Ok(chunk)),
            Err(error) => Some(Err(error)),
        }
    })
}

/// A hash by which the read that sends a file recognizes the content that was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// The XXH3-128 of a file that this process hashed just now. It is about ten times as fast as
    /// SHA-256, and protects against accidental changes only, which is enough between the two reads.
    Xxh3(u128),
    /// The SHA-256, in lowercase hex, that the store remembers. The store has no other hash.
    Sha256(String),
}

/// The computation of a [`Fingerprint`].
pub(super) enum Hasher {
    Xxh3(Box<Xxh3>),
    Sha256(Sha256),
}

impl Fingerprint {
    /// Returns a hasher for a fingerprint of the same kind.
    pub(super) fn hasher(&self) -> Hasher {
        match self {
            Self::Xxh3(_) => Hasher::Xxh3(Box::default()),
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
        }
    }
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Xxh3(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    pub(super) fn fingerprint(self) -> Fingerprint {
        match self {
            Self::Xxh3(hash) => Fingerprint::Xxh3(hash.digest128()),
            Self::Sha256(hash) => Fingerprint::Sha256(encode_string(&hash.finalize())),
        }
    }
}

/// Returns the error for a blocking thread that ended without a result, which means a panic.
fn reader_died() -> io::Error {
    io::Error::other("the thread that reads the file ended unexpectedly")
}
