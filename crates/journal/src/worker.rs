//! The thread that owns the connection to the journal.
//!
//! SQLite blocks: a write waits for the disk, and for other processes that hold the file. So the
//! connection lives on a thread of its own, which carries out calls in the order in which they were
//! made, and the futures of the calls wait for its replies without blocking anything.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;
use wavespeed::{StoreError, StoreFuture};

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

/// The queue of calls. It is closed when the handle on the thread is dropped, however many copies of
/// it there are, so that none keeps the thread alive.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Mutex<Option<Sender<Call>>>>);

impl Calls {
    /// Makes a call after all calls before it. If the queue is closed, the call is dropped at once.
    pub(crate) fn push(&self, call: impl FnOnce(&mut Connection) + Send + 'static) {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = &*calls {
            // An error drops the call.
            _ = calls.send(Box::new(call));
        }
    }

    fn close(&self) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls = None;
    }
}

/// A handle on the thread. Dropping it waits until every call that was made is carried out.
pub(crate) struct Worker {
    calls: Calls,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(mut connection: Connection) -> io::Result<Self> {
        let (sender, calls) = channel::<Call>();
        let thread = Builder::new().name("wavespeed-journal".into());
        let thread = thread.spawn(move || {
            for call in calls {
                // A call that panics must not take the later ones with it. Its transaction is rolled
                // back, so the connection is still usable.
                _ = catch_unwind(AssertUnwindSafe(|| call(&mut connection)));
            }
        })?;
        Ok(Self {
            calls: Calls(Arc::new(Mutex::new(Some(sender)))),
            thread: Some(thread),
        })
    }

    pub(crate) fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Makes a call. It is carried out even if the returned future is dropped.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<T> {
        let (reply, result) = oneshot::channel();
        // A call that is dropped drops the reply, which the future reports.
        self.calls.push(move |connection| {
            // An error means that the future was dropped, so the result is not needed.
            _ = reply.send(work(connection));
        });
        Box::pin(async {
            let lost = || Err(StoreError::new("the thread of the journal has panicked"));
            result.await.unwrap_or_else(|_| lost())
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.calls.close();
        // An executor that runs tasks where they are woken may drop the last handle on the thread itself,
        // which cannot wait for its own end.
        let thread = self.thread.take();
        let thread = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = thread {
            // The thread catches the panics of calls, so there is no error to report.
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn worker() -> Worker {
        Worker::start(Connection::open_in_memory().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn calls_are_carried_out_in_order_even_if_their_futures_are_dropped() {
        let (worker, (sender, done)) = (worker(), mpsc::channel());
        for number in 0..100 {
            let sender = sender.clone();
            drop(worker.call(move |_| {
                sender.send(number).unwrap();
                Ok(())
            }));
        }
        drop((worker, sender));
        assert_eq!(Vec::from_iter(done), Vec::from_iter(0..100));
    }

    #[tokio::test]
    async fn call_that_panics_is_an_error_and_leaves_the_thread_running() {
        let worker = worker();
        let failed = worker.call(|_| -> Result<(), StoreError> { panic!("a bug") });
        assert!(failed.await.is_err());
        assert_eq!(worker.call(|_| Ok(7)).await.unwrap(), 7);
    }
}
