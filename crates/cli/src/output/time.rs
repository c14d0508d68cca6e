//! Durations in words.

use std::time::Duration;

use wavespeed::poll::Estimate;

/// Formats the elapsed and the expected time of a job: `34 s of about 1 min 10 s, likely done in 20–45 s`.
pub(crate) fn progress(estimate: Estimate) -> String {
    // An estimate is shown no finer than it is known.
    let grain = |seconds: u64| match seconds {
        0..10 => 1,
        10..60 => 5,
        60..600 => 60,
        600..3_600 => 300,
        _ => 1_800,
    };
    let up = |time: Duration| {
        let seconds = time.as_secs_f64().ceil().max(1.0) as u64;
        seconds.next_multiple_of(grain(seconds))
    };
    let soonest = estimate.soonest.as_secs();
    let from = soonest - soonest % grain(soonest);
    let to = up(estimate.latest);
    let rest = match (from, to) {
        (0, to) => format!("within {}", clock(to)),
        (from, to) if from == to => format!("in {}", clock(to)),
        (from, to) if from < 60 && to >= 60 => format!("in {} to {}", clock(from), clock(to)),
        (from, to) if from < 60 => format!("in {from}–{}", clock(to)),
        (from, to) => format!("in {}–{}", from / 60, clock(to)),
    };
    let elapsed = estimate.elapsed.as_secs();
    let whole = estimate.elapsed + estimate.expected;
    let whole = match whole.as_secs() {
        60..600 => whole.as_secs().next_multiple_of(10),
        _ => up(whole),
    };
    format!(
        "{} of about {}, likely done {rest}",
        clock(elapsed),
        clock(whole)
    )
}

/// Formats whole seconds, with minutes above 59 seconds: `1 min 05 s`.
fn clock(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (minutes, 0) if minutes > 0 => format!("{minutes} min"),
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

/// Formats a duration in seconds, the coarser the longer it is: `4.5 s`, `1 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..3_600 => clock(whole),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// Formats the length of a wait in whole seconds, at least one: `7 s`, `1 min 05 s`.
pub(crate) fn wait(wait: Duration) -> String {
    clock(wait.as_secs_f64().round().max(1.0) as u64)
}

/// Formats the time from a submit to the creation of a job, in seconds: `3 s after the submit`.
pub(crate) fn distance(seconds: i64) -> String {
    let length = match seconds.unsigned_abs() {
        0 => return "at the submit".to_owned(),
        near @ ..3_600 => clock(near),
        far => duration(far as f64),
    };
    let side = if seconds < 0 { "before" } else { "after" };
    format!("{length} {side} the submit")
}

#[cfg(test)]
mod tests {
    use wavespeed::poll::{Durations, LogNormal};

    use super::*;

    #[test]
    fn distance_has_a_side() {
        for (seconds, expected) in [
            (0, "at the submit"),
            (3, "3 s after the submit"),
            (-65, "1 min 05 s before the submit"),
            (7_265, "2 h 01 min after the submit"),
        ] {
            assert_eq!(distance(seconds), expected);
        }
    }

    #[test]
    fn estimate_is_shown_no_finer_than_it_is_known() {
        let shown = |median: f64, sigma: f64, elapsed: u64| {
            let median = Duration::from_secs_f64(median);
            let durations = Durations::new(LogNormal { median, sigma });
            progress(durations.estimate(Duration::from_secs(elapsed)))
        };
        for (median, sigma, elapsed, expected) in [
            (2.0, 0.3, 0, "0 s of about 2 s, likely done in 1–3 s"),
            (30.0, 0.3, 0, "0 s of about 30 s, likely done in 20–45 s"),
            (60.0, 0.2, 34, "34 s of about 1 min, likely done in 10–45 s"),
            (
                60.0,
                0.4,
                34,
                "34 s of about 1 min 10 s, likely done in 6 s to 2 min",
            ),
            // The job takes longer than most.
            (
                60.0,
                0.4,
                150,
                "2 min 30 s of about 2 min 50 s, likely done in 2–55 s",
            ),
            (
                270.0,
                1.2,
                5,
                "5 s of about 4 min 30 s, likely done in 50 s to 25 min",
            ),
            (
                270.0,
                1.2,
                700,
                "11 min 40 s of about 25 min, likely done in 1–40 min",
            ),
            (
                7_200.0,
                0.3,
                3_000,
                "50 min of about 150 min, likely done in 30–150 min",
            ),
        ] {
            assert_eq!(shown(median, sigma, elapsed), expected);
        }
    }
}
