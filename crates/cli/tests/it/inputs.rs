//! Tests of the sources of inputs, and of inputs that break a rule.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::harness::{CLIP, Emulated, LIPSYNC, Run, Wave, assert_run};

const RUN: [&str; 4] = ["lipsync", "--json", "--no-wait", "--no-media-check"];

/// The main job up to its submit, with these words more.
fn lipsync(wave: &Wave, more: &[&str]) -> Run {
    wave.run(&[&LIPSYNC[..], &["--json", "--no-wait"], more].concat())
}

/// What the one task was submitted with.
fn sent(wave: &Wave) -> Value {
    let jobs = wave.run(&["jobs", "--json"]).json();
    let [job] = &jobs.as_array().unwrap()[..] else {
        panic!("one job: {jobs}")
    };
    job["input"].clone()
}

fn place() -> (Emulated, Wave) {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    (emulated, wave)
}

#[test]
fn flags_go_before_pairs_and_pairs_before_a_file() {
    let (_emulated, wave) = place();
    let file = json!({"video": "https://a.example/c.mp4", "text": "file", "voice_speed": 1.5});
    fs::write(wave.path("in.json"), file.to_string()).unwrap();
    let more = [
        "--input",
        "in.json",
        "-i",
        "text=pair",
        "-i",
        "voice_speed=2",
        "--text",
        "flag",
    ];
    let run = wave.run(&[&RUN[..], &more].concat());
    assert_eq!(run.exit, 0, "{run}");
    let expected = json!({
        "video": "https://a.example/c.mp4",
        "text": "flag",
        "voice_speed": 2.0,
        "voice_id": "genshin_klee2",
    });
    assert_eq!(sent(&wave), expected);
}

#[test]
fn input_may_come_from_stdin() {
    let (_emulated, wave) = place();
    let input = br#"{"video": "https://a.example/c.mp4", "text": "stdin"}"#;
    assert_eq!(run_with_stdin(&wave, &["--input", "-"], input), Some(0));
    assert_eq!(sent(&wave)["text"], "stdin");
}

/// Runs with words on stdin, and returns the exit code.
fn run_with_stdin(wave: &Wave, words: &[&str], stdin: &[u8]) -> Option<i32> {
    let mut command = wave.command(&[&RUN[..], words].concat());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait().unwrap().code()
}

const VIDEO_URL: [&str; 2] = ["--video", "https://a.example/c.mp4"];

#[test]
fn the_text_may_come_from_a_file_or_stdin() {
    let (_emulated, wave) = place();
    fs::write(wave.path("text.txt"), "Cafe\u{301}\nau lait\r\n\n").unwrap();
    let run = wave.run(&[&RUN[..], &VIDEO_URL, &["--text-file", "text.txt"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    // In NFC, and without the line ends at the end.
    assert_eq!(sent(&wave)["text"], "Café\nau lait");
    let (_emulated, wave) = place();
    let words = [&VIDEO_URL[..], &["--text-file", "-"]].concat();
    assert_eq!(run_with_stdin(&wave, &words, b"from stdin\n"), Some(0));
    assert_eq!(sent(&wave)["text"], "from stdin");
}

#[test]
fn a_text_file_without_a_text_is_refused() {
    let wave = Wave::at("http://127.0.0.1:9");
    fs::write(wave.path("blank.txt"), "\u{feff} \u{200b}\r\n").unwrap();
    fs::write(wave.path("latin.txt"), b"Gr\xfc\xdfe").unwrap();
    for (words, message) in [
        (
            &["--text-file", "blank.txt"][..],
            "has only white space or invisible characters",
        ),
        (
            &["--text-file", "latin.txt"],
            "latin.txt is in an encoding other than UTF-8",
        ),
        (
            &["--text-file", "none.txt"],
            "--text-file none.txt does not exist",
        ),
        (&["--text-file", "-", "--input", "-"], "both read stdin"),
        (
            &["--text-file", "blank.txt", "--text", "a"],
            "exclude each other",
        ),
    ] {
        let run = wave.run(&[&RUN[..], &VIDEO_URL, words].concat());
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains(message), "{run}");
    }
}

/// Windows PowerShell writes UTF-16 with a byte order mark, or UTF-8 with one.
#[test]
fn input_may_have_a_byte_order_mark_or_be_in_utf_16() {
    let json = r#"{"video": "https://a.example/c.mp4", "text": "Grüße"}"#;
    let marked = format!("\u{feff}{json}");
    let utf16 = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [marked.into_bytes(), utf16] {
        let (_emulated, wave) = place();
        assert_eq!(run_with_stdin(&wave, &["--input", "-"], &bytes), Some(0));
        assert_eq!(sent(&wave)["text"], "Grüße");
    }
    let wave = Wave::at("http://127.0.0.1:9");
    let latin: Vec<u8> = json
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    fs::write(wave.path("latin.json"), latin).unwrap();
    let run = wave.run(&[&RUN[..], &["--input", "latin.json"]].concat());
    assert_eq!(run.exit, 2, "{run}");
    assert!(run.stderr.contains("such as Windows-1252"), "{run}");
}

#[test]
fn malformed_inputs_are_reported() {
    let wave = Wave::at("http://127.0.0.1:9");
    fs::write(wave.path("list.json"), "[1]").unwrap();
    fs::write(wave.path("half.json"), "{\"text\":").unwrap();
    for (words, message) in [
        (
            ["--input", "list.json"],
            "--input list.json is [1]: a JSON object is needed",
        ),
        (
            ["--input", "half.json"],
            "--input half.json is not JSON: EOF while parsing",
        ),
        (["--input", "none.json"], "--input none.json does not exist"),
        (["-i", "text"], "-i text has no `=`"),
        (["-i", "=x"], "-i =x has no name"),
    ] {
        let run = wave.run(&[&RUN[..], &words].concat());
        assert_eq!(run.exit, 2, "{run}");
        let error = &run.json()["error"];
        assert!(
            error["message"].as_str().unwrap().starts_with(message),
            "{run}"
        );
    }
}

#[test]
fn voice_may_be_given_by_name() {
    let (_emulated, wave) = place();
    for (name, id) in [
        ("Siren", "chat_0407_5-1"),
        ("温柔小妹", "genshin_klee2"),
        ("helen", "you_pingjing"),
    ] {
        let run = lipsync(&wave, &["--voice-id", name]);
        assert_eq!(run.exit, 0, "{run}");
        assert!(
            run.stderr.contains(&format!("--voice-id: {name} is {id}")),
            "{run}"
        );
        let jobs = wave.run(&["jobs", "--json"]).json();
        let last = jobs.as_array().unwrap().last().unwrap();
        assert_eq!(last["input"]["voice_id"], id);
    }
}

#[test]
fn a_voice_that_does_not_speak_the_language_is_a_warning() {
    let (emulated, wave) = place();
    let run = lipsync(&wave, &["--voice-id", "AOT", "-i", "voice_language=zh"]);
    assert_eq!((run.exit, emulated.emulator.billed()), (0, 1), "{run}");
    let warning = &run.json()["warnings"][0];
    assert_eq!(
        (&warning["rule"], &warning["severity"]),
        (&json!("language"), &json!("warning"))
    );
    assert!(
        run.stderr
            .contains("warning: --voice-id is AOT, which speaks en, but voice_language is zh"),
        "{run}"
    );
}

/// The emulator checks the rules like the vendor, and refuses an overridden input.
#[test]
fn a_rule_can_be_overridden_by_name_and_only_that_one() {
    let (emulated, wave) = place();
    let run = |pairs: &[&str], rules: &[&str]| {
        let pairs = pairs.iter().flat_map(|pair| ["-i", pair]);
        let rules = rules.iter().flat_map(|rule| ["--force-input", rule]);
        lipsync(&wave, &pairs.chain(rules).collect::<Vec<_>>())
    };
    let wrong = ["voice_speed=9", "mood=\"sad\""];
    let rules = |run: &Run, list: &str| -> Vec<Value> {
        let document = run.json();
        let list = document.pointer(list).unwrap().as_array().unwrap();
        list.iter().map(|fault| fault["rule"].clone()).collect()
    };
    let refused = run(&wrong, &[]);
    assert_eq!(refused.exit, 2, "{refused}");
    assert_eq!(rules(&refused, "/error/faults"), ["range", "known"]);
    let half = run(&wrong, &["known"]);
    assert_eq!(half.exit, 2, "{half}");
    assert!(half.stderr.contains("warning: --mood "), "{half}");
    assert!(half.stderr.contains("(overridden)"), "{half}");
    assert!(emulated.emulator.requests().is_empty());
    let both = run(&wrong, &["known", "range"]);
    assert_eq!(both.exit, 6, "{both}");
    assert_eq!(rules(&both, "/warnings"), ["range", "known"]);
    assert!(both.stderr.contains("voice_speed"), "{both}");
    // An unknown input is dropped silently by the vendor: the job is created.
    let odd = run(&wrong[1..], &["known"]);
    assert_eq!((odd.exit, emulated.emulator.billed()), (0, 1), "{odd}");
}

#[test]
fn voices_are_listed_by_language() {
    let wave = Wave::at("http://127.0.0.1:9");
    let all = wave.run(&["voices", "--json"]).json();
    let chinese = wave.run(&["voices", "--language", "zh", "--json"]).json();
    let count = |list: &Value| list.as_array().unwrap().len();
    assert_eq!((count(&all), count(&chinese)), (25, 16));
    let unknown = wave.run(&["voices", "--language", "fr"]);
    assert_eq!(unknown.exit, 2, "{unknown}");
}

/// A URL without a file is found before the submit is paid for.
#[test]
fn a_url_without_a_file_is_refused_before_the_submit() {
    let (emulated, wave) = place();
    let gone = format!("{}/outputs/none.mp4", emulated.emulator.origin());
    let words = ["lipsync", "--text", "hi", "--no-wait", "--video", &gone];
    let run = wave.run(&words);
    assert_eq!((run.exit, emulated.emulator.billed()), (2, 0), "{run}");
    assert!(
        run.stderr
            .contains("--video: answers HTTP 404: there is no file"),
        "{run}"
    );
    assert!(run.stderr.contains("--force-input reachable"), "{run}");
    let forced = wave.run(&[&words[..], &["--force-input", "reachable"]].concat());
    assert_eq!(
        (forced.exit, emulated.emulator.billed()),
        (0, 1),
        "{forced}"
    );
    let unseen = wave.run(&[
        "lipsync",
        "--text",
        "hi",
        "--no-wait",
        "--video",
        "http://127.0.0.1:9/c.mp4",
    ]);
    assert_eq!(
        (unseen.exit, emulated.emulator.billed()),
        (0, 2),
        "{unseen}"
    );
    assert!(
        unseen
            .stderr
            .contains("warning: --video: could not be checked"),
        "{unseen}"
    );
}

#[test]
fn url_that_the_vendor_cannot_reach_is_refused_with_a_hint() {
    let wave = Wave::at("https://api.wavespeed.ai");
    let run = wave.run(&["check", "http://192.168.1.20:8000/clip.mp4"]);
    assert_eq!(run.exit, 2, "{run}");
    for part in ["a private network", "the path of the local file"] {
        assert!(run.stderr.contains(part), "{run}");
    }
    let url = format!("file://{}", wave.path("clip.mp4").display());
    let run = wave.run(&["check", &url]);
    assert_eq!(run.exit, 0, "{run}");
}

#[test]
fn check_needs_no_api_key() {
    let (emulated, wave) = place();
    let wave = wave.without_key();
    fs::write(wave.path("words.mp4"), "these are words").unwrap();
    fs::write(wave.path("cut.mp4"), &CLIP[..CLIP.len() / 2]).unwrap();
    fs::write(wave.path("empty.mp4"), "").unwrap();
    assert_run!(
        "check",
        wave.run(&[
            "check",
            "clip.mp4",
            "words.mp4",
            "cut.mp4",
            "empty.mp4",
            "none.mp4"
        ])
    );
    assert_run!(
        "check-json",
        wave.run(&["check", "clip.mp4", "cut.mp4", "--json"])
    );
    assert_run!(
        "check-model",
        wave.run(&["check", "clip.mp4", "--model", "no/such"])
    );
    assert!(emulated.emulator.requests().is_empty());
}
