//! Ctrl-C and SIGTERM: leaving without losing what was paid for.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::{Failure, go_on};
use crate::output::report::{Job, Report};
use crate::output::terminal;
use crate::progress_state::SharedJobs;

/// How long a submit that is on its way may take to answer after the first signal.
const GRACE: Duration = Duration::from_secs(10);

const LOST: &str = "interrupted before it was known what came of the submit: a task may have been \
                    created and billed";

/// Whom the signal ends the work for.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Tasks of the vendor, which go on.
    Tasks,
    /// Tasks of an emulator in this process.
    Emulated,
    /// The emulator as a command, which a signal is the way to stop.
    Server,
}

/// The report of the work, or of the signal that ended it. A signal during a submit waits for the
/// answer, because the answer has the id; a second one does not.
pub(crate) async fn guard(
    shared_jobs: &SharedJobs,
    kind: Work,
    work: impl Future<Output = Report>,
) -> Report {
    let mut work = pin!(work);
    let signal = match select(&mut work, pin!(signal())).await {
        Either::Left((report, _)) => return report,
        Either::Right((signal, _)) => signal,
    };
    if shared_jobs.is_submitting() {
        terminal::note(
            "interrupted; waiting for the answer to the submit, which has the id (once more leaves at once)",
        );
        let until = pin!(async {
            tokio::select! {
                () = answered(shared_jobs) => {}
                () = tokio::time::sleep(GRACE) => {}
                _ = self::signal() => {}
            }
        });
        if let Either::Left((report, _)) = select(&mut work, until).await {
            return report;
        }
    }
    interrupted(shared_jobs, kind, signal)
}

async fn answered(shared_jobs: &SharedJobs) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while shared_jobs.is_submitting() {
        tick.tick().await;
    }
}

fn interrupted(shared_jobs: &SharedJobs, kind: Work, exit: Exit) -> Report {
    let failure = |message: &str| Failure::new(exit, Kind::Interrupted, message);
    if let Work::Server = kind {
        return Report::Stopped(exit);
    }
    if shared_jobs.is_submitting() {
        return Report::failed(
            failure(
                "interrupted while a submit was on its way: a task may have been created and billed",
            )
            .hint("do not submit again; look for it in the vendor's history with: wave resume"),
        );
    }
    let jobs = shared_jobs.take(|job: Job| match job.id() {
        Some(_) if matches!(kind, Work::Emulated) => {
            job.fail(failure("interrupted; emulated tasks end with this process"))
        }
        Some(id) => job.fail(failure("interrupted; the task goes on").hint(go_on(&id))),
        None => match job.lost.clone() {
            Some(hint) => job.fail(failure(LOST).hint(hint)),
            None => job.fail(failure("interrupted; nothing was submitted")),
        },
    });
    match jobs.is_empty() {
        true => Report::failed(failure("interrupted; nothing was submitted")),
        false => Report::jobs(jobs),
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
