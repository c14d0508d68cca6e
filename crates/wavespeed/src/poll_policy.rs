//! How often the jobs of a model are polled: the policy, and the schedules that follow from it and from how long jobs of the model took.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use wavespeed_poll::{CostModel, Durations, HazardSchedule, LogNormal};

use crate::store::record::JobDuration;

/// What the vendor's guide asks for between two polls: of a video, and of an image. It says nothing
/// of sound, which takes no longer than an image.
const VIDEO: Duration = Duration::from_secs(5);

const OTHER: Duration = Duration::from_secs(2);

/// The longest gap, in mean gaps: what a wrong guess costs at most.
const LONGEST: u32 = 3;

/// While fewer tasks than this were seen lately, no gap is longer than the time that has passed: what is
/// expected of a model that nobody has seen may be wrong by any factor.
const FEW: f64 = 9.0;

const SHARE: f64 = 1.0;

/// A duration counts half of what it did after so much time, or so many newer ones: the vendor's
/// hardware changes, and so does what people ask of it.
const HALF_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const HALF_COUNT: f64 = 64.0;

/// Nine tenths of a log-normal distribution lie below so many sigmas.
const NINE_TENTHS: f64 = 1.2816;

/// How much is asked for how little delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollPolicy {
    /// The shortest time between two polls of a task; 1 s unless set, as the vendor's own clients
    /// have it.
    pub floor: Option<Duration>,
    /// The mean time between two polls of a task. Unless set, what the vendor's guide asks for: 5 s
    /// for videos and for models nobody knows, 2 s for everything else. Less of it is less delay, for more polls.
    pub mean_gap: Option<Duration>,
}

impl PollPolicy {
    pub(crate) fn schedule(self, durations: &Durations, model: &str) -> HazardSchedule {
        let kind = crate::model(model).map_or("", |model| model.kind);
        let gap = self.mean_gap.unwrap_or_else(|| vendor_interval(kind));
        let floor = self.floor.unwrap_or(Duration::from_secs(1));
        let schedule = HazardSchedule::new(durations, CostModel::MeanGap(gap))
            .between(floor, gap.saturating_mul(LONGEST));
        match durations.weight() < FEW {
            true => schedule.within(SHARE),
            false => schedule,
        }
    }
}

/// What is known of the models of an account.
#[derive(Debug, Default)]
pub(crate) struct ScheduleCache(Mutex<HashMap<String, ModelSchedule>>);

#[derive(Clone, Debug)]
pub(crate) struct ModelSchedule {
    pub(crate) durations: Arc<Durations>,
    pub(crate) schedule: Arc<HazardSchedule>,
    /// How many durations there have been since.
    pub(crate) news: usize,
}

impl ScheduleCache {
    pub(crate) fn all(&self) -> MutexGuard<'_, HashMap<String, ModelSchedule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the vendor's guide asks for, by what a model makes.
fn vendor_interval(kind: &str) -> Duration {
    match kind.is_empty() || kind.contains("video") {
        true => VIDEO,
        false => OTHER,
    }
}

/// What is published of a model.
pub(crate) fn published_durations(model: &str) -> Option<LogNormal> {
    let (from, to) = crate::model(model)?.seconds?;
    let (from, to) = (f64::from(from), f64::from(to));
    Some(LogNormal {
        median: Duration::from_secs_f64((from * to).sqrt()),
        sigma: (to / from).ln() / (2.0 * NINE_TENTHS),
    })
}

/// Durations, and how much each of them counts: those of long ago, and those after which there were
/// many, count less.
pub(crate) fn weighted(seen: &[JobDuration], now: SystemTime) -> Vec<(Duration, f64)> {
    let count = seen.len();
    let weight = |at: usize, took: &JobDuration| {
        let age = now.duration_since(took.at).unwrap_or_default();
        let halvings = age.as_secs_f64() / HALF_LIFE.as_secs_f64();
        (-halvings - (count - 1 - at) as f64 / HALF_COUNT).exp2()
    };
    let weighted = seen.iter().enumerate();
    weighted
        .map(|(at, took)| (took.duration, weight(at, took)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_is_that_of_what_is_made() {
        for (kind, seconds) in [
            ("text-to-image", 2),
            ("image-to-image", 2),
            ("image-to-video", 5),
            ("text-to-audio", 2),
            ("", 5),
        ] {
            assert_eq!(
                vendor_interval(kind),
                Duration::from_secs(seconds),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_is_old_counts_less() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let took = |seconds: u64, age: Duration| {
            let id = "pred_1".parse().unwrap();
            JobDuration::new(id, "a/b", Duration::from_secs(seconds), now - age)
        };
        let weights = |seen: &[JobDuration]| -> Vec<f64> {
            weighted(seen, now)
                .into_iter()
                .map(|(_, weight)| weight)
                .collect()
        };
        assert_eq!(weights(&[took(1, HALF_LIFE)]), [0.5]);
        // A clock that was set back.
        let mut ahead = took(1, Duration::ZERO);
        ahead.at += HALF_LIFE;
        assert_eq!(weights(&[ahead]), [1.0]);
        let many: Vec<JobDuration> = (0..128).map(|n| took(n, Duration::ZERO)).collect();
        let many = weights(&many);
        assert_eq!((many[127], many[63]), (1.0, 0.5));
        // Hardware that is twice as fast is believed in after some dozens of tasks.
        let seen: Vec<JobDuration> = (0..128)
            .map(|n| took(if n < 96 { 60 } else { 30 }, Duration::ZERO))
            .collect();
        let durations = Durations::default().with_seen(weighted(&seen, now));
        let late = durations.survival(Duration::from_secs(45));
        assert!((0.4..0.65).contains(&late), "{late}");
    }

    #[test]
    fn what_is_published_is_the_middle_of_what_is_expected() {
        let expected = published_durations("kwaivgi/kling-lipsync/text-to-video").unwrap();
        let durations = Durations::new(expected);
        let within = |seconds| 1.0 - durations.survival(Duration::from_secs(seconds));
        assert!((within(60) - 0.1).abs() < 0.01 && (within(1_200) - 0.9).abs() < 0.01);
        assert!(published_durations("nobody/knows").is_none());
    }
}
