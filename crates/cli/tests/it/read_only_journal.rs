//! Tests of a command whose journal cannot be written.

use std::process::Command;

use super::harness::{Emulated, LIPSYNC, Run, Wave};

/// Runs the command in a process that can write to pipes only, as on a full disk.
fn without_files(wave: &Wave, words: &[&str]) -> Run {
    let inner = wave.command(words);
    let mut shell = Command::new("sh");
    // The signal would end the process at the first write.
    let limit = "trap '' XFSZ && ulimit -f 0 && exec \"$0\" \"$@\"";
    shell.args(["-c", limit]).arg(inner.get_program());
    shell.args(inner.get_args()).current_dir(&wave.folder);
    let set = inner
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let output = shell.env_clear().envs(set).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        exit: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn journal_that_cannot_be_written_is_read_and_records_no_submit() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let id = wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat());
    let id = id.stdout.trim();
    let before = std::fs::read(wave.journal()).unwrap();
    for (words, found) in [
        (vec!["jobs", "--json"], "\"j1\""),
        (vec!["jobs", "show", "j1"], id),
        (vec!["show", "j1", "--json"], id),
        (vec!["wait", "j1"], "/outputs/"),
        (vec!["resume"], "/outputs/"),
        (vec!["stats"], ""),
    ] {
        let run = without_files(&wave, &words);
        assert_eq!(run.exit, 0, "{run}");
        assert!(run.stdout.contains(found), "{run}");
        let warning = format!(
            "warning: nothing is recorded, because the journal {} cannot be written: File too large",
            wave.journal().display()
        );
        assert!(run.stderr.contains(&warning), "{run}");
    }
    for words in [&LIPSYNC[..], &["jobs", "forget", "j1"]] {
        let run = without_files(&wave, words);
        assert_eq!(run.exit, 2, "{run}");
        let kept = wave.run(&["jobs", "--json"]).json();
        assert_eq!(
            (kept[0]["job"].as_str(), kept[0]["open"].as_bool()),
            (Some("j1"), Some(true))
        );
    }
    assert_eq!(emulated.emulator.billed(), 1);
    assert_eq!(std::fs::read(wave.journal()).unwrap(), before);
    let resumed = wave.quick(&["resume"]);
    assert_eq!(resumed.exit, 0, "{resumed}");
}
