//! Tests of the output: the version, tables, and the JSON contract.

use serde_json::json;

use super::harness::*;

#[test]
fn version_and_missing_command() {
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
fn models_and_voices_are_listed() {
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
fn json_documents_match_their_schemas() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
        for (command, schema) in wavespeed_cli::schemas() {
            let name = command.split(',').next().unwrap();
            insta::assert_snapshot!(format!("schema-{name}"), format!("{schema:#}"));
        }
    });
}
