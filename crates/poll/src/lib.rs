//! When to ask again, and waiting for an end.
//!
//! A remote job of unknown length is asked about until it has ended. This crate decides *when* to
//! ask ([`Schedule`]), *which errors end the waiting* ([`OnError`]) and *until when* it goes on
//! ([`Deadline`]), and gives every answer to whoever watches as a stream ([`Poller::watch`]). What
//! asking means is a closure: there is neither HTTP nor a vendor in here.
//!
//! Not all errors mean that the job failed. An error of a poll says that nothing was learned, and
//! the waiting goes on unless the closure's verdict says that waiting cannot mend it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use futures_util::StreamExt as _;
//! use wavespeed_poll::{Deadline, FirstPoll, PollError, Poller, Reply, Update};
//!
//! let mut asked = 0;
//! let ask = || {
//!     asked += 1;
//!     let reply = if asked < 3 { Reply::Pending("working") } else { Reply::Done("there it is") };
//!     async move { Ok::<_, PollError<&str>>(reply) }
//! };
//! let states = Poller::default().watch(Deadline::never(), FirstPoll::AfterGap, ask);
//! let last = std::pin::pin!(states).map(Result::unwrap).fold(None, async |_, state| Some(state)).await;
//! assert!(matches!(last, Some(Update::Done("there it is"))));
//! # }
//! ```
//!
//! [`HazardSchedule`] is a schedule that knows how long such jobs took before: it asks where they tend to
//! end, and so more seldom than a fixed interval that notices an end as soon.
//!
//! Time and random numbers come from outside ([`Clock`], [`Poller::with_random`]), so that nothing
//! that waits needs real time to be tested.

mod clock;
mod cost;
mod deadline;
mod durations;
mod hazard;
mod kernel;
mod limits;
mod poller;
mod schedule;
mod state;
mod update;
mod waiter;
mod watch;

pub use clock::{Clock, ManualClock, Sleep, TokioClock};
pub use cost::ScheduleCost;
pub use deadline::Deadline;
pub use durations::{Durations, Estimate};
pub use hazard::{CostModel, HazardSchedule};
pub use kernel::LogNormal;
pub use limits::RateLimits;
pub use poller::Poller;
pub use schedule::{Fixed, Geometric, PollContext, Schedule};
pub use update::{FirstPoll, OnError, PollError, Reply, Update, WaitError};
pub use waiter::Entry;
