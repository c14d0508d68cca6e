//! The runtime of a blocking client, on a thread of its own.

use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot::{self, Receiver, Sender};
use wavespeed_poll::Deadline;

use crate::blocking::error::BlockingError;
use crate::client::Wavespeed;

/// The time that the store may take to record the answer to a submit that was in flight when the last
/// handle was dropped. A disk or a database answers within a fraction of it.
const RECORDING: Duration = Duration::from_secs(10);

/// A current-thread runtime that its thread drives until the runtime is dropped.
#[derive(Debug)]
pub(super) struct Runtime {
    handle: Handle,
    /// Ends the thread when it is dropped.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    /// Starts the runtime for the calls of a client.
    pub(super) fn start(ws: Wavespeed) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("wavespeed".to_owned());
        let thread = thread.spawn(move || runtime.block_on(drive(ws, stopped)))?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Runs a call on this thread to its end. The thread of the runtime drives its connections and timers,
    /// and the tasks that it spawns.
    pub(super) fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BlockingError<E>> {
        if is_inside() {
            return Err(BlockingError::InsideRuntime);
        }
        self.handle.block_on(call).map_err(BlockingError::Call)
    }
}

/// Waits for what is in flight, so that no id of a paid job is lost.
impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop = None;
        // Waiting would stall the tasks of a runtime, or wait for this very thread. It ends by itself.
        if let Some(thread) = self.thread.take().filter(|_| !is_inside()) {
            // A thread that panicked has nothing left to wait for.
            _ = thread.join();
        }
    }
}

/// Returns `true` if this thread belongs to an async runtime.
pub(super) fn is_inside() -> bool {
    Handle::try_current().is_ok()
}

/// Drives the runtime until the last handle is dropped and nothing is in flight any more.
async fn drive(ws: Wavespeed, stopped: Receiver<()>) {
    // The sender sends nothing; it is dropped.
    _ = stopped.await;
    let time = ws.0.timeouts.submit.saturating_add(RECORDING);
    let deadline = Deadline::after(time, ws.0.poller.clock());
    if !ws.flush(deadline).await {
        tracing::error!("a submit may have been billed whose id is not recorded");
    }
}
