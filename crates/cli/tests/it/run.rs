//! Tests of a whole run: check, upload, submit, wait and save.

use serde_json::{Value, json};
use wavespeed_emulator::Ending;

use super::harness::*;

#[test]
fn run_saves_the_output_and_leaves_nothing_else() {
    let wave = Wave::new().without_key();
    let words = [
        "lipsync",
        "--emulate",
        "--video",
        "clip.mp4",
        "--text",
        "Hello",
        "-o",
        "out.mp4",
    ];
    assert_run!("main-job", wave.quick(&words));
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(
        std::fs::read_dir(wave.folder.path()).unwrap().count(),
        2,
        "nothing else is left"
    );
}

#[test]
fn run_in_json_names_the_saved_file() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let words = [&LIPSYNC[..], &["--json", "-o", "new/"]].concat();
    let run = wave.quick(&words);
    assert_run!("main-job-json", run);
    let file = run.json()["outputs"][0]["file"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(std::fs::read(wave.path(&file)).unwrap(), CLIP);
}

#[test]
fn run_without_output_prints_urls() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!("urls", emulated.wave().quick(&LIPSYNC));
    let run = ["run", "kwaivgi/kling-lipsync/text-to-video"];
    assert_run!(
        "urls-run",
        emulated.wave().quick(&[&run, &LIPSYNC[1..]].concat())
    );
}

#[test]
fn required_default_is_sent_and_optional_inputs_are_not() {
    let emulated = Emulated::start(|builder| builder);
    emulated.wave().quick(&LIPSYNC);
    let submit = emulated
        .emulator
        .requests()
        .into_iter()
        .find(|request| request.path.ends_with("text-to-video"));
    let expected = json!({"video": VIDEO, "text": "Hello", "voice_id": "genshin_klee2"});
    assert_eq!(submit.unwrap().body, Some(expected));
}

#[test]
fn text_may_begin_with_a_hyphen_but_is_no_flag() {
    let emulated = Emulated::start(|builder| builder);
    let run = emulated.wave().quick(&[
        "lipsync",
        "--no-media-check",
        "--video",
        VIDEO,
        "--text",
        "-5 degrees",
    ]);
    assert_eq!(run.exit, 0, "{run}");
    assert_run!(
        "text-forgotten",
        emulated
            .wave()
            .run(&["lipsync", "--text", "--video", VIDEO])
    );
    assert_eq!(emulated.emulator.billed(), 1);
}

#[test]
fn failed_job_exits_with_1() {
    let failing = |status: &str, error: &str| {
        let ending = Ending::new(status, error);
        Emulated::start(|builder| builder.ending(ending))
            .wave()
            .quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    };
    assert_run!(
        "task-failed",
        failing("failed", "no face was found\u{1b}[2J in the video")
    );
    assert_run!("task-cancelled", failing("cancelled", ""));
    let run = failing("timeout", "");
    assert_eq!(run.exit, 1);
}

#[test]
fn output_that_cannot_be_saved_is_reported_after_the_id() {
    let gone = |outputs: Value| {
        let done = record(json!({"id": ID, "status": "completed", "outputs": outputs}));
        answers(created(), done)
    };
    let (_runtime, server) = gone(json!(["http://127.0.0.1:1/out.mp4"]));
    let wave = Wave::at(&server.uri());
    // The deadline leaves little time for the back-offs between the retries of a download.
    let words = [&LIPSYNC[..], &["-o", "out.mp4", "--timeout", "3s"]].concat();
    assert_run!("save-unreachable", wave.quick(&words));
    assert!(!wave.path("out.mp4").exists());
    let (_runtime, server) = gone(json!([]));
    assert_run!(
        "save-nothing",
        Wave::at(&server.uri()).quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    );
    let (_runtime, server) = gone(json!([{"text": "no\u{1b}[2J file"}, "plain\u{7} words"]));
    assert_run!("outputs-odd", Wave::at(&server.uri()).quick(&LIPSYNC));
}
