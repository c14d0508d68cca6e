//! The expected cost of a schedule.

use std::time::Duration;

use crate::kernel::seconds;
use crate::schedule::PollContext;

/// The part of the jobs that may be left out of a mean: those that take longest.
const REST: f64 = 1e-4;

/// No mean is over more polls.
const POLLS: u32 = 10_000;

/// What a schedule is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScheduleCost {
    /// How often a job is asked about, on average.
    pub polls: f64,
    /// How long after its end that is noticed, on average.
    pub delay: Duration,
    /// How long it takes until then from the beginning, on average.
    pub noticed: Duration,
}

/// What a schedule costs, by its gaps and the part of the jobs that take longer than so many seconds.
pub(crate) fn expect(
    gap: impl Fn(PollContext) -> Duration,
    survival: impl Fn(f64) -> f64,
) -> ScheduleCost {
    let (mut time, mut left, mut polls) = (0.0, survival(0.0), 0.0);
    let (mut noticed, mut ended) = (0.0, 0.0);
    for made in 0..POLLS {
        if left < REST {
            break;
        }
        let gap = gap(PollContext::new(seconds(time), made));
        let next = time + gap.as_secs_f64();
        let (middle, then) = (survival(f64::midpoint(time, next)), survival(next));
        polls += left;
        noticed += left * (next - time);
        // What runs, over time: by Simpson's rule.
        ended += (left + 4.0 * middle + then) * (next - time) / 6.0;
        (time, left) = (next, then);
    }
    ScheduleCost {
        polls,
        delay: seconds((noticed - ended).max(0.0)),
        noticed: seconds(noticed),
    }
}
