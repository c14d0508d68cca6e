//! Ctrl-C, SIGTERM and SIGHUP. A signal ends the command with a report of its jobs; a submit in flight is given
//! time to answer first, because the answer has the id.

use std::future::{Future, pending};
#[cfg(unix)]
use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wavespeed::Next;

use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::report::Report;
use crate::output::shell;
use crate::output::terminal;
use crate::progress_state::SharedJobs;

/// The time that a submit in flight gets to answer after the first signal. It is limited because process
/// managers kill a process that does not end.
const GRACE: Duration = Duration::from_secs(10);

/// The time after which a wait for a submit in flight is announced. Without a submit in flight, the journal
/// needs a few milliseconds.
const NOTICE: Duration = Duration::from_millis(250);

/// The work that a signal ends.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Jobs of the vendor, which continue.
    Jobs,
    /// Jobs of an emulator in this process.
    EmulatedJobs,
    /// A server, which is stopped by a signal.
    Server,
}

/// Returns the report of the work, or of the signal that ended it. A signal during a submit waits for
/// the answer; a second signal does not.
pub(crate) async fn guard(
    jobs: &SharedJobs,
    kind: Work,
    work: impl Future<Output = Report>,
) -> Report {
    let mut signals = Signals::listen();
    let mut work = pin!(work);
    // The work comes first: a result that is ready wins over a signal.
    let signal = match select(&mut work, pin!(signals.next())).await {
        Either::Left((report, _)) => {
            // Work that was dropped on the way may have left a submit in flight, or a call of the journal.
            _ = tokio::time::timeout(GRACE, jobs.flush()).await;
            return report;
        }
        Either::Right((signal, _)) => signal,
    };
    // The work continues meanwhile, because the id of a resubmitted job is reported by it.
    let mut is_flushed = match select(&mut work, pin!(flush(jobs, &mut signals))).await {
        Either::Left((report, _)) => return report,
        Either::Right((is_flushed, _)) => is_flushed,
    };
    if is_flushed {
        // The work may have begun a submit just now. It is not polled any more, so no other begins.
        is_flushed = flush(jobs, &mut signals).await;
    }
    interrupted(jobs, kind, signal, is_flushed)
}

/// Waits until no submit is in flight, and returns `true`; or `false` if that takes too long, or another
/// signal comes.
async fn flush(jobs: &SharedJobs, signals: &mut Signals) -> bool {
    let mut flushed = pin!(jobs.flush());
    if let Ok(()) = tokio::time::timeout(NOTICE, &mut flushed).await {
        return true;
    }
    terminal::note(
        "interrupted; waiting for the answer to the submit, which has the id (a second signal \
         exits at once)",
    );
    tokio::select! {
        () = flushed => true,
        () = tokio::time::sleep(GRACE) => false,
        _ = signals.next() => false,
    }
}

/// Returns the report of an interrupted command.
fn interrupted(jobs: &SharedJobs, work: Work, kind: Kind, is_flushed: bool) -> Report {
    let failure = |message: &str| Failure::new(kind, message);
    if let Work::Server = work {
        return Report::Stopped(Exit::from(kind));
    }
    if !is_flushed {
        let message =
            "interrupted while a submit was in flight: the job may have been created and billed";
        return Report::failed(failure(message).hint(
            "do not submit again; look for the job with: wave resume, or on the vendor's dashboard",
        ));
    }
    let reports = jobs.take(|report: JobReport| {
        let failure = match (&report.document.id, &report.if_unknown) {
            (Some(_), _) if matches!(work, Work::EmulatedJobs) => {
                // The emulator ends with this process, so there is nothing to resume.
                failure("interrupted; emulated jobs end with this process")
            }
            (Some(id), _) if report.is_unverified() => failure(&format!(
                "interrupted; it is not known whether the vendor has a job with the id {id}"
            ))
            .hint(format!("look for it with: wave show {}", shell::id(id))),
            (Some(id), _) => failure("interrupted").next(Next::Wait(id.clone())),
            (None, Some(next)) => Failure {
                kind,
                ..Failure::unknown(
                    "interrupted before the outcome of the submit was known: the job may have \
                     been created and billed",
                    next.clone(),
                )
            },
            (None, None) => failure("interrupted; nothing was submitted"),
        };
        report.fail(failure)
    });
    match reports.is_empty() {
        true => Report::failed(failure("interrupted; nothing was submitted")),
        false => Report::jobs(reports),
    }
}

/// The signals of this process, in the order of their arrival, as kinds of failures.
struct Signals(UnboundedReceiver<Kind>);

impl Signals {
    /// Starts to listen. Must be called within a runtime.
    fn listen() -> Self {
        let (sender, receiver) = unbounded_channel();
        listen(&sender);
        Self(receiver)
    }

    /// Returns the next signal. Never returns if the operating system reports none.
    async fn next(&mut self) -> Kind {
        match self.0.recv().await {
            Some(signal) => signal,
            None => pending().await,
        }
    }
}

#[cfg(unix)]
fn listen(sender: &UnboundedSender<Kind>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut kinds = vec![
        (SignalKind::interrupt(), Kind::Interrupted),
        (SignalKind::terminate(), Kind::Terminated),
    ];
    // A command that nohup started continues when the terminal is closed.
    if !ignores_hangup() {
        kinds.push((SignalKind::hangup(), Kind::HungUp));
    }
    for (kind, name) in kinds {
        // The handler is registered here, and not in the task, so that no signal is missed.
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(name).is_ok() {}
        });
    }
}

/// Returns `true` if this process was started with SIGHUP ignored, as by nohup.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    match ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) {
        // The lowest bit is that of signal 1, which is SIGHUP.
        Some(mask) => mask & 1 == 1,
        // Other systems do not say so. nohup redirects what would be a terminal.
        None => !stdin().is_terminal() && !stdout().is_terminal() && !stderr().is_terminal(),
    }
}

#[cfg(not(unix))]
fn listen(sender: &UnboundedSender<Kind>) {
    let sender = sender.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && sender.send(Kind::Interrupted).is_ok() {}
    });
}
