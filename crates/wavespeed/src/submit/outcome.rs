//! The outcome of a submit: a decision table without I/O.
//!
//! | attempt | outcome |
//! |---|---|
//! | an id can be read in the answer, whatever else is in it | accepted |
//! | no byte of the request left this machine | rejected |
//! | the server proved that it did not process the request (HTTP/2) | rejected |
//! | 3xx except 303; 4xx except 408, 409, 425 and 499 | rejected |
//! | 303, 408, 409, 425, 499; 5xx; 2xx without a readable id; any other status | unknown |
//! | the answer to a redirect that the HTTP client followed | unknown |
//! | no answer, or a broken one without an id | unknown |
//!
//! The excepted statuses do not say that the request was refused. 303 is the answer to a POST that was
//! carried out (RFC 9110, section 15.4.4). With 408 and 499, a gateway gave up on a request that the server
//! behind it may have received. 409 is what a server says to a request that it already has, and 425 to one
//! that may be a repetition (RFC 8470), so an earlier copy may have been processed.
//!
//! An unknown outcome is never a reason to send again: the prediction may exist, and be billed.

use std::time::{Duration, SystemTime};

use wavespeed_client::text::shorten;
use wavespeed_client::{Answer, PredictionId};

use crate::store::number::JobNumber;
use crate::submit::candidates::Candidates;

/// The most characters of an answer that a message shows.
const MAX_SHOWN: usize = 200;

/// The result of sending a submit once.
pub(crate) enum Attempt {
    /// An answer of any kind.
    Answered(Answer),
    /// Nothing was sent: the request could not be built, no connection was established, or the
    /// deadline had expired.
    NotSent(String),
    /// The request was sent, and the server proved that it did not process it.
    Unprocessed(String),
    /// No answer came, and the request may have arrived.
    Unanswered(String),
}

/// The outcome of a submit.
#[derive(Debug)]
pub(crate) enum Outcome {
    Accepted(PredictionId),
    Rejected(RejectedSubmit),
    Unknown(UnknownOutcome),
}

/// A submit that was refused or never sent. Nothing is billed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct RejectedSubmit {
    /// The reason.
    pub refusal: Refusal,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The message of the vendor or of the connection.
    pub message: String,
    /// The time that the vendor asks to wait before another submit.
    pub retry_after: Option<Duration>,
    /// The reason why the store could not record the rejection, if it could not. The store then has a job
    /// whose outcome is unknown, and refuses an equal submit.
    pub store_error: Option<String>,
}

impl RejectedSubmit {
    fn text(&self) -> String {
        let what = match self.refusal {
            Refusal::NotSent => "could not be sent",
            Refusal::Unprocessed => "was not processed",
            _ => "was refused",
        };
        let text = format!("the submit {what} ({}); nothing is billed", self.message);
        match &self.store_error {
            Some(error) => format!("{text}, but the store could not record that: {error}"),
            None => text,
        }
    }

    pub(crate) fn not_sent(why: &str) -> Self {
        Self::unanswered(Refusal::NotSent, why)
    }

    /// Creates the rejection of a submit without an answer.
    fn unanswered(refusal: Refusal, why: &str) -> Self {
        Self {
            refusal,
            status: None,
            message: why.to_owned(),
            retry_after: None,
            store_error: None,
        }
    }

    /// Returns `true` if the same submit may be accepted later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.refusal,
            Refusal::NotSent | Refusal::Unprocessed | Refusal::Busy
        )
    }
}

/// The reason for a rejected submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing was sent: the request could not be built, no connection was established, or the
    /// deadline had expired.
    NotSent,
    /// The server proved that it did not process the request, as HTTP/2 allows it to
    /// ([`HttpErrorKind::Unprocessed`](crate::HttpErrorKind::Unprocessed)).
    Unprocessed,
    /// The API key is not valid (401).
    Key,
    /// The role of the API key does not permit a submit (403).
    Role,
    /// The account has no credit left.
    Credit,
    /// Too many submits, or too many jobs at once (429).
    Busy,
    /// The model does not exist (404).
    Model,
    /// The answer was a redirect, which a submit does not follow (3xx except 303).
    Redirect,
    /// The model does not take the input (4xx, except those above and 408, 409, 425 and 499, after which the
    /// outcome is unknown).
    Request,
}

/// A submit that was sent, without it being known whether a prediction was created. If one was, it is
/// billed. Look at the vendor's history (see [`Wavespeed::reconcile`](crate::Wavespeed::reconcile))
/// before you send it again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "the outcome of the submit is unknown ({message}): a prediction may have been created and billed"
)]
#[non_exhaustive]
pub struct UnknownOutcome {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The message of the vendor or of the connection.
    pub message: String,
    /// The part of the answer's body that arrived. It may contain an id in a form that was not
    /// understood.
    pub body: String,
    /// The number of the job in the store, if there is one: the job to reconcile.
    pub job: Option<JobNumber>,
    /// The result of looking for the job in the vendor's history.
    pub search: HistorySearch,
}

/// The result of looking for a job whose outcome is unknown in the vendor's history.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum HistorySearch {
    /// The history was not searched: there is no store, or the caller did not want it.
    #[default]
    Skipped,
    /// Another process is sending the job at this moment.
    BeingSent,
    /// The history was read whole and has no prediction that could be the one. One may still appear.
    NotFound,
    /// Nothing was found, but the deadline expired before the history lag was over.
    TooEarly,
    /// The submit never arrived: the history was read whole, twice, the second time after the submit could
    /// not be under way any more, and no other lost submit is from the same time. Nothing is billed.
    Absent,
    /// The history was read whole and has no prediction that could be the one, although the vendor answered
    /// the submit with a success (2xx). It did arrive, and may be billed. [`JobRecord::answer`] has the
    /// answer, in which no id could be read.
    ///
    /// [`JobRecord::answer`]: crate::JobRecord::answer
    Answered,
    /// Nothing is known: the submit is older than the 7 days that the vendor keeps its history.
    Expired,
    /// Nothing is known: the history could not be read whole.
    Incomplete,
    /// The history shows these predictions, each of which may be the one. A person has to decide.
    Candidates(Candidates),
    /// The history could not be read, for this reason.
    Failed(String),
}

impl UnknownOutcome {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            status: None,
            message: message.into(),
            body: String::new(),
            job: None,
            search: HistorySearch::Skipped,
        }
    }

    pub(crate) fn with_job(mut self, job: JobNumber) -> Self {
        self.job = Some(job);
        self
    }
}

/// Decides the outcome of an attempt. This is the table above.
pub(crate) fn decide(attempt: &Attempt, now: SystemTime) -> Outcome {
    let answer = match attempt {
        Attempt::Answered(answer) => answer,
        Attempt::NotSent(why) => {
            return Outcome::Rejected(RejectedSubmit::not_sent(why));
        }
        Attempt::Unprocessed(why) => {
            let rejected = RejectedSubmit::unanswered(Refusal::Unprocessed, why);
            return Outcome::Rejected(rejected);
        }
        Attempt::Unanswered(why) => {
            return Outcome::Unknown(UnknownOutcome::new(why));
        }
    };
    // An id is proof, whatever the status: the prediction exists.
    if let Some(id) = answer.prediction_id() {
        return Outcome::Accepted(id);
    }
    // The status of the POST itself is not known: it was 301, 302 or 303.
    if answer.followed_redirect {
        let message = format!("the HTTP client followed a redirect, which led to {answer}");
        return Outcome::Unknown(UnknownOutcome::new(message));
    }
    let status = answer.status.as_u16();
    let refusal = match status {
        401 => Refusal::Key,
        402 => Refusal::Credit,
        403 => Refusal::Role,
        404 => Refusal::Model,
        429 => Refusal::Busy,
        400 if lacks_credit(answer) => Refusal::Credit,
        303 | 408 | 409 | 425 | 499 => return unknown(answer),
        300..=399 => Refusal::Redirect,
        400..=499 => Refusal::Request,
        _ => return unknown(answer),
    };
    Outcome::Rejected(RejectedSubmit {
        refusal,
        status: Some(status),
        message: answer.to_string(),
        retry_after: answer.retry_after(now),
        store_error: None,
    })
}

fn unknown(answer: &Answer) -> Outcome {
    let mut message = answer.to_string();
    let body = answer.text();
    if let Some(id) = answer.raw_id() {
        let id = shorten(&answer.redact(&id), MAX_SHOWN);
        message = format!("{message}, with an id that cannot be used: {id:?}");
    } else if answer.status.is_success() && answer.json().is_some() {
        // A person may find the id in it. Of a body that is not JSON, the message has the start already.
        message = format!("{message}, without an id: {}", shorten(&body, MAX_SHOWN));
    }
    Outcome::Unknown(UnknownOutcome {
        status: Some(answer.status.as_u16()),
        body,
        ..UnknownOutcome::new(message)
    })
}

/// Returns `true` if the account has no credit left. A refused submit has no status or code for it,
/// only these words (`spec/wavespeed.yaml`, the example of the answer 400 to a submit).
fn lacks_credit(answer: &Answer) -> bool {
    answer
        .envelope()
        .message
        .is_some_and(|message| message.to_lowercase().contains("insufficient credit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decides on an answer without an id, and returns the outcome as a word.
    fn outcome(status: u16, body: &'static str) -> String {
        let answer = Attempt::Answered(Answer::new(status, body));
        match decide(&answer, SystemTime::UNIX_EPOCH) {
            Outcome::Accepted(id) => format!("accepted {id}"),
            Outcome::Rejected(rejected) => format!("rejected {:?}", rejected.refusal),
            Outcome::Unknown(_) => "unknown".to_owned(),
        }
    }

    #[test]
    fn every_status_without_an_id_has_its_row() {
        for status in 100..=999 {
            let expected = match status {
                401 => "rejected Key",
                402 => "rejected Credit",
                403 => "rejected Role",
                404 => "rejected Model",
                429 => "rejected Busy",
                303 | 408 | 409 | 425 | 499 => "unknown",
                300..=399 => "rejected Redirect",
                400..=498 => "rejected Request",
                _ => "unknown",
            };
            assert_eq!(outcome(status, "{}"), expected, "{status}");
        }
    }

    #[test]
    fn an_id_means_accepted_whatever_the_status() {
        for status in [200, 202, 302, 400, 408, 429, 500] {
            let body = r#"{"code":500,"data":{"id":"pred_1""#;
            assert_eq!(outcome(status, body), "accepted pred_1", "{status}");
        }
    }

    #[test]
    fn a_lack_of_credit_is_recognized_by_its_words() {
        let body = r#"{"message":"Insufficient credits. Please top up."}"#;
        assert_eq!(outcome(400, body), "rejected Credit");
        assert_eq!(outcome(500, body), "unknown");
    }

    #[test]
    fn an_attempt_without_an_answer_is_rejected_only_if_nothing_was_sent() {
        let now = SystemTime::UNIX_EPOCH;
        let not_sent = decide(&Attempt::NotSent("refused".into()), now);
        assert!(matches!(not_sent, Outcome::Rejected(rejected) if rejected.is_transient()));
        let refused = decide(&Attempt::Unprocessed("refused stream".into()), now);
        assert!(matches!(refused, Outcome::Rejected(rejected) if rejected.is_transient()));
        let lost = decide(&Attempt::Unanswered("reset".into()), now);
        assert!(matches!(lost, Outcome::Unknown(_)));
    }
}
