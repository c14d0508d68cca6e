//! The rules of outcomes, ends and saved files.

use std::time::Duration;

use wavespeed::{
    Adoption, Applied, Change, JobFilter, JobRecord, Resolution, Settlement, Stage, Status, Store,
    StoreErrorKind, Target,
};

use super::{
    Submit, accept, account, at, end, files, id, job, jobs, new_job, numbers, other_account,
    prediction, recorded, settle, unclaimed,
};

/// Checks that a sequence of outcomes has the effect of [`JobRecord::apply`].
pub async fn outcomes_follow_the_rules_of_the_record(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    let mut expected = job(store, number).await;
    let (second, third) = (at() + Duration::from_secs(1), at() + Duration::from_secs(2));
    let resent = |before, at| Resolution::Resent { before, at };
    for outcome in [
        Resolution::Unknown,
        resent(at(), second),
        Resolution::Rejected,
        resent(second, third),
        // From a process that does not know of the last retry.
        resent(second, third),
        Resolution::Adopted(id("pred_0"), Adoption::Inferred),
        Resolution::Adopted(id("pred_1"), Adoption::Inferred),
        resent(third, at()),
        Resolution::Unknown,
        Resolution::Rejected,
        Resolution::Accepted(id("pred_1")),
        Resolution::Accepted(id("pred_2")),
        Resolution::Accepted(id("pred_1")),
        Resolution::Accepted(id("pred_1")),
    ] {
        let settlement = &Settlement::from(outcome);
        let settled = store.settle(number, settlement).await;
        let owner = None;
        let applied = expected.apply(&Change::Resolved { settlement, owner });
        let kinds = (
            settled.map_err(|error| error.kind()),
            applied
                .and_then(Applied::into_result)
                .map_err(|error| error.kind()),
        );
        assert_eq!(kinds.0, kinds.1, "{settlement:?}");
        assert_eq!(job(store, number).await, expected, "{settlement:?}");
    }
    assert_eq!(expected.id, Some(id("pred_1")));
    // Each id may have been billed, so none is lost.
    let ids = ["pred_0", "pred_1", "pred_2"].map(id);
    assert_eq!(store.known_ids(&account(), &ids).await.unwrap(), ids);
}

/// Checks that a second id of a job is reported, and the first one kept as that of an earlier attempt.
pub async fn a_second_id_is_reported_and_the_first_one_kept(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    accept(store, number, "pred_1").await;
    let settled = settle(store, number, Resolution::Accepted(id("pred_2"))).await;
    let error = settled.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::AcceptedTwice);
    let expected = format!("{number} was accepted as pred_1 and then as pred_2");
    assert!(error.to_string().contains(&expected), "{error}");
    let job = job(store, number).await;
    let earlier: Vec<_> = job.attempts.iter().map(|attempt| &attempt.id).collect();
    assert_eq!((job.id, earlier), (Some(id("pred_2")), vec![&id("pred_1")]));
}

/// Checks that a prediction is not adopted by a job that was sent again after its record was read.
pub async fn a_job_that_was_resent_meanwhile_adopts_nothing(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    settle(store, number, Resolution::Unknown).await.unwrap();
    let (before, at) = (at(), at() + Duration::from_secs(1));
    let resent = Resolution::Resent { before, at };
    settle(store, number, resent).await.unwrap();
    let adopted = || Settlement::from(Resolution::Adopted(id("pred_1"), Adoption::Inferred));
    let refused = store
        .settle(number, &adopted().if_intended_at(before))
        .await;
    assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Refused);
    assert_eq!(job(store, number).await.id, None);
    store
        .settle(number, &adopted().if_intended_at(at))
        .await
        .unwrap();
    assert_eq!(job(store, number).await.id, Some(id("pred_1")));
}

/// Checks that the answer and the clock offset are kept, and are those of the last submit.
pub async fn the_answer_to_a_submit_is_kept(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    let kept = async || {
        let job = job(store, number).await;
        (job.answer, job.clock_offset)
    };
    let answer = || Some("<html>\u{0}é".to_owned());
    let unknown = Settlement::new(Resolution::Unknown, answer(), Some(-3));
    store.settle(number, &unknown).await.unwrap();
    assert_eq!(kept().await, (answer(), Some(-3)));
    let resent = Resolution::Resent {
        before: at(),
        at: at(),
    };
    settle(store, number, resent).await.unwrap();
    assert_eq!(kept().await, (None, None));
    let accepted = Resolution::Accepted(id("pred_1"));
    let accepted = Settlement::new(accepted, answer(), Some(i64::MAX));
    store.settle(number, &accepted).await.unwrap();
    assert_eq!(kept().await, (answer(), Some(i64::MAX)));
}

/// Checks the record of a job from its end to the saving of its outputs, and after it.
pub async fn the_end_and_the_files_are_recorded(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let target = Target::folder("/films".into());
    let mut intent = submit.intent();
    intent.target = Some(&target);
    let number = unclaimed(store, &intent).await;
    accept(store, number, "pred_1").await;
    let mut expected = job(store, number).await;

    end(store, &account(), "pred_1", "completed").await;
    expected.stage = Stage::Ended;
    expected.status = Some(Status::Completed);
    expected.prediction = Some(prediction("pred_1", "completed").raw().to_string());
    let open = jobs(store, &account(), JobFilter::Open).await;
    assert_eq!(open, [expected.clone()]);
    assert_eq!(open[0].ended(), Some(prediction("pred_1", "completed")));

    // The files of a later saving come first, and those of an earlier one stay.
    let mut copies = files();
    copies[0].path = "/copies/1.mp4".into();
    for files in [files(), files()[1..].to_vec(), copies] {
        let saved = store.record_saved(&account(), &id("pred_1"), &files);
        saved.await.unwrap();
        expected.apply(&Change::Saved(&files)).unwrap();
        assert_eq!(job(store, number).await, expected);
    }
    let kept = expected
        .files
        .iter()
        .map(|file| (file.number, file.path.to_str()));
    let paths = [
        (1, "/copies/1.mp4"),
        (2, "/films/2.mp4"),
        (1, "/films/1.mp4"),
    ];
    assert!(kept.eq(paths.map(|(number, path)| (number, Some(path)))));
    assert_eq!(expected.stage, Stage::Saved);
    assert_eq!(jobs(store, &account(), JobFilter::Open).await, []);

    // Neither a later poll nor a late answer changes the stage back from saved.
    accept(store, number, "pred_1").await;
    settle(store, number, Resolution::Unknown).await.unwrap();
    end(store, &account(), "pred_1", "deleted").await;
    expected.status = Some("deleted".into());
    expected.prediction = Some(prediction("pred_1", "deleted").raw().to_string());
    assert_eq!(job(store, number).await, expected);
}

/// Checks that an id without a job is not an error and changes nothing.
pub async fn predictions_without_a_job_are_ignored(store: &dyn Store) {
    let number = new_job(store, &account(), "Hello").await;
    let before = job(store, number).await;
    end(store, &account(), "not-mine", "failed").await;
    let saved = store.record_saved(&account(), &id("not-mine"), &files());
    saved.await.unwrap();
    assert_eq!(jobs(store, &account(), JobFilter::All).await, [before]);
}

/// Compares the filter with [`JobRecord::is_open`] for every stage and status that a record can get.
pub async fn the_open_jobs_are_those_with_something_left_to_do(store: &dyn Store) {
    let target = Target::file("/films/out.mp4".into());
    let words = [
        "created",
        "processing",
        "completed",
        "failed",
        "deleted",
        "melted",
        "",
    ];
    for target in [None, Some(&target)] {
        let place = if target.is_some() { "file" } else { "none" };
        let new = async |name: &str| {
            let submit = Submit::new(&format!("{place} {name}"));
            let mut intent = submit.intent();
            intent.target = target;
            unclaimed(store, &intent).await
        };
        let accepted = async |name: String| {
            let (number, name) = (new(&name).await, format!("{place}_{name}"));
            accept(store, number, &name).await;
            (number, id(&name))
        };
        new("intended").await;
        for (name, resolution) in [("u", Resolution::Unknown), ("r", Resolution::Rejected)] {
            settle(store, new(name).await, resolution).await.unwrap();
        }
        accepted("running".into()).await;
        for (index, status) in words.into_iter().enumerate() {
            let ended = accepted(format!("ended_{index}")).await;
            let saved = accepted(format!("saved_{index}")).await;
            let replaced = accepted(format!("replaced_{index}")).await;
            for (_, id) in [&ended, &saved, &replaced] {
                end(store, &account(), id.as_str(), status).await;
            }
            let files = files();
            let kept = store.record_saved(&account(), &saved.1, &files);
            kept.await.unwrap();
            // Another answer to the same submit makes the job a running one, with its old status.
            let other = Resolution::Accepted(id(&format!("{place}_other_{index}")));
            let error = settle(store, replaced.0, other).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::AcceptedTwice);
        }
    }
    let mut all = jobs(store, &account(), JobFilter::All).await;
    assert_eq!(all.len(), 2 * (4 + 3 * words.len()));
    all.retain(JobRecord::is_open);
    assert_eq!(jobs(store, &account(), JobFilter::Open).await, all);
    // Jobs that are intended, unknown or running, and the completed job with a target.
    assert_eq!(all.len(), 2 * (3 + words.len()) + 1);
}

/// Checks that a forgotten job cannot be found or sent again, and that its number is not reused.
pub async fn a_forgotten_job_is_gone(store: &dyn Store) {
    let first = new_job(store, &account(), "1").await;
    let second = new_job(store, &account(), "2").await;
    accept(store, second, "pred_2").await;
    assert!(store.forget(second).await.unwrap());
    assert!(!store.forget(second).await.unwrap());
    assert!(new_job(store, &account(), "2").await > second);
    assert!(store.forget(first).await.unwrap());
    let third = numbers(store, &account(), JobFilter::All).await;
    for (filter, expected) in [
        (JobFilter::Open, &third[..]),
        (JobFilter::Number(second), &[]),
        (JobFilter::Id(&id("pred_2")), &[]),
    ] {
        let found = numbers(store, &account(), filter).await;
        assert_eq!(found, expected, "{filter:?}");
    }
    // It is not sent again, and adopts nothing.
    let (before, at) = (at(), at());
    let resent = Resolution::Resent { before, at };
    for resolution in [
        resent,
        Resolution::Adopted(id("pred_1"), Adoption::Inferred),
    ] {
        let settled = settle(store, first, resolution).await;
        assert_eq!(settled.unwrap_err().kind(), StoreErrorKind::Gone);
    }
    let known = store.known_ids(&account(), &[id("pred_1")]).await;
    assert_eq!(known.unwrap(), []);
}

/// Checks that a job which is being sent cannot be forgotten: its id is still to come.
pub async fn a_claimed_job_is_not_forgotten(store: &dyn Store) {
    let submit = Submit::new("Hello");
    let (number, claim, _) = recorded(store, &submit.intent()).await;
    let error = store.forget(number).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Claimed, "{error}");
    accept(store, number, "pred_1").await;
    drop(claim);
    store.flush().await.unwrap();
    assert!(store.forget(number).await.unwrap());
    // A number without a job is not in the store, whether it is claimed or not.
    let _claim = store.claim(number).await.unwrap();
    assert!(!store.forget(number).await.unwrap());
}

/// Checks what is left of a forgotten job whose id is not known: it is a job of the base URL, so that a
/// reconciliation takes it into account, and its id is kept when it comes.
pub async fn a_forgotten_job_still_learns_its_outcome(store: &dyn Store) {
    let submit = Submit::new("Hello").key("k");
    let number = unclaimed(store, &submit.intent()).await;
    settle(store, number, Resolution::Unknown).await.unwrap();
    let mut expected = job(store, number).await;
    assert!(store.forget(number).await.unwrap());
    expected.forget();
    assert_eq!(expected.stage, Stage::Unknown);
    let left = async || jobs(store, &other_account(), JobFilter::BaseUrl).await;
    assert_eq!(left().await, [expected.clone()]);

    let resolutions = [
        Resolution::Unknown,
        Resolution::Rejected,
        Resolution::Accepted(id("pred_1")),
        Resolution::Accepted(id("pred_2")),
        Resolution::Rejected,
    ];
    for resolution in resolutions {
        let settlement = &Settlement::new(resolution, Some("{}".into()), Some(1));
        // An outcome that is not in the list of jobs must not look as if it were.
        let settled = store.settle(number, settlement).await;
        assert_eq!(settled.unwrap_err().kind(), StoreErrorKind::Gone);
        let owner = None;
        expected
            .apply(&Change::Resolved { settlement, owner })
            .unwrap();
        assert_eq!(left().await, [expected.clone()], "{settlement:?}");
    }
    end(store, &account(), "pred_2", "completed").await;
    let saved = store.record_saved(&account(), &id("pred_2"), &files());
    saved.await.unwrap();
    assert_eq!(left().await, [expected]);
    let ids = ["pred_1", "pred_2"].map(id);
    assert_eq!(store.known_ids(&account(), &ids).await.unwrap(), ids);
    // The next job has the key, and none of the ids.
    let next = unclaimed(store, &submit.intent()).await;
    assert!(next > number);
    let adopted = settle(
        store,
        next,
        Resolution::Adopted(id("pred_1"), Adoption::Inferred),
    )
    .await;
    assert_eq!(adopted.unwrap_err().kind(), StoreErrorKind::Refused);
}
