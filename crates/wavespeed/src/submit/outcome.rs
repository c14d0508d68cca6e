//! What became of a submit: a decision table without I/O.
//!
//! | the attempt | outcome |
//! |---|---|
//! | an id can be read in the answer, whatever else is in it | accepted |
//! | no byte of the request left this machine | rejected |
//! | 3xx; 4xx except 408 | rejected |
//! | 408; 5xx; 2xx without a readable id | unknown |
//! | no answer, or a broken one without an id | unknown |
//!
//! An unknown outcome is never a reason to send again: the task may exist, and be billed.

use std::time::{Duration, SystemTime};

use wavespeed_client::{Answer, PredictionId};

use crate::store::number::JobNumber;

/// What came of sending a submit.
pub(crate) enum Attempt {
    /// An answer, of whatever kind.
    Answered(Answer),
    /// The connection never stood, so nothing was sent.
    NotSent(String),
    /// No answer came, and the request may have arrived.
    Lost(String),
}

/// What is known of the task.
#[derive(Debug)]
pub(crate) enum Outcome {
    Accepted(PredictionId),
    Rejected(RejectedSubmit),
    Unknown(UnknownOutcome),
}

/// The submit was refused or never sent. Nothing is billed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", match self.refusal {
    Refusal::NotSent => format!("the submit could not be sent ({}); nothing is billed", self.message),
    _ => format!("the submit was refused ({}); nothing is billed", self.message),
})]
#[non_exhaustive]
pub struct RejectedSubmit {
    /// Why.
    pub refusal: Refusal,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What the vendor or the connection said.
    pub message: String,
    /// How long the vendor asks to wait before another try.
    pub retry_after: Option<Duration>,
}

impl RejectedSubmit {
    pub(crate) fn not_sent(why: &str) -> Self {
        Self {
            refusal: Refusal::NotSent,
            status: None,
            message: why.to_owned(),
            retry_after: None,
        }
    }

    /// Whether another time it may not be rejected.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.refusal, Refusal::NotSent | Refusal::Busy)
    }
}

/// Why a submit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No connection stood: nothing was sent.
    NotSent,
    /// The key is not valid (401).
    Key,
    /// The role of the key does not permit it (403).
    Role,
    /// The account has no credit left.
    Credit,
    /// Too many submits, or too many tasks at once (429).
    Busy,
    /// There is no such model (404).
    Model,
    /// The answer was a redirect, which a submit does not follow (3xx).
    Redirect,
    /// The input is not what the model takes (another 4xx).
    Request,
}

/// The submit was sent, and whether a task was created is not known. If one was, it is billed.
/// Never send it again before the vendor's record of recent predictions was looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the outcome of the submit is unknown ({message}): a task may have been created and billed"
)]
#[non_exhaustive]
pub struct UnknownOutcome {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What the vendor or the connection said.
    pub message: String,
    /// The body of the answer, as much of it as came: an id may be in it that was not understood.
    pub body: String,
    /// The number of the job in the store, if there is one: what to reconcile.
    pub job: Option<JobNumber>,
}

/// The decision table.
pub(crate) fn decide(attempt: &Attempt, now: SystemTime) -> Outcome {
    let answer = match attempt {
        Attempt::Answered(answer) => answer,
        Attempt::NotSent(why) => {
            return Outcome::Rejected(RejectedSubmit::not_sent(why));
        }
        Attempt::Lost(why) => {
            return Outcome::Unknown(UnknownOutcome {
                status: None,
                message: why.clone(),
                body: String::new(),
                job: None,
            });
        }
    };
    if let Some(id) = answer.prediction_id() {
        return Outcome::Accepted(id);
    }
    let status = answer.status.as_u16();
    let refusal = match status {
        401 => Refusal::Key,
        402 => Refusal::Credit,
        403 => Refusal::Role,
        404 => Refusal::Model,
        429 => Refusal::Busy,
        400 if lacks_credit(answer) => Refusal::Credit,
        408 => return unknown(answer),
        300..=399 => Refusal::Redirect,
        400..=499 => Refusal::Request,
        _ => return unknown(answer),
    };
    Outcome::Rejected(RejectedSubmit {
        refusal,
        status: Some(status),
        message: answer.to_string(),
        retry_after: answer.retry_after(now),
    })
}

fn unknown(answer: &Answer) -> Outcome {
    Outcome::Unknown(UnknownOutcome {
        status: Some(answer.status.as_u16()),
        message: answer.to_string(),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
        job: None,
    })
}

/// No credit has no status of its own: it is told from other refusals by its words.
fn lacks_credit(answer: &Answer) -> bool {
    answer
        .envelope()
        .message
        .is_some_and(|message| message.to_lowercase().contains("insufficient credit"))
}
