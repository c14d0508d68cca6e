//! Tests of the check of an input before its submit.

use super::harness::*;

#[test]
fn invalid_input_is_refused_before_anything_is_sent() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(wave.path("empty.mp4"), "").unwrap();
    std::fs::write(wave.path("words.mp4"), "these are words, not a video").unwrap();
    let long = "x".repeat(121);
    let cases: &[(&str, &[&str])] = &[
        ("nothing", &[]),
        ("empty-text", &["--video", "clip.mp4", "--text", ""]),
        ("long-text", &["--video", "clip.mp4", "--text", &long]),
        (
            "unknown-voice",
            &[
                "--video",
                "clip.mp4",
                "--text",
                "a",
                "--voice-id",
                "genshin_kle",
            ],
        ),
        (
            "name-of-voice",
            &["--video", "clip.mp4", "--text", "a", "--voice-id", "Pepy"],
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
            &[
                "--video",
                "clip.mp4",
                "--text",
                "a",
                "--voice-speed",
                "0.79",
            ],
        ),
        (
            "too-fast",
            &[
                "--video",
                "clip.mp4",
                "--text",
                "a",
                "--voice-speed",
                "2.01",
            ],
        ),
        (
            "not-a-number",
            &["--video", "clip.mp4", "--text", "a", "--voice-speed", "NaN"],
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
            &["--video", "clip.mp4", "--text", "a", "-o", "words.mp4"],
        ),
        (
            "no-folder",
            &["--video", "clip.mp4", "--text", "a", "-o", "none/out.mp4"],
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
                "clip.mp4",
                "--text",
                "a",
                "--no-wait",
                "-o",
                "out.mp4",
            ],
        ),
        (
            "unknown-flag",
            &["--video", "clip.mp4", "--text", "a", "--voice", "x"],
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
    assert_run!("refused-id", wave.run(&["show", ".."]));
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
fn valid_input_is_not_refused() {
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
