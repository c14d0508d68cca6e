//! The choice of jobs, as a condition in SQL.

use rusqlite::types::Value;
use wavespeed::{Account, IdempotencyKey, Intent, JobFilter, JobNumber};

use super::jobs::IS_OPEN;
use super::values::row_number;
use crate::error::JournalError;

/// The condition that a job has no recorded outcome, as [`JobFilter::WithoutOutcome`] means it.
const NO_OUTCOME: &str = "stage IN ('intended', 'unknown')";

/// A choice of rows of the table `jobs`.
pub(crate) struct Selection {
    /// The condition, which can be used several times in one statement.
    pub(crate) condition: String,
    /// The values of its parameters.
    pub(crate) values: Vec<Value>,
}

impl Selection {
    /// Returns the jobs that pass a filter.
    pub(crate) fn from_filter(
        account: &Account,
        filter: JobFilter<'_>,
    ) -> Result<Self, JournalError> {
        Ok(match filter {
            JobFilter::All => Self::in_account(account, "true", None),
            JobFilter::Open => Self::in_account(account, IS_OPEN, None),
            JobFilter::Key(key) => Self::key(account, key),
            JobFilter::Label(label) => {
                let label = label.to_owned().into();
                Self::in_account(account, "label = ?3", Some(label))
            }
            JobFilter::Number(number) => {
                let Self { condition, values } = Self::number(number);
                Self {
                    condition: format!("{condition} AND forgotten = 0"),
                    values,
                }
            }
            JobFilter::Id(id) => Self {
                condition: "base_url = ?1 AND id = ?2 AND forgotten = 0".into(),
                values: vec![account.base_url.clone().into(), id.to_string().into()],
            },
            JobFilter::WebhookToken(token) => Self {
                condition: "base_url = ?1 AND webhook_token = ?2 AND forgotten = 0".into(),
                values: vec![account.base_url.clone().into(), token.to_owned().into()],
            },
            JobFilter::WithoutOutcome => Self {
                condition: format!("forgotten = 0 AND {NO_OUTCOME}"),
                values: Vec::new(),
            },
            JobFilter::BaseUrl => Self {
                condition: "base_url = ?1".into(),
                values: vec![account.base_url.clone().into()],
            },
            _ => return Err(JournalError::Unsupported("filter of jobs")),
        })
    }

    /// Returns the jobs by which [`Intent::decide`] decides, and some others: SQL cannot compare base URLs
    /// that are spelled differently.
    pub(crate) fn from_intent(intent: &Intent<'_>) -> Self {
        let account = [intent.account.base_url.clone(), intent.account.name.clone()];
        let mut values = Vec::from(account.map(Value::from));
        values.push(intent.identity.digest().to_owned().into());
        let own = "forgotten = 0 AND base_url = ?1 AND account = ?2";
        // Of other accounts, only jobs without an outcome count.
        let mut condition = match intent.key {
            None => format!("forgotten = 0 AND digest = ?3 AND (({own}) OR {NO_OUTCOME})"),
            Some(key) => {
                values.push(key.to_string().into());
                format!(
                    "({own} AND idempotency_key = ?4)
                     OR (forgotten = 0 AND digest = ?3 AND idempotency_key = ?4 AND {NO_OUTCOME})"
                )
            }
        };
        if intent.serialise.is_some() {
            values.push(intent.model.to_string().into());
            let model = values.len();
            condition = format!(
                "({condition}) OR ({own} AND model = ?{model} AND stage IN ('intended', 'rejected', 'unknown'))"
            );
        }
        Self { condition, values }
    }

    /// Returns the job of a number, or what is left of it if it was forgotten.
    pub(crate) fn number(job: JobNumber) -> Self {
        Self {
            condition: "number = ?1".into(),
            values: vec![row_number(job).into()],
        }
    }

    fn key(account: &Account, key: &IdempotencyKey) -> Self {
        let key = key.to_string().into();
        Self::in_account(account, "idempotency_key = ?3", Some(key))
    }

    /// Returns the jobs of an account, parameters 1 and 2, that fulfil a condition and are not
    /// forgotten.
    fn in_account(account: &Account, condition: &str, value: Option<Value>) -> Self {
        let account = [account.base_url.clone(), account.name.clone()];
        Self {
            condition: format!("base_url = ?1 AND account = ?2 AND forgotten = 0 AND {condition}"),
            values: account.map(Value::from).into_iter().chain(value).collect(),
        }
    }
}
