//! Property test of submit retries: for any list of answers, a submit is retried only after a certain
//! rejection, so an unknown outcome never leads to a second POST. The expected outcome is computed
//! here independently of the library, by a simpler rule.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wavespeed::SubmitError;
use wavespeed::poll::ManualClock;
use wavespeed_harness::tcp::{Action, Server};
use wavespeed_harness::{ID, input, settings};

/// An answer to a submit, which may be incomplete.
#[derive(Clone, Debug)]
struct Reply {
    /// The HTTP status; absent if the connection broke before it.
    status: Option<u16>,
    /// The header line, or nothing.
    retry_after: &'static str,
    body: String,
    /// `true` if the body contains a whole id.
    has_id: bool,
}

/// The outcome of a submit.
#[derive(Debug, PartialEq)]
enum Outcome {
    Accepted,
    Rejected,
    Unknown,
}

impl Reply {
    fn action(&self) -> Action {
        let Some(status) = self.status else {
            return Action::hang_up("HTTP/1.1");
        };
        // Replies without the header announce one byte more than they send.
        let length = self.body.len() + usize::from(self.retry_after.is_empty());
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n");
        Action::hang_up(format!("{head}{}\r\n{}", self.retry_after, self.body))
    }

    /// The expected outcome if this is the last answer.
    fn outcome(&self) -> Outcome {
        match self.status {
            Some(_) if self.has_id => Outcome::Accepted,
            None | Some(303 | 408 | 409 | 425 | 499 | 200..300 | 500..) => Outcome::Unknown,
            _ => Outcome::Rejected,
        }
    }

    /// Returns `true` if the submit may be retried after this answer.
    fn allows_retry(&self) -> bool {
        self.status == Some(429) && !self.has_id
    }
}

/// Replies of all kinds; 429 is the most frequent, since only it allows a retry.
fn reply() -> impl Strategy<Value = Reply> {
    let status = prop_oneof![
        4 => Just(Some(429)),
        2 => (200u16..600).prop_map(Some),
        1 => prop::sample::select(vec![200, 201, 303, 307, 401, 408, 409, 425, 499, 500, 502, 503, 504]).prop_map(Some),
        1 => Just(None),
    ];
    let retry_after = prop::sample::select(vec![
        "",
        "Retry-After: 7\r\n",
        "Retry-After: 99999999999999999999\r\n",
        "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "Retry-After: soon\r\n",
    ]);
    let with_id = format!(r#"{{"code":200,"data":{{"id":"{ID}","status":"created"}}}}"#);
    let until_id = with_id.find(ID).unwrap() + ID.len() + 1;
    let complete = (until_id..=with_id.len()).prop_map({
        let with_id = with_id.clone();
        move |end| (with_id[..end].to_owned(), true)
    });
    let cut = (0..until_id).prop_map(move |end| (with_id[..end].to_owned(), false));
    let other = prop::sample::select(vec![
        r#"{"code":200,"message":"success","data":null}"#,
        r#"{"code":5003,"message":"Service unavailable","data":null}"#,
        r#"{"code":429,"message":"too many requests"}"#,
        r#"{"code":200,"data":[]}"#,
        "<html>bad gateway</html>",
        "null",
        "",
    ]);
    let other = other.prop_map(|text| (text.to_owned(), false));
    let noise = "[ -z]{0,40}".prop_map(|text| (text, false));
    let body = prop_oneof![1 => complete, 2 => cut, 2 => other, 1 => noise];
    (status, retry_after, body).prop_map(|(status, retry_after, (body, has_id))| Reply {
        status,
        retry_after,
        // Answers with these statuses have no body.
        has_id: has_id && !matches!(status, Some(204 | 304)),
        body,
    })
}

#[test]
fn unknown_outcome_never_leads_to_a_second_post() {
    let runtime = wavespeed_harness::runtime();
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let replies = prop::collection::vec(reply(), 1..6);
    let result = runner.run(&(replies, 0u32..5), |(replies, resends)| {
        let budget = resends as usize + 1;
        let allowed = replies.iter().take_while(|reply| reply.allows_retry());
        let posts = (allowed.count() + 1).min(budget).min(replies.len());
        // If every reply allows a retry, the last one is repeated until the budget is used up.
        let posts = match replies.iter().all(Reply::allows_retry) {
            true => budget,
            false => posts,
        };
        let expected = replies[posts.min(replies.len()) - 1].outcome();
        let (sent, outcome) = runtime.block_on(async {
            let server = Server::start(replies.iter().map(Reply::action)).await;
            let settings = settings(&server.origin, &ManualClock::default());
            // A wait of an hour would be refused by the default deadline.
            let settings = settings.deadline(None).resends(resends);
            let client = settings.build().unwrap();
            let outcome = match client.submit(&input()).await {
                Ok(job) if job.id().as_str() == ID => Outcome::Accepted,
                Err(SubmitError::Rejected(_)) => Outcome::Rejected,
                Err(SubmitError::Unknown(_)) => Outcome::Unknown,
                other => panic!("{other:?}"),
            };
            (server.requests(), outcome)
        });
        prop_assert_eq!(outcome, expected);
        prop_assert_eq!(sent.len(), posts);
        prop_assert!(sent.iter().all(|request| request.starts_with("POST /")));
        Ok(())
    });
    result.unwrap();
}
