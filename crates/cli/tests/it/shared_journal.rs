//! Tests of a journal that other programs and accounts use, too.

use pollster::FutureExt as _;
use wavespeed::{JobNumber, Resolution, Settlement, Store as _};
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
