//! Whatever a vendor answers, a submit is sent again only after a refusal that is sure: no path
//! leads from an unknown outcome to a second POST. What must come of a row of answers is told here
//! a second time, and more simply than the library tells it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wavespeed::SubmitError;
use wavespeed::poll::ManualClock;
use wavespeed_harness::tcp::{Act, Server};
use wavespeed_harness::{ID, input, settings};

/// One answer to a submit, or what is left of one.
#[derive(Clone, Debug)]
struct Reply {
    /// Absent if the connection broke before it was said.
    status: Option<u16>,
    retry_after: &'static str,
    body: String,
    /// Whether an id is in the body.
    known: bool,
}

#[derive(Debug, PartialEq)]
enum End {
    Accepted,
    Rejected,
    Unknown,
}

impl Reply {
    fn act(&self) -> Act {
        let Some(status) = self.status else {
            return Act::hang_up("HTTP/1.1");
        };
        // One byte more is announced than comes, whatever comes, for some of them.
        let length = self.body.len() + usize::from(self.retry_after.is_empty());
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n");
        Act::hang_up(format!("{head}{}\r\n{}", self.retry_after, self.body))
    }

    fn end(&self) -> End {
        match self.status {
            Some(_) if self.known => End::Accepted,
            None | Some(408 | 200..300 | 500..) => End::Unknown,
            _ => End::Rejected,
        }
    }

    fn may_be_repeated(&self) -> bool {
        self.status == Some(429) && !self.known
    }
}

fn reply() -> impl Strategy<Value = Reply> {
    let status = prop_oneof![
        4 => Just(Some(429)),
        2 => (200u16..600).prop_map(Some),
        1 => prop::sample::select(vec![200, 201, 307, 401, 408, 500, 502, 503, 504]).prop_map(Some),
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
    let known = (until_id..=with_id.len()).prop_map({
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
    let body = prop_oneof![1 => known, 2 => cut, 2 => other, 1 => noise];
    (status, retry_after, body).prop_map(|(status, retry_after, (body, known))| Reply {
        status,
        retry_after,
        // These have none, whatever is sent.
        known: known && !matches!(status, Some(204 | 304)),
        body,
    })
}

#[test]
fn no_path_leads_from_an_unknown_outcome_to_a_second_post() {
    let runtime = wavespeed_harness::runtime();
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let rows = prop::collection::vec(reply(), 1..6);
    let outcome = runner.run(&(rows, 0u32..5), |(replies, resends)| {
        let budget = resends as usize + 1;
        let allowed = replies.iter().take_while(|reply| reply.may_be_repeated());
        let posts = (allowed.count() + 1).min(budget).min(replies.len());
        // All that may be repeated is: the last one comes for ever.
        let posts = match replies.iter().all(Reply::may_be_repeated) {
            true => budget,
            false => posts,
        };
        let end = replies[posts.min(replies.len()) - 1].end();
        let (seen, got) = runtime.block_on(async {
            let server = Server::start(replies.iter().map(Reply::act)).await;
            let settings = settings(&server.origin, &ManualClock::default());
            let client = settings.resends(resends).build().unwrap();
            let got = match client.submit(&input()).await {
                Ok(job) if job.id().as_str() == ID => End::Accepted,
                Err(SubmitError::Rejected(_)) => End::Rejected,
                Err(SubmitError::Unknown(_)) => End::Unknown,
                other => panic!("{other:?}"),
            };
            (server.requests(), got)
        });
        prop_assert_eq!(got, end);
        prop_assert_eq!(seen.len(), posts);
        prop_assert!(seen.iter().all(|request| request.starts_with("POST /")));
        Ok(())
    });
    outcome.unwrap();
}
