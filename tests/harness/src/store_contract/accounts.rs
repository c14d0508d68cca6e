//! The rules of accounts, and of ids over the accounts of one base URL.

use wavespeed::{
    Adoption, EarlierAttempt, JobFilter, Resolution, Stage, Status, Store, StoreErrorKind,
};

use super::{
    Submit, accept, account, at, end, files, id, job, new_job, numbers, other_account, other_url,
    settle, unclaimed,
};

/// Checks which filters see the jobs of other accounts.
pub async fn jobs_of_accounts_are_separate(store: &dyn Store) {
    let accounts = [account(), other_account(), other_url()];
    let mut all = Vec::new();
    for account in &accounts {
        let number = new_job(store, account, "Hello").await;
        // Answers to submits may have equal ids, although the vendor does not reuse an id.
        accept(store, number, "pred_1").await;
        all.push(number);
    }
    let pred = id("pred_1");
    let at_url = [vec![all[0], all[1]], vec![all[0], all[1]], vec![all[2]]];
    for ((account, own), at_url) in accounts.iter().zip(&all).zip(at_url) {
        let found = async |filter| numbers(store, account, filter).await;
        assert_eq!(found(JobFilter::All).await, [*own]);
        assert_eq!(found(JobFilter::Open).await, [*own]);
        assert_eq!(found(JobFilter::BaseUrl).await, at_url);
        assert_eq!(found(JobFilter::Id(&pred)).await, at_url);
        for number in &all {
            assert_eq!(found(JobFilter::Number(*number)).await, [*number]);
        }
    }
}

/// Checks that the end and the files of a prediction are recorded for its jobs in every account of the
/// base URL, and at no other base URL.
pub async fn ends_and_files_reach_every_account_of_the_base_url(store: &dyn Store) {
    let mut all = Vec::new();
    for account in [account(), other_account(), other_url()] {
        let number = new_job(store, &account, "Hello").await;
        accept(store, number, "pred_1").await;
        all.push(number);
    }
    let elsewhere = job(store, all[2]).await;
    end(store, &other_account(), "pred_1", "completed").await;
    let files = files();
    let saved = store.record_saved(&other_account(), &id("pred_1"), &files);
    saved.await.unwrap();
    for number in &all[..2] {
        let job = job(store, *number).await;
        assert_eq!(
            (job.stage, job.status),
            (Stage::Saved, Some(Status::Completed))
        );
        assert_eq!(job.files, files);
    }
    assert_eq!(job(store, all[2]).await, elsewhere);
}

/// Checks that an id which a job has or had, in whatever account, is not adopted by another job.
pub async fn an_id_is_adopted_by_one_job_of_the_base_url(store: &dyn Store) {
    // The ids of a job of another account, of its earlier attempt, and of a forgotten job.
    let submit = Submit::new("1").key("k").account(other_account());
    let mut intent = submit.intent();
    let earlier = id("earlier");
    intent.retry = Some(&earlier);
    let owner = unclaimed(store, &intent).await;
    accept(store, owner, "earlier").await;
    end(store, &account(), "earlier", "failed").await;
    assert_eq!(unclaimed(store, &intent).await, owner);
    accept(store, owner, "current").await;
    let expected = EarlierAttempt::new(at(), id("earlier"), Some(Status::Failed), None);
    assert_eq!(job(store, owner).await.attempts, [expected]);
    let forgotten = new_job(store, &account(), "2").await;
    accept(store, forgotten, "forgotten").await;
    assert!(store.forget(forgotten).await.unwrap());

    let job_number = new_job(store, &account(), "3").await;
    let before = job(store, job_number).await;
    for taken in ["earlier", "current", "forgotten"] {
        let adopted = settle(
            store,
            job_number,
            Resolution::Adopted(id(taken), Adoption::Inferred),
        )
        .await;
        let error = adopted.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        let expected = format!("{taken} already belongs to ");
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(job(store, job_number).await, before);
    }
    // At another base URL the ids have no owner.
    let elsewhere = new_job(store, &other_url(), "3").await;
    let adopted = settle(
        store,
        elsewhere,
        Resolution::Adopted(id("current"), Adoption::Inferred),
    )
    .await;
    adopted.unwrap();
    // A job that adopts its own id once more is no other owner.
    let adopted = settle(
        store,
        elsewhere,
        Resolution::Adopted(id("current"), Adoption::Inferred),
    )
    .await;
    adopted.unwrap();
}

/// Checks which ids count as ours.
pub async fn ids_are_known_over_all_accounts_of_the_base_url(store: &dyn Store) {
    let own = new_job(store, &account(), "1").await;
    accept(store, own, "pred_own").await;
    let other = new_job(store, &other_account(), "1").await;
    accept(store, other, "pred_other").await;
    let forgotten = new_job(store, &other_account(), "2").await;
    accept(store, forgotten, "pred_forgotten").await;
    assert!(store.forget(forgotten).await.unwrap());
    let elsewhere = new_job(store, &other_url(), "1").await;
    accept(store, elsewhere, "pred_elsewhere").await;

    let known = async |ids: &[_]| store.known_ids(&account(), ids).await.unwrap();
    let ids = [
        "pred_forgotten",
        "pred_other",
        "pred_elsewhere",
        "pred_own",
        "pred_0",
    ]
    .map(id);
    let expected = ["pred_forgotten", "pred_other", "pred_own"].map(id);
    assert_eq!(known(&ids).await, expected);
    assert_eq!(known(&[]).await, []);
    // More ids than one statement could have parameters.
    let many: Vec<_> = (0..40_000)
        .map(|number| id(&format!("many_{number}")))
        .collect();
    assert_eq!(known(&many).await, []);
}
