//! The expected cost of a schedule: its polls per job and its delay.

use std::time::Duration;

use crate::kernel::duration;
use crate::schedule::PollContext;

/// The fraction of the jobs that the means leave out: those that take longest.
pub(crate) const IGNORED_TAIL: f64 = 1e-4;

/// The number of polls after which the sums end, so that a schedule with tiny gaps takes bounded
/// time.
pub(crate) const MAX_POLLS: u32 = 10_000;

/// The expected cost of a schedule for one job.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScheduleCost {
    /// The mean number of polls.
    pub polls: f64,
    /// The mean time from the end of a job to the poll that notices the end.
    pub delay: Duration,
    /// The mean time from the start of a job to the poll that notices its end.
    pub noticed: Duration,
}

/// Computes the cost of a schedule from its gaps and from the survival function of the jobs: the
/// fraction of the jobs that take longer than a time in seconds.
///
/// Let poll `k` be made at the time `t(k)`, and `S` be the survival function. Poll `k + 1` is made
/// with the probability `S(t(k))`: that the job was still running at poll `k`. Therefore
///
/// - the mean number of polls is the sum of `S(t(k))`,
/// - the mean time of the last poll is the sum of `S(t(k)) * (t(k + 1) - t(k))`,
/// - the mean duration of a job is the integral of `S`,
///
/// and the mean delay is the difference of the last two.
pub(crate) fn schedule_cost(
    gap: impl Fn(PollContext) -> Duration,
    survival: impl Fn(f64) -> f64,
) -> ScheduleCost {
    let (mut time, mut running, mut polls) = (0.0, survival(0.0), 0.0);
    let (mut noticed, mut ended) = (0.0, 0.0);
    for made in 0..MAX_POLLS {
        if running < IGNORED_TAIL {
            break;
        }
        let gap = gap(PollContext::new(duration(time), made));
        let next = time + gap.as_secs_f64();
        let middle = survival(f64::midpoint(time, next));
        let running_next = survival(next);
        polls += running;
        noticed += running * (next - time);
        // Simpson's rule, because by the trapezoidal rule the delay would be half a gap for every
        // job, wherever within the gap the jobs tend to end.
        ended += (running + 4.0 * middle + running_next) * (next - time) / 6.0;
        (time, running) = (next, running_next);
    }
    ScheduleCost {
        polls,
        // Rounding may make the difference of very short gaps negative.
        delay: duration((noticed - ended).max(0.0)),
        noticed: duration(noticed),
    }
}
