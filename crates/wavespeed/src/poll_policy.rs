//! The polling of the jobs of a model.
//!
//! A [`PollPolicy`] says how many polls the caller accepts for how little delay. The schedule of a
//! model follows from it and from the durations of earlier jobs. Schedules are cached per model in a
//! [`ScheduleCache`], since building one takes up to a millisecond.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use wavespeed_poll::{CostModel, Durations, HazardSchedule, LogNormal};

use crate::store::duration::JobDuration;

/// The intervals between polls that the vendor's guide (<https://wavespeed.ai/docs>) asks for: of
/// videos, and of images. The guide does not mention audio; audio is polled like images.
const VIDEO_INTERVAL: Duration = Duration::from_secs(5);
const OTHER_INTERVAL: Duration = Duration::from_secs(2);

/// The longest gap, as a multiple of the mean gap. It bounds what a wrong estimate costs.
const MAX_GAPS: u32 = 3;

/// The weight of recent observations below which an estimate is not trusted. No gap is then longer
/// than [`CAUTIOUS_SHARE`] of the job's age, since the expected duration of a model that was never
/// observed may be wrong by any factor.
const TRUSTED_WEIGHT: f64 = 9.0;
const CAUTIOUS_SHARE: f64 = 1.0;

/// Half-life of an observation's weight, in age and in newer observations: the vendor's hardware
/// changes, and so do the inputs that people send.
const HALF_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const HALF_LIFE_COUNT: f64 = 64.0;

/// The 90 % quantile of the standard normal distribution.
const QUANTILE_90: f64 = 1.2816;

/// The balance between the number of polls and the delay until an end is noticed.
///
/// ```
/// use std::time::Duration;
/// use wavespeed::{PollPolicy, Wavespeed};
///
/// let policy = PollPolicy::default().mean_gap(Duration::from_secs(10));
/// let builder = Wavespeed::builder().poll_policy(policy);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollPolicy {
    /// The shortest time between two polls of a job. The default is 1 s, the interval of the vendor's
    /// Python and JavaScript clients.
    pub floor: Option<Duration>,
    /// The mean time between two polls of a job. The default is what the vendor's guide asks for: 5 s
    /// for videos and for models that are not in the catalogue, 2 s for everything else. A shorter
    /// gap means more polls and less delay.
    pub mean_gap: Option<Duration>,
}

impl PollPolicy {
    /// Sets the shortest time between two polls of a job.
    #[must_use]
    pub fn floor(mut self, floor: Duration) -> Self {
        self.floor = Some(floor);
        self
    }

    /// Sets the mean time between two polls of a job.
    #[must_use]
    pub fn mean_gap(mut self, gap: Duration) -> Self {
        self.mean_gap = Some(gap);
        self
    }

    pub(crate) fn schedule(self, durations: &Durations, model: &str) -> HazardSchedule {
        // A model outside the catalogue has no kind and is polled like a video, the slowest one.
        let kind = wavespeed_client::model(model).map_or("", |model| model.kind);
        let gap = self.mean_gap.unwrap_or_else(|| vendor_interval(kind));
        let floor = self.floor.unwrap_or(Duration::from_secs(1));
        let schedule = HazardSchedule::new(durations, CostModel::MeanGap(gap))
            .with_gap_limits(floor, gap.saturating_mul(MAX_GAPS));
        if durations.weight() < TRUSTED_WEIGHT {
            schedule.with_max_share_of_age(CAUTIOUS_SHARE)
        } else {
            schedule
        }
    }
}

/// The schedules of the models of one account.
#[derive(Debug, Default)]
pub(crate) struct ScheduleCache(Mutex<HashMap<String, ModelSchedule>>);

/// The schedule of a model, and the durations it was built from.
#[derive(Clone, Debug)]
pub(crate) struct ModelSchedule {
    pub(crate) durations: Arc<Durations>,
    pub(crate) schedule: Arc<HazardSchedule>,
    /// The number of observations since the schedule was built.
    pub(crate) newer: usize,
}

impl ModelSchedule {
    /// Returns `true` if enough was observed since the schedule was built that a new one would differ
    /// noticeably: a quarter of what it was built from.
    fn is_stale(&self) -> bool {
        self.newer > self.durations.count() / 4
    }
}

impl ScheduleCache {
    /// Returns the schedule of a model, unless there is none or it is stale.
    pub(crate) fn get(&self, model: &str) -> Option<ModelSchedule> {
        let schedules = self.lock();
        let cached = schedules.get(model);
        cached.filter(|cached| !cached.is_stale()).cloned()
    }

    pub(crate) fn insert(&self, model: &str, schedule: ModelSchedule) {
        self.lock().insert(model.to_owned(), schedule);
    }

    /// Counts an observation that the schedule of a model does not include.
    pub(crate) fn count_newer(&self, model: &str) {
        if let Some(schedule) = self.lock().get_mut(model) {
            schedule.newer += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ModelSchedule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the poll interval that the vendor's guide asks for, by the kind of the model.
fn vendor_interval(kind: &str) -> Duration {
    if kind.is_empty() || kind.contains("video") {
        VIDEO_INTERVAL
    } else {
        OTHER_INTERVAL
    }
}

/// Returns the distribution of durations that is published for a model. The published range holds the
/// middle 80 % of all jobs.
pub(crate) fn published_durations(model: &str) -> Option<LogNormal> {
    let (from, to) = wavespeed_client::model(model)?.seconds?;
    // Durations are products of many small causes, so they are taken to be log-normal: the median is
    // then the geometric mean of two symmetric quantiles.
    let (from, to) = (f64::from(from), f64::from(to));
    Some(LogNormal {
        median: Duration::from_secs_f64((from * to).sqrt()),
        sigma: (to / from).ln() / (2.0 * QUANTILE_90),
    })
}

/// Returns observations, newest last, with their weights: 1 for one made just now, halved by age and
/// by newer observations.
pub(crate) fn weighted(observed: &[JobDuration], now: SystemTime) -> Vec<(Duration, f64)> {
    let weight = |newer: usize, observation: &JobDuration| {
        // An observation from the future (the clock was set back) has no age.
        let age = now.duration_since(observation.at).unwrap_or_default();
        let halvings = age.as_secs_f64() / HALF_LIFE.as_secs_f64() + newer as f64 / HALF_LIFE_COUNT;
        (-halvings).exp2()
    };
    let newest_first = observed.iter().rev().enumerate();
    let mut weighted: Vec<_> = newest_first
        .map(|(newer, observation)| (observation.duration, weight(newer, observation)))
        .collect();
    weighted.reverse();
    weighted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_interval_follows_the_kind_of_output() {
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
    fn old_observations_have_less_weight() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let observation = |seconds: u64, age: Duration| {
            let id = "pred_1".parse().unwrap();
            JobDuration::new(id, "a/b", Duration::from_secs(seconds), now - age)
        };
        let weights = |seen: &[JobDuration]| -> Vec<f64> {
            weighted(seen, now)
                .into_iter()
                .map(|(_, weight)| weight)
                .collect()
        };
        assert_eq!(weights(&[observation(1, HALF_LIFE)]), [0.5]);
        // A clock that was set back.
        let mut ahead = observation(1, Duration::ZERO);
        ahead.at += HALF_LIFE;
        assert_eq!(weights(&[ahead]), [1.0]);
        let many: Vec<JobDuration> = (0..128).map(|n| observation(n, Duration::ZERO)).collect();
        let many = weights(&many);
        assert_eq!((many[127], many[63]), (1.0, 0.5));
        // After some dozens of jobs, hardware that is twice as fast shows in the estimate.
        let seen: Vec<JobDuration> = (0..128)
            .map(|n| observation(if n < 96 { 60 } else { 30 }, Duration::ZERO))
            .collect();
        let durations = Durations::default().with_observations(weighted(&seen, now));
        let late = durations.survival(Duration::from_secs(45));
        assert!((0.4..0.65).contains(&late), "{late}");
    }

    #[test]
    fn the_published_range_is_the_middle_eighty_percent() {
        let expected = published_durations("kwaivgi/kling-lipsync/text-to-video").unwrap();
        let durations = Durations::new(expected);
        let within = |seconds| 1.0 - durations.survival(Duration::from_secs(seconds));
        assert!((within(60) - 0.1).abs() < 0.01 && (within(1_200) - 0.9).abs() < 0.01);
        assert!(published_durations("nobody/knows").is_none());
    }
}
