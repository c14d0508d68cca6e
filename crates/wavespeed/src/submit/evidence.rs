//! The conclusion from a look at the vendor's history: a pure function without I/O.
//!
//! A conclusion about money needs evidence that was read whole. A prediction is *certain* if it carries the
//! input of the job. It is a *strict* candidate if nothing about it is unknown: it has the model, and a
//! creation time within the window. Every other prediction that cannot be excluded is a *weak* candidate,
//! which is shown to a person and never adopted.

use std::collections::HashSet;
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Map, Value};
use wavespeed_client::{Prediction, PredictionId};

use crate::call::created_at;
use crate::store::record::{JobRecord, Stage};
use crate::submit::candidates::{AdoptPolicy, Candidate, Candidates, HeldBack};
use crate::submit::window::Window;

/// What one look at the history and the store has shown.
pub(super) struct Evidence<'a> {
    pub(super) record: &'a JobRecord,
    pub(super) window: Window,
    /// The items of the span around the window.
    pub(super) items: Vec<Prediction>,
    /// `true` if every item of the span was read.
    pub(super) is_whole: bool,
    /// The ids among the items that belong to jobs of the store.
    pub(super) owned: HashSet<PredictionId>,
    /// The ids that a person knows to be other jobs.
    pub(super) excluded: &'a [PredictionId],
    /// The windows of the other lost submits at the base URL, with their models.
    pub(super) rivals: Vec<(&'a str, Window)>,
    /// The time of the store's first job at the base URL, in the vendor's time.
    pub(super) first_job: Option<Timestamp>,
    /// The vendor's time.
    pub(super) now: Timestamp,
    pub(super) policy: AdoptPolicy,
}

/// The conclusion from one look.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The prediction carries the input of the job.
    Certain(Box<Prediction>),
    /// The only prediction that it can be.
    Sole(Box<Prediction>),
    Candidates(Candidates),
    /// The window was read whole, and no prediction can be the one.
    NotFound,
    /// The vendor no longer keeps the whole window.
    Expired,
    /// The window was not read whole.
    Incomplete,
}

/// The relation of a prediction to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Certain,
    Strict,
    Weak,
    /// A prediction of the model outside the window.
    Nearby,
    /// A prediction of the model from before the last one that was created before a serialised submit.
    Earlier,
    Excluded,
}

impl Evidence<'_> {
    pub(super) fn judge(&self) -> Verdict {
        // A list that moves while it is read may show an item twice.
        let mut seen = HashSet::new();
        let items = self.items.iter().filter(|item| seen.insert(item.id()));
        let is_owned = |item: &Prediction| {
            let id = item.id().parse::<PredictionId>();
            id.is_ok_and(|id| self.owned.contains(&id) || self.excluded.contains(&id))
        };
        let unowned: Vec<(&Prediction, Class)> = items
            .filter(|item| !is_owned(item))
            .map(|item| (item, self.class(item)))
            .collect();
        let of = |class: Class| {
            let items = unowned.iter().filter(move |(_, own)| *own == class);
            items.map(|(item, _)| *item).collect::<Vec<_>>()
        };
        if let [only] = of(Class::Certain)[..] {
            return Verdict::Certain(Box::new(only.clone()));
        }
        let (certain, strict, weak) = (of(Class::Certain), of(Class::Strict), of(Class::Weak));
        let mut possible = [certain, strict.clone(), weak.clone()].concat();
        // Nearby predictions are other jobs, unless the window is wrong: then it is empty.
        if possible.is_empty() {
            possible = of(Class::Nearby);
        }
        if possible.is_empty() {
            return match (self.window.is_kept(self.now), self.is_whole) {
                (false, _) => Verdict::Expired,
                (_, false) => Verdict::Incomplete,
                (true, true) => Verdict::NotFound,
            };
        }
        let writes = |(item, class): &(&Prediction, Class)| self.shows_writer(item, *class);
        let held_back = if !self.window.is_kept(self.now) {
            HeldBack::Expired
        } else if !self.is_whole {
            HeldBack::Incomplete
        } else if possible.len() > 1 {
            HeldBack::Several
        } else if !self.window.is_exact {
            HeldBack::ClockUnknown
        } else if strict.is_empty() {
            HeldBack::Unproven
        } else if self.is_possible_for_rival(strict[0]) {
            HeldBack::Rival
        } else if self.policy == AdoptPolicy::Certain {
            HeldBack::Policy
        } else if !self.excluded.is_empty() {
            // A job that a person knows to be another one shows another writer.
            HeldBack::OtherWriter
        } else if self.policy == AdoptPolicy::Sole && unowned.iter().any(writes) {
            HeldBack::OtherWriter
        } else {
            return Verdict::Sole(Box::new(strict[0].clone()));
        };
        let candidate = |item: &&Prediction| Candidate::new(item, self.window.intended);
        let candidates = possible.iter().map(candidate).collect();
        Verdict::Candidates(Candidates::new(candidates, held_back))
    }

    fn class(&self, item: &Prediction) -> Class {
        let model = self.record.model.as_str();
        if item.model().is_some_and(|own| own != model) {
            return Class::Excluded;
        }
        match item.input().and_then(|input| self.has_input(input)) {
            Some(true) => return Class::Certain,
            Some(false) => return Class::Excluded,
            None => {}
        }
        let is_usable = item.model().is_some() && item.id().parse::<PredictionId>().is_ok();
        match self.window.contains(item) {
            Some(true) if is_usable => Class::Strict,
            Some(false) if self.is_earlier(item) => Class::Earlier,
            Some(false) => Class::Nearby,
            Some(true) | None => Class::Weak,
        }
    }

    fn is_earlier(&self, item: &Prediction) -> bool {
        let is_before = created_at(item).is_some_and(|created| created <= self.window.from);
        self.record.serialised && is_before
    }

    /// Compares an input with the one that was sent. The vendor may have left out unknown inputs, or added
    /// defaults: then nothing is certain.
    fn has_input(&self, theirs: &Map<String, Value>) -> Option<bool> {
        let ours = self.record.input();
        let ours = ours.as_object()?;
        let mut shared = ours
            .iter()
            .filter_map(|(name, own)| Some((own, theirs.get(name)?)));
        if shared.any(|(own, their)| !is_equal(own, their)) {
            return Some(false);
        }
        let is_same =
            ours.len() == theirs.len() && ours.keys().all(|name| theirs.contains_key(name));
        is_same.then_some(true)
    }

    /// Returns `true` if a prediction that no job of the store owns shows that something else submits
    /// with the same account.
    fn shows_writer(&self, item: &Prediction, class: Class) -> bool {
        if !matches!(class, Class::Nearby | Class::Earlier | Class::Excluded) {
            return false;
        }
        let created = created_at(item);
        // What was made before the store existed says nothing about the time since then.
        let is_older = match (created, self.first_job) {
            (Some(created), Some(first)) => created < first,
            _ => false,
        };
        let of_rival = self.rivals.iter().any(|(model, window)| {
            item.model().is_none_or(|own| own == *model) && window.contains(item) != Some(false)
        });
        !is_older && !of_rival
    }

    /// Returns `true` if another lost submit of the model could own the prediction just as well.
    fn is_possible_for_rival(&self, item: &Prediction) -> bool {
        let mut windows = self.rival_windows();
        windows.any(|window| window.contains(item) != Some(false))
    }

    /// Returns `true` if no other lost submit of the model shares the window, which an absent submit needs.
    pub(super) fn is_alone(&self) -> bool {
        !self
            .rival_windows()
            .any(|window| window.overlaps(&self.window))
    }

    fn rival_windows(&self) -> impl Iterator<Item = &Window> {
        let model = self.record.model.as_str();
        let rivals = self.rivals.iter().filter(move |(own, _)| *own == model);
        rivals.map(|(_, window)| window)
    }
}

/// Returns the other submits at the base URL whose outcome is not known.
pub(super) fn rivals<'a>(
    jobs: &'a [JobRecord],
    record: &JobRecord,
) -> impl Iterator<Item = &'a JobRecord> {
    let (number, now) = (record.number, SystemTime::now());
    jobs.iter().filter(move |job| {
        let is_lost = matches!(job.stage, Stage::Intended | Stage::Unknown);
        job.number != number && is_lost && !job.is_older_than_retention(now)
    })
}

/// Returns the creation times of the predictions between which a serialised submit was sent: every earlier
/// submit of the model had its outcome by then, and every later one waited until this one was over.
pub(super) fn neighbours(
    record: &JobRecord,
    jobs: &[JobRecord],
    items: &[Prediction],
) -> (Option<Timestamp>, Option<Timestamp>) {
    let created = |is_neighbour: &dyn Fn(&JobRecord) -> bool| {
        let jobs = jobs.iter().filter(|job| {
            let is_same = job.model == record.model && job.account == record.account;
            record.serialised && is_same && is_neighbour(job)
        });
        let ids: HashSet<&str> = jobs
            .filter_map(|job| job.id.as_ref().map(PredictionId::as_str))
            .collect();
        let items = items.iter().filter(|item| ids.contains(item.id()));
        items.filter_map(created_at).collect::<Vec<_>>()
    };
    let earlier = created(&|job| job.number < record.number && job.at < record.at);
    // A job that does not wait for its turn may overlap.
    let later = created(&|job| job.serialised && job.number > record.number && job.at > record.at);
    (earlier.into_iter().max(), later.into_iter().min())
}

/// Returns the time of the first job, in the vendor's time, as early as it can have been.
pub(super) fn first_job(jobs: &[JobRecord], now: Timestamp) -> Option<Timestamp> {
    let from = |job: &JobRecord| Window::new(job, job.clock_offset, now).from;
    jobs.iter().map(from).min().map(|first| {
        // A job cannot have been intended after the vendor's present.
        first.min(now)
    })
}

/// Returns `true` if the values are equal, where 1 equals 1.0.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let equals = |(name, one)| other.get(name).is_some_and(|other| is_equal(one, other));
            one.len() == other.len() && one.iter().all(equals)
        }
        (one, other) => one == other,
    }
}
