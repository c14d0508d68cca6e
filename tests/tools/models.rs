//! Models that no vendor has, generated and compiled.

use libtest_mimic::Failed;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use wavespeed_tests::{catalogues, workspace};

const ODD: usize = 150;

/// What real lists have, and what a generator trips over.
fn tricky() -> Value {
    let many: Vec<String> = (0..400).map(|number| format!("voice/{number} ü")).collect();
    let text = json!({ "type": "string" });
    let properties = json!({
        "axis": { "type": "string", "enum": ["+x", "-x", "", "let's_ride", "1024*1024", "16:9", "Self"] },
        "duration": { "type": "integer", "enum": [5, -10, 0], "default": 5 },
        "voice": { "type": "string", "enum": many, "default": "voice/7 ü" },
        "type": text, "self": text, "r#in": text, "async": text, "480p": text, "output": text,
        "Some": { "type": "boolean", "default": true }, "vec": { "type": "number", "default": 1.5 },
        "deep": { "type": "array", "maxItems": 3, "items": { "type": "object", "properties": {
            "match": { "type": "array", "items": { "type": "array", "items": text } },
            "kind": { "type": "string", "enum": ["None", "none", "NONE"] },
        } } },
    });
    let names: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    let schema = json!({ "type": "object", "properties": properties, "required": names });
    json!({
        "model_id": "acme/option/string-v1.6", "type": "odd", "description": "*/ \"#\" \\ {x}",
        "api_schema": { "api_schemas": [{ "type": "model_run", "request_schema": schema }] },
    })
}

fn no_inputs(id: &str) -> Value {
    let schema = json!({ "type": "object", "properties": {} });
    let calls = json!([{ "type": "model_run", "request_schema": schema }]);
    json!({ "model_id": id, "api_schema": { "api_schemas": calls } })
}

pub(crate) fn odd_models_compile() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    workspace::copy_to(folder.path());
    let mut random = TestRunner::deterministic();
    let odd = catalogues::odd();
    let mut entries = vec![tricky(), no_inputs("a-b/x"), no_inputs("a/x")];
    entries.extend(catalogues::usual(12, 4));
    for _ in 0..ODD {
        entries.push(odd.new_tree(&mut random)?.current());
    }
    let said = workspace::import(folder.path(), entries);
    let added = said.lines().filter(|line| line.starts_with("added"));
    let count = added.count();
    if count < ODD / 3 {
        return Err(format!("only {count} of {ODD} models were imported:\n{said}").into());
    }
    let target = workspace::target(env!("CARGO_BIN_EXE_wave-under-test")).join("odd-models");
    let check = workspace::cargo(folder.path(), &target)
        .args(["check", "--quiet", "--offline", "--locked"])
        .args(["--package", "wavespeed-client", "--no-default-features"])
        .args(["--features", "all-providers"])
        .output()?;
    match check.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&check.stderr).into_owned().into()),
    }
}
