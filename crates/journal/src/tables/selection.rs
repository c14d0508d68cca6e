//! The choice of jobs, as a condition in SQL.

use rusqlite::types::Value;
use wavespeed::{Account, IdempotencyKey, Intent, JobFilter, JobNumber};

use super::jobs::IS_OPEN;
use super::values::row_number;
use crate::error::JournalError;

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
            JobFilter::BaseUrl => Self {
                condition: "base_url = ?1".into(),
                values: vec![account.base_url.clone().into()],
            },
            _ => return Err(JournalError::Unsupported("filter of jobs")),
        })
    }

    /// Returns the jobs by which [`Intent::decide`] decides.
    pub(crate) fn from_intent(intent: &Intent<'_>) -> Self {
        let digest = || intent.identity.digest().to_owned().into();
        let mut selection = match intent.key {
            Some(key) => Self::key(intent.account, key),
            None => Self::in_account(intent.account, "digest = ?3", Some(digest())),
        };
        if intent.serialise.is_some() {
            let own = selection.condition;
            selection.condition = format!(
                "({own}) OR (base_url = ?1 AND account = ?2 AND forgotten = 0 AND model = ?4
                 AND stage IN ('intended', 'rejected', 'unknown'))"
            );
            selection.values.push(intent.model.to_string().into());
        }
        selection
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
