//! A file that is to be uploaded: what it is, and its bytes as a stream. Reading, hashing and sending
//! go on side by side, each in a thread of its own.
//!
//! The last piece is not given away before the print of all is known: of a file that has changed,
//! the storage never gets the whole, so that nothing but what was hashed can be found there.

use std::fs::File;
use std::io::{self, Read as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{Stream, poll_fn};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use xxhash_rust::xxh3::Xxh3;

use crate::upload::{UploadProgress, UploadStep, UploadWatcher};
use crate::{Content, FileState};

/// How much is read at once.
const PIECE: usize = 256 << 10;
/// How many pieces may be read ahead.
const AHEAD: usize = 4;

/// What went wrong with the file itself.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    Changed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

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
    print: Print,
    pub(crate) watcher: Option<UploadWatcher>,
}

/// How far a stream has come, seen from outside.
#[derive(Debug)]
pub(crate) struct Traffic {
    left: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

impl Traffic {
    /// How many bytes have not been taken yet.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// What was wrong with the file, if that ended the stream.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take()
    }

    fn set_fault(&self, fault: Fault) {
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

impl Source {
    /// A file in this state, the hash of which may be known. If it is not, it is read once.
    pub(crate) async fn new(
        path: &Path,
        state: FileState,
        known: Option<String>,
        watcher: Option<&UploadWatcher>,
    ) -> Result<Self, Fault> {
        let (remembered, bytes) = (known.is_some(), state.bytes);
        let settled = state.is_settled(SystemTime::now());
        let meter = Meter::new(path, UploadStep::Hashing, bytes, watcher);
        let (sha256, print) = match known {
            Some(sha256) => (sha256.clone(), Print::Sha256(sha256)),
            None => hash(state.clone(), meter).await?,
        };
        let extension = path.extension().unwrap_or_default();
        let extension = extension.to_string_lossy().to_lowercase();
        Ok(Self {
            path: path.to_owned(),
            bytes,
            content: Content::new(sha256, extension),
            state: Some(state).filter(|_| settled),
            remembered,
            print,
            watcher: watcher.cloned(),
        })
    }

    /// The bytes, once.
    pub(crate) fn stream(
        &self,
    ) -> (
        impl Stream<Item = io::Result<Bytes>> + Send + use<>,
        Arc<Traffic>,
    ) {
        let (pieces, mut taken) = mpsc::channel(AHEAD);
        let traffic = Arc::new(Traffic {
            left: AtomicU64::new(self.bytes),
            fault: Mutex::default(),
        });
        let (path, print, bytes) = (self.path.clone(), self.print.clone(), self.bytes);
        let reported = Arc::clone(&traffic);
        spawn_blocking(move || {
            let send = |piece| pieces.blocking_send(Ok(piece)).is_ok();
            if let Err(fault) = feed(&path, bytes, &print, send) {
                reported.set_fault(fault);
                // Nobody waits for it if the upload is over.
                _ = pieces.blocking_send(Err(io::Error::other("the file could not be read")));
            }
        });
        let meter = Meter::new(
            &self.path,
            UploadStep::Sending,
            bytes,
            self.watcher.as_ref(),
        );
        let counted = Arc::clone(&traffic);
        let stream = poll_fn(move |context| {
            let next = taken.poll_recv(context);
            if let std::task::Poll::Ready(Some(Ok(piece))) = &next {
                let length = Bytes::len(piece) as u64;
                let before = counted.left.fetch_sub(length, Ordering::Relaxed);
                meter.at(bytes - (before - length));
            }
            next
        });
        (stream, traffic)
    }
}

/// Tells whoever watches.
struct Meter {
    path: PathBuf,
    step: UploadStep,
    total: u64,
    watcher: Option<UploadWatcher>,
}

impl Meter {
    fn new(path: &Path, step: UploadStep, total: u64, watcher: Option<&UploadWatcher>) -> Self {
        Self {
            path: path.to_owned(),
            step,
            total,
            watcher: watcher.cloned(),
        }
    }

    fn at(&self, done: u64) {
        if let Some(watcher) = &self.watcher {
            watcher(UploadProgress {
                path: &self.path,
                step: self.step,
                done,
                total: self.total,
            });
        }
    }
}

/// The content of a file, piece by piece.
fn pieces(file: File) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE);
        match (&file).take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece)),
            Err(error) => Some(Err(error)),
        }
    })
}

/// The SHA-256 of a file, which must be in this state from beginning to end, and its print.
async fn hash(state: FileState, meter: Meter) -> Result<(String, Print), Fault> {
    let (done, hashed) = oneshot::channel();
    spawn_blocking(move || {
        let is_wanted = |done: &oneshot::Sender<_>| !done.is_closed();
        let hashes = hash_while(&state, &meter, || is_wanted(&done));
        // Nobody waits for it if the upload was dropped.
        _ = done.send(hashes);
    });
    hashed.await.map_err(|_| lost())?
}

fn hash_while(
    state: &FileState,
    meter: &Meter,
    wanted: impl Fn() -> bool,
) -> Result<(String, Print), Fault> {
    let file = File::open(&state.path)?;
    let (mut hash, mut press) = (Sha256::new(), Xxh3::new());
    let mut bytes = 0;
    for piece in pieces(file.try_clone()?).take_while(|_| wanted()) {
        let piece = piece?;
        hash.update(&piece);
        press.update(&piece);
        bytes += piece.len() as u64;
        meter.at(bytes);
    }
    let about = file.metadata()?;
    let same =
        bytes == state.bytes && about.len() == state.bytes && about.modified()? == state.modified;
    if same {
        Ok((hex(hash), Print::Xxh3(press.digest128())))
    } else {
        Err(Fault::Changed)
    }
}

/// Reads a file that should have this length and this print. `send` says whether the rest is wanted.
fn feed(path: &Path, bytes: u64, print: &Print, send: impl Fn(Bytes) -> bool) -> Result<(), Fault> {
    let (mut press, mut left, mut held) = (print.press(), bytes, Bytes::new());
    for piece in pieces(File::open(path)?) {
        let piece = Bytes::from(piece?);
        let rest = left.checked_sub(piece.len() as u64);
        left = rest.ok_or(Fault::Changed)?;
        press.update(&piece);
        let before = std::mem::replace(&mut held, piece);
        if !before.is_empty() && !send(before) {
            return Ok(());
        }
    }
    if left > 0 || press.print() != *print {
        return Err(Fault::Changed);
    }
    send(held);
    Ok(())
}

/// By what a file is recognised when it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Print {
    /// Of a file that was read just now: what happens to it in between is an accident, and this is
    /// ten times as quick.
    Xxh3(u128),
    /// As it was remembered, from another time.
    Sha256(String),
}

/// What makes a print of the bytes it is given.
enum Press {
    Xxh3(Box<Xxh3>),
    Sha256(Sha256),
}

impl Print {
    fn press(&self) -> Press {
        match self {
            Self::Xxh3(_) => Press::Xxh3(Box::default()),
            Self::Sha256(_) => Press::Sha256(Sha256::new()),
        }
    }
}

impl Press {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Xxh3(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    fn print(self) -> Print {
        match self {
            Self::Xxh3(hash) => Print::Xxh3(hash.digest128()),
            Self::Sha256(hash) => Print::Sha256(hex(hash)),
        }
    }
}

fn lost() -> io::Error {
    io::Error::other("the thread that read it has ended")
}

fn hex(hash: Sha256) -> String {
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What is given away of a file, and how it ends.
    fn fed(content: &[u8], bytes: usize, print: &Print) -> (usize, Result<(), Fault>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        std::fs::write(&path, content).unwrap();
        let given = Cell::new(0);
        let ended = feed(&path, bytes as u64, print, |piece| {
            given.set(given.get() + piece.len());
            true
        });
        (given.get(), ended)
    }

    /// The prints that a file can be recognised by.
    fn prints(content: &[u8]) -> [Print; 2] {
        [Print::Xxh3(0), Print::Sha256(String::new())].map(|print| {
            let mut press = print.press();
            press.update(content);
            press.print()
        })
    }

    #[test]
    fn what_was_hashed_is_given_away_whole() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let film = vec![7; length];
            for print in prints(&film) {
                let (given, ended) = fed(&film, length, &print);
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
            for print in prints(&film) {
                let (given, ended) = fed(changed, length, &print);
                assert!(matches!(ended, Err(Fault::Changed)), "{ended:?}");
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
        let ended = feed(&path, 4 * PIECE as u64, &Print::Xxh3(0), |_| {
            asked.set(asked.get() + 1);
            false
        });
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(asked.get(), 1);
    }
}
