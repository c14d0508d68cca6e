//! Ctrl-C and SIGTERM: leaving without losing what was paid for.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::context::{Phase, SharedPhase};
use crate::document::Kind;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{Job, Report};
use crate::terminal;

/// How long a submit that is on its way may take to answer after the first signal.
const GRACE: Duration = Duration::from_secs(10);

/// The report of the work, or of the signal that ended it. A signal during a submit waits for the
/// answer, because the answer has the id; a second one does not.
pub(crate) async fn guard(
    phase: &SharedPhase,
    emulate: bool,
    work: impl Future<Output = Report>,
) -> Report {
    let mut work = pin!(work);
    let signal = match select(&mut work, pin!(signal())).await {
        Either::Left((report, _)) => return report,
        Either::Right((signal, _)) => signal,
    };
    if phase.get() == Phase::Submitting {
        terminal::note(
            "interrupted; waiting for the answer to the submit, as it has the id (once more leaves at once)",
        );
        let answered = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            while phase.get() == Phase::Submitting {
                tick.tick().await;
            }
        };
        let until = pin!(async {
            tokio::select! {
                () = answered => {}
                () = tokio::time::sleep(GRACE) => {}
                _ = self::signal() => {}
            }
        });
        if let Either::Left((report, _)) = select(&mut work, until).await {
            return report;
        }
    }
    interrupted(phase.get(), emulate, signal)
}

fn interrupted(phase: Phase, emulate: bool, exit: Exit) -> Report {
    let failure = |message: &str| Failure::new(exit, Kind::Interrupted, message);
    match phase {
        _ if emulate => Report::failed(failure("interrupted; emulated tasks end with this process")),
        Phase::Before => Report::failed(failure("interrupted; nothing was submitted")),
        Phase::Submitting => Report::failed(
            failure("interrupted while a submit was on its way: a task may have been created and billed")
                .hint("look at the recent predictions on the dashboard before you submit again"),
        ),
        Phase::Submitted(ids) => {
            let jobs = ids.iter().map(|id| {
                let failure = failure("interrupted; the task goes on").hint(format!("wait for it with: wave wait {id}"));
                Job::failed(Some(id), failure)
            });
            Report::jobs(jobs.collect())
        }
    }
}

#[cfg(unix)]
async fn signal() -> Exit {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => Exit::Interrupted,
        Some(()) = terminated => Exit::Terminated,
        else => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn signal() -> Exit {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Exit::Interrupted,
        Err(_) => std::future::pending().await,
    }
}
