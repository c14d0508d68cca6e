//! Tests of the jobs in the vendor's history that may be the one of a lost submit: which one is adopted, and
//! how a person decides about the others.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{CLIP, ID, LIPSYNC, VIDEO, record, refused};
use super::history_server::{HistoryServer, foreign_item, item, page, resume};

#[test]
fn submit_without_answer_is_found_and_finished() {
    let server = HistoryServer::start(&[item(ID, 0)]);
    let wave = server.wave();
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4", "--json"]].concat());
    assert_eq!(run.exit, 8, "{run}");
    let document = run.json();
    assert_eq!(
        (&document["id"], &document["job"], &document["reconciled"]),
        (&json!(ID), &json!("j1"), &json!("inferred"))
    );
    assert!(
        run.stderr
            .contains("it could belong to another client of the account"),
        "{run}"
    );
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(server.submits(), 1);
}

#[test]
fn candidates_are_listed_with_the_command_for_each() {
    let server = HistoryServer::start(&[item(ID, 0), item("another-one", 0)]);
    let wave = server.wave();
    let run = wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 5, "{run}");
    let another = format!("compare them with: wave show {ID} another-one\n");
    for part in [
        "2 jobs in the vendor's history could be the one, and none is adopted: several jobs could \
         be the one\n  ID ",
        " the submit  created\n",
        &another,
        &format!("hint: if {ID} is j1: wave resume j1 --adopt {ID}\n"),
        "hint: if another-one is j1: wave resume j1 --adopt another-one\n",
        &format!(
            "hint: if none of them is j1, submit it again, which is billed: wave resume j1 \
             --resubmit --not {ID} --not another-one\n"
        ),
    ] {
        assert!(run.stderr.contains(part), "{part}\n{run}");
    }
    let run = resume(&wave, &["--adopt", ID, "--json"]);
    let document = run.json();
    assert_eq!(
        (run.exit, &document["reconciled"]),
        (0, &json!("chosen")),
        "{run}"
    );
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(server.submits(), 1);
}

#[test]
fn candidates_are_data_in_the_document() {
    // The older one is outside the window, but the model of the other is not known.
    let mut unproven = item("without-model", 0);
    unproven.as_object_mut().unwrap().remove("model");
    let mut undated = item("without-time", 0);
    undated.as_object_mut().unwrap().remove("created_at");
    let server = HistoryServer::start(&[unproven, undated, item("too-old", -600)]);
    let wave = server.lose_job();
    let run = resume(&wave, &["--json"]);
    let error = &run.json()["error"];
    let candidates = error["candidates"].as_array().unwrap();
    assert_eq!(
        (run.exit, candidates.len(), &error["held_back"]),
        (5, 2, &json!("several")),
        "{run}"
    );
    assert_eq!(candidates[0]["id"], "without-model");
    let created = candidates[0]["created_at"].as_str().unwrap();
    assert!(created.parse::<jiff::Timestamp>().is_ok(), "{created}");
    assert_eq!(candidates[0]["status"], "created");
    assert!(candidates[0]["distance"].as_i64().unwrap().abs() < 60);
    assert_eq!(
        (&candidates[1]["created_at"], &candidates[1]["distance"]),
        (&Value::Null, &Value::Null)
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains("wave resume j1 --adopt without-time"),
        "{hint}"
    );
}

#[test]
fn policy_decides_whether_a_single_candidate_is_adopted() {
    let server = HistoryServer::start(&[item(ID, 0), foreign_item()]);
    let wave = server.lose_job();
    let certain = ["--adopt-policy", "certain"];
    for (options, held_back) in [(&[][..], "other-writer"), (&certain, "policy")] {
        let run = resume(&wave, &[&["--json"], options].concat());
        let error = &run.json()["error"];
        assert_eq!(
            (run.exit, &error["held_back"], &error["candidates"][0]["id"]),
            (5, &json!(held_back), &json!(ID)),
            "{run}"
        );
    }
    let run = resume(&wave, &["--adopt-policy", "Single", "--json"]);
    assert_eq!(
        (run.exit, &run.json()["reconciled"]),
        (8, &json!("inferred")),
        "{run}"
    );
    let refused = resume(&wave, &["--adopt-policy", "single", "--no-adopt"]);
    assert_eq!(refused.exit, 2, "{refused}");
}

#[test]
fn job_is_submitted_again_once_no_candidate_is_left() {
    let server = HistoryServer::start(&[item("one-1", 0), item("two-2", 0)]);
    let wave = server.lose_job();
    let run = resume(&wave, &["--resubmit"]);
    assert_eq!((run.exit, server.submits()), (5, 1), "{run}");
    assert!(
        run.stderr.contains("--resubmit --not one-1 --not two-2\n"),
        "{run}"
    );
    let both = ["--resubmit", "--not", "one-1", "--not", "two-2"];
    let run = resume(&wave, &both);
    assert_eq!((run.exit, server.submits()), (0, 2), "{run}");
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    let refused = resume(&wave, &["--not", "one-1"]);
    assert_eq!(refused.exit, 2, "{refused}");
}

/// The exit code says so as often as the outputs are saved.
#[test]
fn inferred_id_has_an_exit_code_until_it_is_accepted() {
    let server = HistoryServer::start(&[item(ID, 0)]);
    let wave = server.lose_job();
    let cases: [(&[&str], i32); 8] = [
        (&["resume", "j1"], 8),
        (&["resume", "j1", "--accept-inferred"], 0),
        (&["wait", "j1", "--json"], 8),
        (&["show", "j1"], 0),
        (&["jobs", "show", "j1"], 0),
        (&["download", "j1", "-o", "copy.mp4"], 8),
        // Another failure says more.
        (&["download", "j1", "-o", "copy.mp4"], 2),
        (&["wait", "j1", "j99"], 2),
    ];
    for (words, exit) in cases {
        let run = wave.quick(words);
        assert_eq!(run.exit, exit, "{words:?}\n{run}");
    }
}

#[test]
fn certain_id_is_no_reason_for_an_exit_code() {
    let mut proven = item(ID, 0);
    proven["input"] = json!({"video": VIDEO, "text": "Hello", "voice_id": "genshin_klee2"});
    let server = HistoryServer::start(&[proven]);
    let wave = server.lose_job();
    let run = resume(&wave, &["--json", "--adopt-policy", "certain"]);
    assert_eq!(
        (run.exit, &run.json()["reconciled"]),
        (0, &json!("certain")),
        "{run}"
    );
}

#[test]
fn automatic_adoption_can_be_turned_off() {
    let server = HistoryServer::start(&[item(ID, 0)]);
    let wave = server.lose_job();
    let run = resume(&wave, &["--json"]);
    assert_eq!(run.json()["reconciled"], "inferred", "{run}");
    assert_eq!(server.submits(), 1);
}

/// A second payment is suggested only after a look that was whole and found nothing.
#[test]
fn each_result_of_a_search_has_its_sentence_and_next_step() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let empty = || page(&[]);
    let partial = record(json!({"page": 1, "items": [], "total": 5, "has_more": false}));
    let lagging = ["--settle-time", "2h", "--timeout", "300ms"];
    let again = "do not submit again; look again later with: wave resume j1\n";
    let resubmit = "submit it again with: wave resume j1 --resubmit\n";
    let (lag, age) = (&lagging[..], HOUR);
    for (history, age, options, said, next) in [
        (
            empty(),
            age,
            &[][..],
            "nothing is billed: the vendor's history was read",
            resubmit,
        ),
        (
            empty(),
            Duration::ZERO,
            &[],
            "was read whole, and no job in it can be the one\n",
            "which is billed even if the first submit arrived: wave resume j1 --resubmit\n",
        ),
        (empty(), age, lag, "but may still do so", again),
        (partial, age, &[], "could not be read whole", again),
        (
            refused(400, "no"),
            age,
            &[],
            "could not be read: the vendor",
            again,
        ),
        (
            empty(),
            24 * 8 * HOUR,
            &[],
            "older than the 7 days that it covers\n",
            "wave billings; if the job is no longer wanted: wave jobs forget j1\n",
        ),
    ] {
        let server = HistoryServer::answering(history);
        let wave = server.lost_job_of(age);
        let run = resume(&wave, options);
        assert_eq!((run.exit, server.submits()), (5, 0), "{run}");
        assert!(run.stderr.contains(said), "{said}\n{run}");
        assert!(run.stderr.ends_with(next), "{next}\n{run}");
        let is_absent = next == resubmit;
        let is_unknown = run
            .stderr
            .contains("it is not known whether the job was created");
        assert_eq!(is_unknown, !is_absent, "{run}");
    }
}

#[test]
fn job_that_is_being_sent_is_waited_for() {
    let server = HistoryServer::start(&[]);
    let wave = server.wave();
    // The intent of a process that is about to send.
    let (_journal, _claim) = server.sending(&wave);
    let run = resume(&wave, &[]);
    assert_eq!((run.exit, server.submits()), (5, 0), "{run}");
    for part in [
        "another process is sending it at this moment\n",
        "wait for its outcome with: wave resume j1\n",
    ] {
        assert!(run.stderr.contains(part), "{run}");
    }
}

#[test]
fn history_that_was_not_searched_is_named_as_the_next_step() {
    let server = HistoryServer::start(&[]);
    let run = server
        .wave()
        .quick(&[&LIPSYNC[..], &["--no-adopt"]].concat());
    let error = "(HTTP 502); it may have been billed: the vendor's history was not searched\n";
    assert!(run.stderr.contains(error), "{run}");
    let hint = "look for the job in the vendor's history with: wave resume j1\n";
    assert!(run.stderr.ends_with(hint), "{run}");
}

/// An id that begins with `-` must not be taken for a flag.
#[test]
fn commands_of_a_candidate_work_whatever_its_id_begins_with() {
    let server = HistoryServer::start(&[item("-id-1", 0), foreign_item()]);
    let wave = server.lose_job();
    let run = resume(&wave, &[]);
    assert!(
        run.stderr.contains("wave resume j1 --adopt id:-id-1\n"),
        "{run}"
    );
    assert!(run.stderr.contains("--resubmit --not id:-id-1\n"), "{run}");
    let run = resume(&wave, &["--adopt", "id:-id-1"]);
    assert_eq!(run.exit, 0, "{run}");
}
