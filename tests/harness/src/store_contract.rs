//! The contract of [`Store`]: one function per rule, each of which checks a new store.
//!
//! The macro [`store_contract!`](crate::store_contract!) makes a test of each rule, so that every store
//! is checked by all of them. The other functions here prepare the calls of a test.

pub mod accounts;
pub mod claims;
pub mod durations;
pub mod intents;
pub mod keys;
pub mod records;
pub mod uploads;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wavespeed::{
    Account, Claim, Downloaded, ExistingReason, IdempotencyKey, Identity, Intended, Intent,
    JobFilter, JobNumber, JobRecord, ModelId, Prediction, PredictionId, Resolution, Store,
    StoreError,
};

/// Makes a test of each rule of the contract. The argument is called for each test. It returns a value
/// that is dropped after the test, and two handles on one new store.
#[macro_export]
macro_rules! store_contract {
    ($new:expr) => {
        $crate::store_contract! { @one $new;
            accounts: jobs_of_accounts_are_separate,
            accounts: ends_and_files_reach_every_account_of_the_base_url,
            accounts: an_id_is_adopted_by_one_job_of_the_base_url,
            accounts: ids_are_known_over_all_accounts_of_the_base_url,
            claims: every_earlier_call_is_carried_out_when_flush_returns,
            durations: durations_are_recorded_once_and_the_newest_are_kept,
            intents: an_intent_is_recorded_with_every_field,
            intents: an_equal_job_of_unknown_outcome_stands_in_the_way,
            intents: a_lost_job_of_another_account_stands_in_the_way,
            intents: a_lost_job_of_the_key_in_another_account_stands_in_the_way,
            intents: an_equal_job_that_is_being_sent_stands_in_the_way,
            intents: an_equal_running_job_is_reported_or_refused,
            intents: an_equal_job_that_is_no_duplicate_is_ignored,
            intents: a_serialised_submit_waits_for_its_turn,
            keys: a_key_has_one_job_whatever_its_stage,
            keys: a_rejected_job_is_sent_again_under_its_number,
            keys: a_claimed_rejected_job_is_not_sent_again,
            keys: another_attempt_keeps_the_earlier_ones,
            keys: only_the_attempt_that_the_caller_saw_is_replaced,
            keys: only_a_job_without_outputs_is_attempted_again,
            keys: forgetting_a_job_frees_its_key_and_keeps_its_ids_known,
            records: outcomes_follow_the_rules_of_the_record,
            records: a_second_id_is_reported_and_the_first_one_kept,
            records: a_job_that_was_resent_meanwhile_adopts_nothing,
            records: the_answer_to_a_submit_is_kept,
            records: the_end_and_the_files_are_recorded,
            records: predictions_without_a_job_are_ignored,
            records: the_open_jobs_are_those_with_something_left_to_do,
            records: a_claimed_job_is_not_forgotten,
            records: a_forgotten_job_is_gone,
            records: a_forgotten_job_still_learns_its_outcome,
            uploads: uploads_are_found_by_content_and_account,
            uploads: uploads_are_replaced_and_removed,
        }
        $crate::store_contract! { @two $new;
            claims: a_job_has_one_claim,
            claims: a_claimed_number_is_given_to_no_job,
            claims: a_claim_lasts_until_the_outcome_is_recorded,
            intents: concurrent_intents_get_different_numbers,
            keys: concurrent_intents_with_one_key_give_one_job,
        }
    };
    (@one $new:expr; $($module:ident: $rule:ident,)*) => {$(
        #[test]
        fn $rule() {
            let (_guard, store, _other) = $new();
            $crate::runtime().block_on($crate::store_contract::$module::$rule(&store));
        }
    )*};
    (@two $new:expr; $($module:ident: $rule:ident,)*) => {$(
        #[test]
        fn $rule() {
            let (_guard, store, other) = $new();
            $crate::runtime().block_on($crate::store_contract::$module::$rule(&store, &other));
        }
    )*};
}

/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the account of most jobs.
pub fn account() -> Account {
    Account::new("https://a.example/api/v3", "default")
}

/// Returns an account with the same base URL and another name.
pub fn other_account() -> Account {
    Account::new(account().base_url, "other")
}

/// Returns an account with the same name and another base URL.
pub fn other_url() -> Account {
    Account::new("https://b.example/api/v3", account().name)
}

/// Returns the time of most intents, in whole milliseconds, since stores need not keep more.
pub fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
}

/// Parses an id.
pub fn id(text: &str) -> PredictionId {
    text.parse().unwrap()
}

/// Parses an idempotency key.
pub fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// Returns a prediction with an id, a status and an output.
pub fn prediction(id: &str, status: &str) -> Prediction {
    let outputs = ["https://m.example/1.mp4"];
    Prediction::from_json(json!({ "id": id, "status": status, "outputs": outputs })).unwrap()
}

/// Returns two saved outputs.
pub fn files() -> Vec<Downloaded> {
    [1, 2]
        .map(|number| {
            let path = format!("/films/{number}.mp4");
            let url = format!("https://m.example/{number}.mp4");
            Downloaded::new(number, path, url, 4_000_000_000, "ab".repeat(32))
        })
        .into()
}

/// A submit that owns what its intent borrows.
pub struct Submit {
    /// The account.
    pub account: Account,
    /// The idempotency key.
    pub key: Option<IdempotencyKey>,
    model: ModelId,
    body: String,
    identity: Identity,
}

impl Submit {
    /// Creates a submit of an input with this text, for [`account`] and without a key.
    pub fn new(text: &str) -> Self {
        Self::of_input(&json!({ "text": text }))
    }

    /// Creates a submit of an input.
    pub fn of_input(input: &Value) -> Self {
        let model = "a/b";
        Self {
            account: account(),
            key: None,
            model: model.parse().unwrap(),
            body: input.to_string(),
            identity: Identity::new(model, input, &BTreeMap::new()),
        }
    }

    /// Sets the idempotency key.
    #[must_use]
    pub fn key(mut self, text: &str) -> Self {
        self.key = Some(key(text));
        self
    }

    /// Sets the account.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// Returns the intent of the submit at the time [`at`].
    pub fn intent(&self) -> Intent<'_> {
        let (model, identity) = (&self.model, &self.identity);
        let mut intent = Intent::new(&self.account, model, &self.body, identity, at());
        intent.key_fingerprint = "0123456789ab";
        intent.key = self.key.as_ref();
        intent
    }
}

/// Records an intent, which no job may stand in the way of. Returns what the store replied.
pub async fn recorded(
    store: &dyn Store,
    intent: &Intent<'_>,
) -> (JobNumber, Claim, Option<Box<JobRecord>>) {
    match store.intend(intent).await.unwrap() {
        Intended::Recorded {
            job,
            claim,
            running,
        } => (job, claim, running),
        other => panic!("{other:?}"),
    }
}

/// Records an intent, and gives up the claim on its job.
pub async fn unclaimed(store: &dyn Store, intent: &Intent<'_>) -> JobNumber {
    let (job, claim, _) = recorded(store, intent).await;
    drop(claim);
    // A claim ends after the calls before its drop.
    store.flush().await.unwrap();
    job
}

/// Records an intent that a job stands in the way of. Returns the job and the reason.
pub async fn existing(store: &dyn Store, intent: &Intent<'_>) -> (JobRecord, ExistingReason) {
    match store.intend(intent).await.unwrap() {
        Intended::Existing { job, reason } => (*job, reason),
        other => panic!("{other:?}"),
    }
}

/// Records a new job of an account with an input of its own.
pub async fn new_job(store: &dyn Store, account: &Account, text: &str) -> JobNumber {
    let submit = Submit::new(text).account(account.clone());
    unclaimed(store, &submit.intent()).await
}

/// Settles a job.
pub async fn settle(
    store: &dyn Store,
    job: JobNumber,
    resolution: Resolution,
) -> Result<(), StoreError> {
    store.settle(job, &resolution.into()).await
}

/// Records that a job was accepted under an id.
pub async fn accept(store: &dyn Store, job: JobNumber, text: &str) {
    let accepted = Resolution::Accepted(id(text));
    settle(store, job, accepted).await.unwrap();
}

/// Records the end of a prediction.
pub async fn end(store: &dyn Store, account: &Account, id: &str, status: &str) {
    let ended = prediction(id, status);
    store.record_end(account, &ended).await.unwrap();
}

/// Returns the job with a number, which must exist once.
pub async fn job(store: &dyn Store, number: JobNumber) -> JobRecord {
    let mut found = jobs(store, &account(), JobFilter::Number(number)).await;
    assert_eq!(found.len(), 1, "{number}");
    found.remove(0)
}

/// Returns the jobs that pass a filter.
pub async fn jobs(store: &dyn Store, account: &Account, filter: JobFilter<'_>) -> Vec<JobRecord> {
    store.jobs(account, filter).await.unwrap()
}

/// Returns the numbers of the jobs that pass a filter.
pub async fn numbers(
    store: &dyn Store,
    account: &Account,
    filter: JobFilter<'_>,
) -> Vec<JobNumber> {
    let jobs = jobs(store, account, filter).await;
    jobs.iter().map(|job| job.number).collect()
}
