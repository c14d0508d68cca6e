use std::time::Duration;

use serde_json::json;
use wavespeed_client::Status;

use super::*;
use crate::store::identity::Identity;
use crate::store::intent::Intent;
use crate::store::record::Account;

const AT: SystemTime = SystemTime::UNIX_EPOCH;

fn id(text: &str) -> PredictionId {
    text.parse().unwrap()
}

fn record(stage: Stage, known: Option<&str>) -> JobRecord {
    let (account, model) = (Account::new("https://a.b", ""), "a/b".parse().unwrap());
    let identity = Identity::default();
    let intent = Intent::new(&account, &model, "{}", &identity, AT);
    let mut record = JobRecord::new(JobNumber::new(1), &intent);
    (record.stage, record.id) = (stage, known.map(id));
    record
}

/// Resolves a record, and returns its stage and id afterwards, or `None` for an error.
fn resolved(
    mut record: JobRecord,
    resolution: &Resolution,
    owner: Option<IdOwner>,
) -> Option<(Stage, Option<PredictionId>)> {
    let before = record.clone();
    let settlement = &Settlement::from(resolution.clone());
    let change = Change::Resolved { settlement, owner };
    match record.apply(&change) {
        Ok(_) => Some((record.stage, record.id)),
        Err(_) => {
            assert_eq!(record, before, "an error leaves the record as it is");
            None
        }
    }
}

#[test]
fn a_job_without_an_id_takes_every_resolution() {
    let (one, resent) = (id("pred_1"), Resolution::Resent { before: AT, at: AT });
    for stage in [Stage::Intended, Stage::Unknown, Stage::Rejected] {
        for (resolution, expected) in [
            (
                Resolution::Accepted(one.clone()),
                (Stage::Submitted, Some(&one)),
            ),
            (
                Resolution::Adopted(one.clone(), Adoption::Inferred),
                (Stage::Submitted, Some(&one)),
            ),
            (Resolution::Rejected, (Stage::Rejected, None)),
            (Resolution::Unknown, (Stage::Unknown, None)),
            (resent.clone(), (Stage::Intended, None)),
        ] {
            let expected = match (stage, &resolution) {
                // Another one took the sender for gone, which has recorded its outcome since.
                (Stage::Rejected, Resolution::Unknown) => (Stage::Rejected, None),
                _ => (expected.0, expected.1.cloned()),
            };
            assert_eq!(
                resolved(record(stage, None), &resolution, None),
                Some(expected),
                "{stage:?} {resolution:?}"
            );
        }
    }
}

#[test]
fn a_known_id_is_lost_only_to_another_answer() {
    let (one, two) = (id("pred_1"), id("pred_2"));
    let resent = Resolution::Resent { before: AT, at: AT };
    for stage in [Stage::Submitted, Stage::Ended, Stage::Saved] {
        let kept = Some((stage, Some(one.clone())));
        for (resolution, expected) in [
            (Resolution::Accepted(one.clone()), kept.clone()),
            (
                Resolution::Adopted(one.clone(), Adoption::Inferred),
                kept.clone(),
            ),
            (Resolution::Rejected, kept.clone()),
            (Resolution::Unknown, kept.clone()),
            (Resolution::Adopted(two.clone(), Adoption::Inferred), None),
            (resent.clone(), None),
            (
                Resolution::Accepted(two.clone()),
                Some((Stage::Submitted, Some(two.clone()))),
            ),
        ] {
            let found = resolved(record(stage, Some("pred_1")), &resolution, None);
            assert_eq!(found, expected, "{stage:?} {resolution:?}");
        }
    }
}

#[test]
fn an_id_of_another_job_cannot_be_adopted() {
    let adopted = Resolution::Adopted(id("pred_1"), Adoption::Inferred);
    let accepted = Resolution::Accepted(id("pred_1"));
    for owner in [IdOwner::Job(JobNumber::new(7)), IdOwner::Forgotten] {
        let resolve = |resolution| {
            let record = record(Stage::Unknown, None);
            resolved(record, resolution, Some(owner))
        };
        assert_eq!(resolve(&adopted), None);
        assert!(resolve(&accepted).is_some());
    }
}

#[test]
fn an_earlier_attempt_is_not_adopted_again() {
    let mut job = record(Stage::Unknown, None);
    job.attempts = vec![EarlierAttempt::new(AT, id("pred_1"), None, None)];
    assert_eq!(
        resolved(
            job,
            &Resolution::Adopted(id("pred_1"), Adoption::Inferred),
            None
        ),
        None
    );
}

#[test]
fn an_id_that_is_replaced_stays_as_an_earlier_attempt() {
    let (one, two) = (id("pred_1"), id("pred_2"));
    let mut job = record(Stage::Submitted, Some("pred_1"));
    (job.price, job.adopted) = (Some(0.25), Some(Adoption::Inferred));
    let end = json!({ "id": "pred_1", "status": "failed" });
    let end = Prediction::from_json(end).unwrap();
    job.apply(&Change::Ended(&end)).unwrap();
    let attempt =
        |id: &PredictionId, status| EarlierAttempt::new(AT, id.clone(), status, Some(0.25));
    for (answer, expected) in [
        (&two, vec![attempt(&one, Some(Status::Failed))]),
        (&two, vec![attempt(&one, Some(Status::Failed))]),
        (&one, vec![attempt(&two, None)]),
    ] {
        let settlement = &Settlement::from(Resolution::Accepted(answer.clone()));
        let owner = None;
        job.apply(&Change::Resolved { settlement, owner }).unwrap();
        assert_eq!((job.id.as_ref(), &job.attempts), (Some(answer), &expected));
        assert_eq!(job.adopted, None);
    }
}

#[test]
fn a_job_that_was_resent_meanwhile_adopts_nothing() {
    let second = Duration::from_secs(1);
    for (read_at, is_refused) in [(None, false), (Some(AT), false), (Some(AT + second), true)] {
        let mut job = record(Stage::Unknown, None);
        let mut settlement =
            Settlement::from(Resolution::Adopted(id("pred_1"), Adoption::Inferred));
        if let Some(at) = read_at {
            settlement = settlement.if_intended_at(at);
        }
        let (settlement, owner) = (&settlement, None);
        let adopted = job.apply(&Change::Resolved { settlement, owner });
        assert_eq!(adopted.is_err(), is_refused, "{read_at:?}");
    }
}

#[test]
fn the_end_of_another_prediction_is_dropped() {
    let mut job = record(Stage::Submitted, Some("pred_1"));
    let end = json!({ "id": "pred_1", "status": "completed" });
    let end = Prediction::from_json(end).unwrap();
    job.apply(&Change::Ended(&end)).unwrap();
    let settlement = &Settlement::from(Resolution::Accepted(id("pred_2")));
    let owner = None;
    job.apply(&Change::Resolved { settlement, owner }).unwrap();
    assert_eq!((job.status, job.prediction), (None, None));
}

#[test]
fn a_job_that_was_resent_by_another_process_is_not_resent() {
    let second = Duration::from_secs(1);
    for (before, is_refused) in [
        (AT, false),
        (AT + Duration::from_nanos(1), false),
        (AT + second, true),
    ] {
        let at = AT + second;
        let resent = Resolution::Resent { before, at };
        let found = resolved(record(Stage::Unknown, None), &resent, None);
        assert_eq!(found.is_none(), is_refused, "{before:?}");
    }
}

#[test]
fn a_late_end_does_not_undo_the_saving() {
    let mut saved = record(Stage::Submitted, Some("pred_1"));
    saved.apply(&Change::Saved(&[])).unwrap();
    let end = json!({ "id": "pred_1", "status": "completed" });
    let end = Prediction::from_json(end).unwrap();
    saved.apply(&Change::Ended(&end)).unwrap();
    assert_eq!(
        (saved.stage, saved.status),
        (Stage::Saved, Some(Status::Completed))
    );
}
