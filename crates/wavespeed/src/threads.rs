//! Work that blocks: reading files, flushing them to disk, and looking up names.
//!
//! `tokio::task::spawn_blocking` panics if the system starts no further thread, which a limit of processes
//! (`ulimit -u`, or that of a container) may cause at any time. A panic after a paid submit would end the wait
//! for its outputs. Here, it is an error. The threads are still those of the runtime, which waits for
//! them when it is dropped.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::task::{JoinHandle, spawn_blocking};

/// Starts work on a thread of the runtime. It is done even if the handle is dropped.
///
/// # Errors
/// Returns an error if the system starts no thread.
pub(crate) fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let refused = |error: io::Error| {
        let message = format!(
            "no thread can be started ({error}); allow more processes and threads for this user or \
             container"
        );
        io::Error::new(error.kind(), message)
    };
    // A panic cannot be caught without its message on stderr, so a thread that does nothing is tried first.
    // It ends before the other one begins, so that one thread is enough.
    let trial = Builder::new().spawn(|| ()).map_err(refused)?;
    _ = trial.join();
    // Another process may have taken the last thread in between.
    let started = catch_unwind(AssertUnwindSafe(|| spawn_blocking(work)));
    started.map_err(|_| refused(io::ErrorKind::WouldBlock.into()))
}

/// Runs work on a thread of the runtime, and returns its result.
///
/// # Errors
/// Returns an error if the system starts no thread, or if the work panics.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    start(work)?.await.map_err(io::Error::other)
}

/// Runs work on a thread of the runtime, or else on this one: an output that was paid for is worth blocking
/// the runtime for the time of a flush to disk.
///
/// # Errors
/// Returns an error if the work panics on its thread.
pub(crate) async fn run_anyway<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    // A thread that is not started drops what it was given, so the work is left here until it is begun.
    let shared = Arc::new(Mutex::new(Some(work)));
    let begun = Arc::clone(&shared);
    let take = |work: &Mutex<Option<_>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = run(move || take(&begun).map(|work| work())).await;
    match (result, take(&shared)) {
        (Err(error), Some(work)) => {
            tracing::warn!(%error, "a blocking call is made on the thread of the runtime");
            Ok(work())
        }
        (Ok(Some(result)), _) => Ok(result),
        (Ok(None), _) => Err(io::Error::other("the work was begun twice")),
        (Err(error), None) => Err(error),
    }
}

/// The name look-ups of the system.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let looked_up = run(move || {
                // The connection sets the port.
                let found = (name.as_str(), 0).to_socket_addrs();
                found.map(Iterator::collect::<Vec<SocketAddr>>)
            });
            let found = looked_up.await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_on_another_thread_and_its_panic_is_an_error() {
        let here = std::thread::current().id();
        for thread in [
            run(|| std::thread::current().id()).await.unwrap(),
            run_anyway(|| std::thread::current().id()).await.unwrap(),
        ] {
            assert_ne!(thread, here);
        }
        assert!(run(|| panic!("a bug")).await.is_err());
        assert!(run_anyway(|| panic!("a bug")).await.is_err());
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let name: Name = "localhost".parse().unwrap();
        let found = SystemResolver.resolve(name).await.unwrap();
        let found: Vec<_> = found.collect();
        assert!(!found.is_empty());
        assert!(found.iter().all(|address| address.ip().is_loopback()));
    }
}
