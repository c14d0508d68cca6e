//! Hashes of a file: its identity, and the fingerprint by which it is recognised when it is read again.

use std::fs::File;
use std::io::Read as _;
use std::{io, iter};

use base16ct::lower::encode_string;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use xxhash_rust::xxh3::Xxh3;

use crate::store::upload::FileState;
use crate::upload::error::SourceError;
use crate::upload::options::ProgressReporter;

/// How much is read at once.
pub(super) const PIECE: usize = 256 << 10;

/// How many pieces may be read ahead.
pub(super) const AHEAD: usize = 4;

/// The SHA-256 of a file, which must be in this state from beginning to end, and its print.
pub(super) async fn hash(
    state: FileState,
    progress: ProgressReporter,
) -> Result<(String, Fingerprint), SourceError> {
    let (done, hashed) = oneshot::channel();
    spawn_blocking(move || {
        let is_wanted = |done: &oneshot::Sender<_>| !done.is_closed();
        let hashes = hash_while(&state, &progress, || is_wanted(&done));
        // Nobody waits for it if the upload was dropped.
        _ = done.send(hashes);
    });
    hashed.await.map_err(|_| lost())?
}

fn hash_while(
    state: &FileState,
    progress: &ProgressReporter,
    wanted: impl Fn() -> bool,
) -> Result<(String, Fingerprint), SourceError> {
    let file = File::open(&state.path)?;
    let (mut hash, mut hasher) = (Sha256::new(), Xxh3::new());
    let mut bytes = 0;
    for piece in pieces(file.try_clone()?).take_while(|_| wanted()) {
        let piece = piece?;
        hash.update(&piece);
        hasher.update(&piece);
        bytes += piece.len() as u64;
        progress.at(bytes);
    }
    let about = file.metadata()?;
    let same =
        bytes == state.bytes && about.len() == state.bytes && about.modified()? == state.modified;
    if same {
        Ok((
            encode_string(&hash.finalize()),
            Fingerprint::Xxh3(hasher.digest128()),
        ))
    } else {
        Err(SourceError::Changed)
    }
}

/// The content of a file, piece by piece.
pub(super) fn pieces(file: File) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE);
        match (&file).take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece)),
            Err(error) => Some(Err(error)),
        }
    })
}

/// By what a file is recognised when it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// Of a file that was read just now: what happens to it in between is an accident, and this is
    /// ten times as quick.
    Xxh3(u128),
    /// As it was remembered, from another time.
    Sha256(String),
}

/// What makes a print of the bytes it is given.
pub(super) enum Hasher {
    Xxh3(Box<Xxh3>),
    Sha256(Sha256),
}

impl Fingerprint {
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

pub(super) fn lost() -> io::Error {
    io::Error::other("the thread that read it has ended")
}
