//! Tests of a journal that other programs and accounts use, too.

use std::time::SystemTime;

use pollster::FutureExt as _;
use wavespeed::{
    Account, Identity, Intended, Intent, JobNumber, Resolution, Settlement, Store as _,
};
use wavespeed_journal::Journal;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request};

use super::harness::{Emulated, ID, LIPSYNC, Wave, created, runtime};

#[test]
fn second_id_of_a_job_is_reported_and_the_first_one_kept() {
    let (runtime, wave) = (runtime(), Wave::new());
    let journal = wave.journal();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(move |_: &Request| {
                // Another program records an id while this answer is on its way.
                let journal = Journal::open(&journal).unwrap();
                let other = Settlement::from(Resolution::Accepted("pred_other".parse().unwrap()));
                let settled = journal.settle(JobNumber::new(1), &other);
                settled.block_on().unwrap();
                created()
            })
            .mount(&server)
            .await;
        server
    });
    let wave = wave.with("WAVESPEED_BASE_URL", &server.uri());
    let run = wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat());
    assert_eq!((run.exit, run.stdout.trim()), (0, ID), "{run}");
    let accepted = format!("j1 was accepted as pred_other and then as {ID}");
    assert!(run.stderr.contains(&accepted), "{run}");
    assert!(run.stderr.contains("wave jobs show j1"), "{run}");
    let shown = wave.run(&["jobs", "show", "j1", "--json"]).json();
    assert_eq!(shown[0]["id"], ID);
    assert_eq!(shown[0]["attempts"][0]["id"], "pred_other");
}

#[test]
#[cfg(unix)]
fn journal_with_a_hard_link_is_refused_before_the_submit() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    assert_eq!(wave.run(&["jobs"]).exit, 0);
    std::fs::hard_link(wave.journal(), wave.path("link.db")).unwrap();
    for path in [wave.journal(), wave.path("link.db")] {
        let path = path.to_str().unwrap();
        let run = wave.run(&[&LIPSYNC[..], &["--journal", path]].concat());
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains("has 2 names (hard links)"), "{run}");
        // Another journal would not know the jobs of this one.
        assert!(!run.stderr.contains("--no-journal"), "{run}");
    }
    assert_eq!(emulated.emulator.billed(), 0);
}

/// A job of another account, lost with the input of [`LIPSYNC`].
fn lose(wave: &Wave, account: &Account) -> JobNumber {
    let dry = [&LIPSYNC[..], &["--dry-run", "--json"]].concat();
    let document = wave.run(&dry).json();
    let (input, model) = (
        &document["request"]["body"],
        "kwaivgi/kling-lipsync/text-to-video",
    );
    let identity = Identity::new(model, input, &Default::default());
    let (model, body) = (model.parse().unwrap(), input.to_string());
    let journal = Journal::open(wave.journal()).unwrap();
    let intent = Intent::new(account, &model, &body, &identity, SystemTime::now());
    match journal.intend(&intent).block_on().unwrap() {
        Intended::Recorded { job, .. } => job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lost_submit_of_another_account_refuses_an_equal_one() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let origin = emulated.emulator.origin().replace("127.0.0.1", "LOCALHOST");
    let base_url = format!("{origin}/api/v3/");
    let number = lose(&wave, &Account::new(&*base_url, "the render farm")).to_string();
    let run = wave.quick(&LIPSYNC);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    for part in [
        &format!("{number} of the account \"the render farm\" at {base_url} has the same model"),
        &format!("wave resume {number} --base-url {base_url}"),
        "--ignore-other-accounts",
    ] {
        assert!(run.stderr.contains(part), "{run}");
    }
    let jobs = wave.run(&["jobs", "--json"]);
    assert_eq!((jobs.exit, jobs.stdout.trim()), (0, "[]"), "{jobs}");
    let warning = "1 submit of another account has no known outcome and may have been billed; see with: wave jobs show";
    assert!(
        jobs.stderr.contains(&format!("{warning} {number}\n")),
        "{jobs}"
    );
    let quiet = wave.run(&["jobs", "--json", "--quiet"]);
    assert_eq!(quiet.stderr, "", "{quiet}");
    let shown = wave.run(&["jobs", "show", &number, "--json"]).json();
    assert_eq!(
        (&shown[0]["account"], &shown[0]["base_url"]),
        (&"the render farm".into(), &base_url.into())
    );

    let run = wave.quick(&[&LIPSYNC[..], &["--ignore-other-accounts"]].concat());
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
}
