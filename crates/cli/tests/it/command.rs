//! Tests of the whole command `wave`, as a person or a script meets it: stdout, stderr and exit code.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use wavespeed_emulator::{Clock, Ending};
use wiremock::ResponseTemplate;

use super::harness::*;

#[test]
fn help_and_version() {
    let wave = Wave::new().without_key();
    assert_run!("help-short", wave.run(&["lipsync", "-h"]));
    let emulator = wave.run(&["emulator", "--help"]);
    assert!(emulator.stdout.contains("| `lose-answer` |"), "{emulator}");
    assert_run!("no-command", wave.run(&[]));
    let version = wave.run(&["--version"]);
    assert_eq!(
        (version.exit, &*version.stdout),
        (0, concat!("wave ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[test]
fn lists() {
    let wave = Wave::new().without_key();
    assert_run!("models", wave.run(&["models"]));
    assert_run!("models-json", wave.run(&["models", "--json"]));
    assert_run!("voices", wave.run(&["voices"]));
    let voices = wave.run(&["voices", "--json"]).json();
    assert_eq!(voices.as_array().unwrap().len(), 25);
    assert_eq!(
        voices
            .as_array()
            .unwrap()
            .iter()
            .filter(|voice| voice["names"]["zh"].is_string())
            .count(),
        16
    );
    assert_eq!(
        voices[4],
        json!({"id": "genshin_klee2", "names": {"en": "Peppy", "zh": "温柔小妹"}, "default": true})
    );
}

#[test]
fn the_main_job() {
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
fn the_main_job_in_json() {
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
fn without_a_place_to_save_the_urls_are_printed() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!("urls", emulated.wave().quick(&LIPSYNC));
    let run = ["run", "kwaivgi/kling-lipsync/text-to-video"];
    assert_run!(
        "urls-run",
        emulated.wave().quick(&[&run, &LIPSYNC[1..]].concat())
    );
}

#[test]
fn a_required_input_with_a_default_is_sent_and_optional_ones_are_not() {
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
fn a_task_can_be_left_and_taken_up_again() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let wave = emulated.wave();
    let left = wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat());
    assert_run!("left", left);
    let id = left.stdout.trim();
    assert_run!(
        "left-json",
        wave.run(&[&LIPSYNC[..], &["--no-wait", "--json"]].concat())
    );
    assert_run!("show-created", wave.run(&["show", id]));
    assert_run!("download-early", wave.run(&["download", id]));
    clock.advance(Duration::from_secs(60));
    assert_run!("show-completed", wave.run(&["show", id]));
    assert_run!("wait", wave.run(&["wait", id, "-o", "out.mp4"]));
    assert_run!("download", wave.run(&["download", id]));
    assert_eq!(
        std::fs::read(wave.path(&format!("{id}.mp4"))).unwrap(),
        CLIP
    );
}

#[test]
fn several_tasks_are_one_list_in_the_order_of_the_ids() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let ids: Vec<String> = (0..2)
        .map(|_| {
            wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat())
                .stdout
                .trim()
                .to_owned()
        })
        .collect();
    let run = wave.run(&["wait", &ids[1], &ids[0], "--json", "-o", "videos/"]);
    let found: Vec<Value> = run
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(found, [json!(ids[1]), json!(ids[0])]);
    assert_eq!(std::fs::read_dir(wave.path("videos")).unwrap().count(), 2);
    assert_run!(
        "several-to-one-file",
        wave.run(&["wait", &ids[0], &ids[1], "-o", "out.mp4"])
    );
}

#[test]
fn wrong_input_is_refused_before_anything_is_sent() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(wave.path("empty.mp4"), "").unwrap();
    std::fs::write(wave.path("words.mp4"), "these are words, not a video").unwrap();
    let long = "x".repeat(121);
    let cases: &[(&str, &[&str])] = &[
        ("nothing", &[]),
        ("empty-text", &["--video", VIDEO, "--text", ""]),
        ("long-text", &["--video", VIDEO, "--text", &long]),
        (
            "unknown-voice",
            &["--video", VIDEO, "--text", "a", "--voice-id", "genshin_kle"],
        ),
        (
            "name-of-voice",
            &["--video", VIDEO, "--text", "a", "--voice-id", "Pepy"],
        ),
        (
            "output-is-input",
            &[
                "--video",
                "clip.mp4",
                "--text",
                "a",
                "-o",
                "./clip.mp4",
                "--force",
            ],
        ),
        (
            "too-slow",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "0.79"],
        ),
        (
            "too-fast",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "2.01"],
        ),
        (
            "not-a-number",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "NaN"],
        ),
        (
            "not-http",
            &["--video", "ftp://example.com/a.mp4", "--text", "a"],
        ),
        ("no-file", &["--video", "none.mp4", "--text", "a"]),
        ("folder", &["--video", ".", "--text", "a"]),
        ("empty-file", &["--video", "empty.mp4", "--text", "a"]),
        ("no-video", &["--video", "words.mp4", "--text", "a"]),
        (
            "exists",
            &["--video", VIDEO, "--text", "a", "-o", "clip.mp4"],
        ),
        (
            "no-folder",
            &["--video", VIDEO, "--text", "a", "-o", "none/out.mp4"],
        ),
        (
            "everything",
            &[
                "--video",
                "none.mp4",
                "--voice-id",
                "x",
                "--voice-speed",
                "9",
                "-o",
                "clip.mp4",
            ],
        ),
        (
            "no-wait-output",
            &[
                "--video",
                VIDEO,
                "--text",
                "a",
                "--no-wait",
                "-o",
                "out.mp4",
            ],
        ),
        (
            "unknown-flag",
            &["--video", VIDEO, "--text", "a", "--voice", "x"],
        ),
    ];
    for (name, words) in cases {
        let words = [&["lipsync"], *words].concat();
        let run = wave.run(&words);
        assert_run!(format!("refused-{name}"), run);
        assert_eq!(run.exit, 2, "{name}");
        let json = wave.run(&[&words[..], &["--json"]].concat());
        assert_eq!(json.exit, 2, "{name}");
        assert!(json.json()["error"]["kind"].is_string(), "{name}");
    }
    assert_run!(
        "refused-unknown-model",
        wave.run(&["run", "kwaivgi/kling-lipsync/text-to-vide", "--text", "a"])
    );
    assert_run!("refused-no-model", wave.run(&["run"]));
    assert_run!(
        "refused-unknown-command-json",
        wave.run(&["lipsink", "--json"])
    );
    assert_run!("refused-id", wave.run(&["show", "../../secrets"]));
    assert_run!(
        "refused-emulated-wait",
        wave.run(&["wait", "--emulate", ID])
    );
    assert!(
        emulated.emulator.requests().is_empty(),
        "something was sent"
    );
    assert_eq!(
        std::fs::read(wave.path("clip.mp4")).unwrap(),
        CLIP,
        "a file was touched"
    );
}

#[test]
fn what_is_allowed_is_not_refused() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(wave.path("words.mp4"), "these are words, not a video").unwrap();
    let chinese = "好".repeat(120);
    for words in [
        &["--video", VIDEO, "--text", &chinese][..],
        &["--video", VIDEO, "--text", "a", "--voice-speed", "0.8"],
        &["--video", VIDEO, "--text", "a", "--voice-speed", "2"],
        &["--video", "words.mp4", "--text", "a"],
        &[
            "--video",
            "clip.mp4",
            "--text",
            "a",
            "-o",
            "words.mp4",
            "--force",
        ],
    ] {
        let run = wave.quick(&[&["lipsync", "--no-media-check"], words].concat());
        assert_eq!(run.exit, 0, "{words:?}\n{run}");
    }
}

#[test]
fn keys() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!(
        "key-wrong",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "another")
            .run(&LIPSYNC)
    );
    assert_eq!(emulated.emulator.billed(), 0);
    let sent = emulated.emulator.requests().len();
    assert_run!("key-none", emulated.wave().without_key().run(&LIPSYNC));
    assert_run!(
        "key-empty",
        emulated.wave().with("WAVESPEED_API_KEY", " ").run(&LIPSYNC)
    );
    assert_run!(
        "key-control",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "a\u{1}b")
            .run(&LIPSYNC)
    );
    let both = [&LIPSYNC[..], &["--voice-speed", "9"]].concat();
    assert_run!(
        "key-none-and-fault",
        emulated.wave().without_key().run(&both)
    );
    assert_eq!(
        emulated.emulator.requests().len(),
        sent,
        "something was sent"
    );
}

#[test]
fn a_task_that_fails() {
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
fn the_deadline() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let words = [&LIPSYNC[..], &["--timeout", "1s"]].concat();
    assert_run!("deadline", emulated.wave().quick(&words));
    assert_run!(
        "deadline-json",
        emulated
            .wave()
            .quick(&[&words[..], &["--json", "--quiet"]].concat())
    );
}

#[test]
fn what_the_vendor_may_answer_to_a_submit() {
    let html = ResponseTemplate::new(502).set_body_raw("<html>Bad Gateway</html>", "text/html");
    let unavailable = ResponseTemplate::new(200)
        .set_body_json(json!({"code": 5003, "message": "Service unavailable", "data": null}));
    let cases = [
        ("unknown-502", html, 5),
        ("unknown-no-id", unavailable, 5),
        (
            "credit",
            refused(
                400,
                "Insufficient credits. Please top up your account to continue.",
            ),
            3,
        ),
        (
            "role",
            refused(403, "The role viewer may not run models."),
            3,
        ),
        (
            "busy",
            refused(429, "You have reached your concurrency limit")
                .insert_header("retry-after", "7"),
            6,
        ),
        (
            "redirect",
            ResponseTemplate::new(307).insert_header("location", "https://example.com/"),
            6,
        ),
    ];
    for (name, post, exit) in cases {
        let (runtime, server) = answers(post, ResponseTemplate::new(500));
        let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "5s"]].concat());
        assert_run!(format!("answer-{name}"), run);
        assert_eq!(run.exit, exit, "{name}");
        let requests = runtime.block_on(server.received_requests()).unwrap();
        let submits = requests
            .iter()
            .filter(|it| it.url.path().ends_with("text-to-video"));
        assert_eq!(submits.count(), 1, "{name} was sent once");
    }
}

/// Whatever happens after a task was accepted, it exists and is billed.
#[test]
fn an_accepted_submit_never_reads_as_refused() {
    for status in [401, 403] {
        let (_runtime, server) = answers(created(), refused(status, "no"));
        let run = Wave::at(&server.uri()).quick(&LIPSYNC);
        assert_eq!(run.exit, 4, "{run}");
        assert!(run.stderr.contains(&format!("wave wait {ID}")), "{run}");
        let run = Wave::at(&server.uri()).quick(&["wait", ID]);
        assert_eq!(run.exit, 3, "{run}");
    }
}

#[test]
fn an_id_that_is_not_understood_is_in_the_document() {
    let odd = json!({"id": "urn:uuid:6488c275"});
    let (_runtime, server) = answers(record(odd.clone()), ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--json"]].concat());
    assert_eq!((run.exit, &run.json()["raw"]["data"]), (5, &odd));
}

#[test]
fn the_deadline_bounds_the_submit() {
    let slow = created().set_delay(Duration::from_secs(30));
    let (_runtime, server) = answers(slow, ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat());
    assert_eq!(run.exit, 5, "{run}");
}

#[test]
fn texts_may_begin_with_a_hyphen_but_flags_are_no_texts() {
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
fn unreachable_vendor_is_reported_as_not_billed() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let wave = Wave::at(&format!("http://{free}"));
    let run = wave.run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat());
    assert_eq!(run.exit, 6, "{run}");
    // Whether the connection or the deadline is the last error depends on the speed of the machine.
    for part in [
        "error: the submit could not be sent (",
        "; nothing is billed\nhint: check the connection, then run the same command again\n",
    ] {
        assert!(run.stderr.contains(part), "{run}");
    }
}

#[test]
fn a_file_that_cannot_be_saved_does_not_cost_the_result() {
    let gone = |outputs: Value| {
        let done = record(json!({"id": ID, "status": "completed", "outputs": outputs}));
        answers(created(), done)
    };
    let (_runtime, server) = gone(json!(["http://127.0.0.1:1/out.mp4"]));
    let wave = Wave::at(&server.uri());
    assert_run!(
        "save-unreachable",
        wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    );
    assert!(!wave.path("out.mp4").exists());
    let (_runtime, server) = gone(json!([]));
    assert_run!(
        "save-nothing",
        Wave::at(&server.uri()).quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    );
    let (_runtime, server) = gone(json!([{"text": "no\u{1b}[2J file"}, "plain\u{7} words"]));
    assert_run!("outputs-odd", Wave::at(&server.uri()).quick(&LIPSYNC));
}

#[test]
fn files_become_urls_once() {
    let emulated = Emulated::start(|builder| builder.seed(1));
    let wave = emulated.wave();
    std::fs::write(wave.path("other.mp4"), "other").unwrap();
    let first = wave.run(&["upload", "clip.mp4", "other.mp4"]);
    assert_run!("upload", first);
    let url = first.stdout.lines().next().unwrap();
    assert_run!("upload-known", wave.run(&["upload", "clip.mp4"]));
    let known = wave.run(&["upload", "clip.mp4", "--json"]);
    assert_run!("upload-known-json", known);
    assert_eq!(known.json()["url"], url);
    let quiet = wave.run(&["upload", "clip.mp4", "--quiet"]);
    assert_eq!((&*quiet.stdout, &*quiet.stderr), (&*format!("{url}\n"), ""));
    let run = wave.quick(&["lipsync", "--video", "clip.mp4", "--text", "Hello"]);
    assert_run!("upload-known-run", run);
    let again = wave
        .run(&["upload", "clip.mp4", "--again", "--json"])
        .json();
    assert_eq!(again["sent"], true);
    assert_ne!(again["url"], url);
    let puts = emulated.emulator.requests().into_iter();
    let puts = puts.filter(|request| request.method == "PUT").count();
    assert_eq!(puts, 3);
    // What is known ends with what remembers it.
    let alone = wave.run(&["upload", "clip.mp4", "--no-journal", "--json"]);
    assert_eq!(alone.json()["sent"], true);
}

#[test]
fn files_that_cannot_be_uploaded_do_not_stop_the_others() {
    let emulated = Emulated::start(|builder| {
        builder.scenario(
            "put nth 2 status 413\nticket nth 3 status 403"
                .parse()
                .unwrap(),
        )
    });
    let wave = emulated.wave();
    for name in ["large.mp4", "barred.mp4"] {
        std::fs::write(wave.path(name), name).unwrap();
    }
    let files = [
        "missing.mp4",
        "clip.mp4",
        "large.mp4",
        "barred.mp4",
        "clip.mp4",
    ];
    let run = wave.run(&[&["upload"], &files[..]].concat());
    assert_run!("upload-failed", run);
    let json = wave.run(&["upload", "missing.mp4", "clip.mp4", "--json"]);
    assert_run!("upload-failed-json", json);
    assert_run!("upload-nothing", wave.run(&["upload"]));
    let none = wave.without_key();
    assert_run!("upload-no-key", none.run(&["upload", "clip.mp4"]));
}

#[test]
fn the_contract_of_json() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
        for (command, schema) in wavespeed_cli::schemas() {
            let name = command.split(',').next().unwrap();
            insta::assert_snapshot!(format!("schema-{name}"), format!("{schema:#}"));
        }
    });
}

#[test]
fn the_emulator_as_a_command() {
    use std::io::{BufRead as _, BufReader};
    let wave = Wave::new();
    let mut child = wave
        .command(&["emulator", "--task-time", "0", "--api-key", KEY, "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut origin)
        .unwrap();
    let run = Wave::at(origin.trim()).quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn emulator_prints_an_environment_to_copy() {
    use std::io::{BufRead as _, BufReader};
    let wave = Wave::new();
    let mut child = wave
        .command(&["emulator", "--api-key", "it's"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut origin).unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let line = stderr.lines().nth(1).unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let origin = origin.trim();
    let expected = format!(r"export WAVESPEED_BASE_URL={origin} WAVESPEED_API_KEY='it'\''s'");
    assert_eq!(line, expected);
}
