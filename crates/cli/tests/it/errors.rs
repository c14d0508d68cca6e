//! Tests of wrong command lines: each error names the value and the rule, and proposes nothing that
//! weakens a protection. None of these command lines reaches a server.

use std::fmt::Write as _;

use super::harness::*;

/// Wrong command lines, one a line, by the kind of the mistake.
const WRONG: &str = r#"
--port
foo
lipsnyc
jobs j1
jobs list
webhook lisen
lipsync --voice x
lipsync --voice_idd x
lipsync --dryrun
lipsync clip.mp4 hello
run kwaivgi/kling-v1-tts --txt hi
run Kwaivgi/Kling-Lipsync/Text-To-Video --text a
balance now
emulator --task-tim 3s
lipsync --forse
lipsync --no-jurnal
lipsync --allow-plain-htp
wait --all
delete abcd --yess
resume j1 --resubmitt
lipsync --text
lipsync --text --video clip.mp4
lipsync --text a --text b
lipsync --text a --json=true
lipsync --no-journal --journal x.db
wait
jobs show
resume --adopt abcd
resume j1 --resubmit --adopt abcd
resume --all j1
lipsync --timeout 90
lipsync --timeout -1s
lipsync --poll-interval 0
lipsync --poll-interval 48h
lipsync --polls-per-minute 0
lipsync --mean-gap -2s
lipsync --max-price -1
lipsync --max-price 1,5
lipsync --video clip.mp4 --text a --voice-speed -1
lipsync --video clip.mp4 --text a --voice-language fr
lipsync --video clip.mp4 --text a --voice_id Pepy
lipsync --video clip.mp4 --text a -i voice-id=Pepy
lipsync --force-input all
lipsync --video=~/clip.mp4 --text a
lipsync --output=~/out.mp4
lipsync --input ~/in.json
lipsync --input none.json
lipsync --input clip.mp4
lipsync -i foo
lipsync -i =foo
lipsync -i text=a -i text=b
check ~/clip.mp4
upload ~/clip.mp4
wait .
wait https://example.com/foo
wait j1 J1
show ..
resume foo!
resume j1 --adopt x
resume j1 j2 --resubmit
history --limit -1
history --limit x
history --since yesterday
history --since -7d
history --since 2026-02-01 --until 2026-01-01
billings --type Refunds
voices --language fr
webhook listen --port 99999
webhook listen --port -1
webhook listen --forward-to localhost:3000
emulator --port 70000
emulator --job-time 5
emulator --job-spread -1
emulator --scenario none.txt
"#;

#[test]
fn wrong_command_lines_match_the_snapshot() {
    let wave = Wave::at("http://127.0.0.1:9");
    let mut text = String::new();
    for line in WRONG.trim().lines() {
        let run = wave.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((run.exit, &*run.stdout), (2, ""), "{line}\n{run}");
        for raw in ["found in string", "..=", "os error", "UTF-8"] {
            assert!(!run.stderr.contains(raw), "{line}\n{run}");
        }
        writeln!(text, "$ wave {line}\n{}", run.stderr).unwrap();
    }
    assert_run!("wrong-command-lines", text);
}

#[test]
fn job_may_be_named_in_any_notation() {
    let wave = Wave::at("http://127.0.0.1:9");
    for name in ["j7", "J7", "7"] {
        let run = wave.run(&["jobs", "show", name]);
        assert!(run.stderr.contains("j7 is not in the journal"), "{run}");
    }
    let url = format!("https://api.wavespeed.ai/api/v3/predictions/{ID}/result");
    let run = wave.run(&["jobs", "show", &url]);
    let missing = format!("{ID} is not in the journal");
    assert!(run.stderr.contains(&missing), "{run}");
}

#[test]
fn choices_are_read_in_any_letter_case() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let choices = ["--voice-id", "GENSHIN_KLEE2", "--voice-language", "EN"];
    let run = wave.quick(&[&LIPSYNC[..], &choices].concat());
    assert_eq!(run.exit, 0, "{run}");
    let jobs = wave.run(&["jobs", "show", "j1"]).stdout;
    assert!(jobs.contains("genshin_klee2"), "{jobs}");
    for words in [
        &["billings", "--type", "REFUND"][..],
        &["history", "--status", "Completed"],
        &["voices", "--language", "ZH"],
        &["models", "--type", "Text-To-Audio"],
    ] {
        assert_eq!(wave.run(words).exit, 0, "{words:?}");
    }
}
