//! What a submit without a readable answer comes to: one row for each rule, with the exit code of the command,
//! that of the next step which it names, and what is billed in the end.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::harness::{ID, LIPSYNC, VIDEO};
use super::history_server::{HistoryServer, foreign_item, item, page};

/// The prediction of the submit, in the history.
const OWN: &str = "own-prediction";

struct Row {
    name: &'static str,
    server: HistoryServer,
    /// `true` if the vendor has created a prediction, which is billed.
    is_created: bool,
    options: &'static [&'static str],
    exit: i32,
    /// The arguments of `wave resume j1`, and its exit code.
    then: Option<(&'static [&'static str], i32)>,
    /// The predictions that are billed in the end.
    billed: usize,
}

fn row(name: &'static str, server: HistoryServer) -> Row {
    Row {
        name,
        server,
        is_created: true,
        options: &[],
        exit: 5,
        then: None,
        billed: 1,
    }
}

impl Row {
    /// Nothing was created.
    fn absent(mut self) -> Self {
        (self.is_created, self.billed) = (false, 0);
        self
    }

    fn options(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }

    fn exit(mut self, exit: i32) -> Self {
        self.exit = exit;
        self
    }

    fn then(mut self, arguments: &'static [&'static str], exit: i32) -> Self {
        self.then = Some((arguments, exit));
        self
    }

    fn billed(mut self, billed: usize) -> Self {
        self.billed = billed;
        self
    }

    fn check(&self) {
        let wave = self.server.wave();
        let mut words = [&LIPSYNC[..], &["-o", "out.mp4"], self.options].concat();
        let run = wave.quick(&words);
        assert_eq!(run.exit, self.exit, "{}: {run}", self.name);
        // A command that exits with an error leaves a job that can be resumed.
        if run.exit == 5 {
            assert!(run.stderr.contains("j1"), "{}: {run}", self.name);
        }
        if let Some((arguments, exit)) = self.then {
            words = [&["resume", "j1"], arguments].concat();
            let run = wave.quick(&words);
            assert_eq!(run.exit, exit, "{}: {run}", self.name);
        }
        let billed = usize::from(self.is_created) + self.server.submits() - 1;
        assert_eq!(billed, self.billed, "{}", self.name);
    }
}

fn with(field: &str, value: Value, mut item: Value) -> Value {
    item[field] = value;
    item
}

fn without(field: &str, mut item: Value) -> Value {
    item.as_object_mut().unwrap().remove(field);
    item
}

/// Returns a server that has lost the answer, and shows these items.
fn lost(items: &[Value]) -> HistoryServer {
    HistoryServer::start(items)
}

/// Returns a server with this answer to the submit, and the prediction in its history.
fn answered(answer: ResponseTemplate) -> HistoryServer {
    HistoryServer::after(answer, &[item(OWN, 0)])
}

fn bytes(body: impl Into<Vec<u8>>) -> HistoryServer {
    answered(ResponseTemplate::new(200).set_body_bytes(body.into()))
}

#[test]
fn every_rule_has_its_exit_code_and_bill() {
    let own = || item(OWN, 0);
    let strangers: Vec<Value> = (0..150)
        .map(|n| item(&format!("other-{n}"), 60 + n))
        .collect();
    let with_own: Vec<Value> = strangers.iter().cloned().chain([own()]).collect();
    let input = json!({ "video": VIDEO, "text": "Hello", "voice_id": "genshin_klee2" });
    let unreadable = HistoryServer::answering(ResponseTemplate::new(500));
    let endless = page(&[own()]).set_body_json(json!({
        "code": 200, "data": { "items": [without("created_at", own())], "total": 2, "has_more": false },
    }));
    let accepted = format!(r#"{{"code":200,"data":{{"id":"{ID}","status":"created"}}}}"#);
    let utf16: Vec<u8> = accepted.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows = [
        row("found alone", lost(&[own()])).exit(8),
        row("found alone, and accepted", lost(&[own()]))
            .options(&["--accept-inferred"])
            .exit(0),
        row("found three times", lost(&[own(), own(), own()])).exit(8),
        row("150 newer jobs of others", lost(&with_own)).then(&["--adopt", OWN], 0),
        row("150 newer jobs, and not the own one", lost(&strangers))
            .absent()
            .then(&["--resubmit"], 5),
        row("another program", lost(&[own(), foreign_item()])).then(&["--adopt", OWN], 0),
        row(
            "another program, by the policy",
            lost(&[own(), foreign_item()]),
        )
        .options(&["--adopt-policy", "single"])
        .exit(8),
        row("certain evidence only", lost(&[own()])).options(&["--adopt-policy", "certain"]),
        row(
            "another input",
            lost(&[with("input", json!({ "text": "Bye" }), own())]),
        )
        .absent()
        .then(&["--resubmit"], 0)
        .billed(1),
        row(
            "the same input, by every policy",
            lost(&[with("input", input, own()), foreign_item()]),
        )
        .options(&["--adopt-policy", "certain"])
        .exit(0),
        row("two candidates", lost(&[own(), item("other-1", 1)]))
            .then(&["--resubmit", "--not", "other-1"], 5),
        row("no model", lost(&[without("model", own())])).then(&["--adopt", OWN], 0),
        row("no time", lost(&[without("created_at", own())])).then(&["--resubmit"], 5),
        row("outside the window", lost(&[item(OWN, 600)])).then(&["--resubmit"], 5),
        row("nothing", lost(&[]))
            .absent()
            .then(&["--resubmit"], 0)
            .billed(1),
        row("an unreadable history", unreadable).then(&["--resubmit"], 5),
        row("an incomplete history", HistoryServer::answering(endless)).then(&["--resubmit"], 5),
        row("303", answered(ResponseTemplate::new(303))).exit(8),
        row("409", answered(ResponseTemplate::new(409))).exit(8),
        row("425", answered(ResponseTemplate::new(425))).exit(8),
        row("499", answered(ResponseTemplate::new(499))).exit(8),
        row("400", HistoryServer::after(ResponseTemplate::new(400), &[]))
            .absent()
            .exit(6)
            .then(&[], 6),
        row("a byte order mark", bytes(format!("\u{feff}{accepted}"))).exit(0),
        row("UTF-16", bytes(utf16)).exit(0),
        row(
            "no envelope",
            bytes(format!(r#"{{"id":"{ID}","status":"created"}}"#)),
        )
        .exit(0),
        row(
            "a numeric id",
            bytes(r#"{"code":200,"data":{"id":12345678901234567890,"status":"created"}}"#),
        )
        .exit(0),
        row(
            "an id with a slash",
            bytes(r#"{"code":200,"data":{"id":"a/b c","status":"created"}}"#),
        )
        .exit(0),
        row(
            "an id that is a path",
            bytes(r#"{"code":200,"data":{"id":"..","status":"created"}}"#),
        )
        .exit(8),
        row(
            "a success with nothing",
            HistoryServer::after(ResponseTemplate::new(200), &[]),
        )
        .exit(5),
    ];
    for row in rows {
        row.check();
    }
}
