//! Importing a list of models into a spec of its own: there and back, again, over edits, and with
//! whatever a vendor may send.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wavespeed_tests::catalogues;
use xtask::drift::drift;
use xtask::import::{self, Listing, listing, plan};
use xtask::{Error, spec};

use crate::generator;

/// The spec of this repository with one model that was written by hand.
fn empty() -> tempfile::TempDir {
    let (from, folder) = (generator::root(), tempfile::tempdir().unwrap());
    for file in [
        spec::API,
        spec::RESERVED_FLAGS,
        "crates/client/Cargo.toml",
        "crates/wavespeed/Cargo.toml",
        "spec/models/kwaivgi/kling-lipsync/text-to-video.yaml",
    ] {
        let to = folder.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from.join(file), to).unwrap();
    }
    folder
}

/// Imports, and says what was printed.
fn import(root: &Path, entries: &[Value]) -> String {
    let plan = plan(root, &Listing(entries.to_vec()), "*").unwrap();
    plan.apply(root).unwrap();
    plan.to_string()
}

fn changes(root: &Path, entries: &[Value]) -> Vec<String> {
    let drift = drift(root, &Listing(entries.to_vec()), "*").unwrap();
    let line = |change: &xtask::drift::Change| {
        let mark = if change.breaking { "breaking" } else { "other" };
        format!("{mark}: {}: {}: {}", change.place, change.kind, change.what)
    };
    drift.changes.iter().map(line).collect()
}

fn file(root: &Path, id: &str) -> String {
    fs::read_to_string(root.join(format!("{}/{id}.yaml", spec::MODELS))).unwrap()
}

fn edit(root: &Path, id: &str, from: &str, to: &str) {
    let text = file(root, id);
    assert!(text.contains(from), "{from} in {text}");
    let path = root.join(format!("{}/{id}.yaml", spec::MODELS));
    fs::write(path, text.replace(from, to)).unwrap();
}

/// An entry whose inputs these are.
fn entry(id: &str, inputs: &Value, required: &[&str]) -> Value {
    let order: Vec<_> = inputs.as_object().unwrap().keys().collect();
    json!({
        "model_id": id, "name": "Some Model", "type": "text-to-image", "base_price": 1,
        "description": "Makes something.",
        "api_schema": { "api_schemas": [{
            "type": "model_run", "method": "POST", "api_path": format!("/api/v3/{id}"),
            "request_schema": {
                "type": "object", "additionalProperties": false, "properties": inputs,
                "required": required, "x-order-properties": order,
            },
        }] },
    })
}

fn inputs(entry: &mut Value) -> &mut Map<String, Value> {
    let inputs = entry.pointer_mut("/api_schema/api_schemas/0/request_schema/properties");
    inputs.unwrap().as_object_mut().unwrap()
}

fn recorded() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models.json");
    Listing::parse(&fs::read_to_string(path).unwrap())
        .unwrap()
        .0
}

#[test]
fn a_recorded_list_becomes_files_that_read_like_those_of_a_person() {
    let folder = empty();
    let said = import(folder.path(), &recorded());
    insta::assert_snapshot!(
        "imported",
        format!("{said}\n{}", file(folder.path(), "tripo3d/p2/image-to-3d"))
    );
}

#[test]
fn there_and_back_it_is_the_same() {
    let folder = empty();
    let entries = [recorded(), catalogues::usual(30, 10)].concat();
    import(folder.path(), &entries);
    let spec = spec::load(folder.path()).unwrap();
    assert_eq!(spec.models.len(), entries.len() + 1);
    for entry in &entries {
        let model = spec
            .models
            .iter()
            .find(|model| model.id == listing::id(entry))
            .unwrap();
        let back = listing::entry(model);
        let (there, again) = (
            import::mended(entry).unwrap(),
            import::mended(&back).unwrap(),
        );
        assert_eq!(Value::from(there), Value::from(again));
    }
}

#[test]
fn a_second_import_changes_nothing_and_finds_no_drift() {
    let folder = empty();
    let entries = [recorded(), catalogues::usual(30, 10)].concat();
    import(folder.path(), &entries);
    let before = tree(folder.path());
    let said = import(folder.path(), &entries);
    assert!(
        said.contains("33 models: 0 added, 0 changed, 33 unchanged, 0 left out"),
        "{said}"
    );
    assert_eq!(tree(folder.path()), before);
    assert_eq!(changes(folder.path(), &entries), [""; 0]);
}

/// Every file of the spec with its text.
fn tree(root: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("spec")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((
                    path.display().to_string(),
                    fs::read_to_string(&path).unwrap(),
                )),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_a_person_wrote_stays() {
    let folder = empty();
    let root = folder.path();
    let start = json!({
        "prompt": { "type": "string", "description": "At most 50 words." },
        "image": { "type": "string" },
        "mode": { "type": "string", "enum": ["a", "b"], "default": "a" },
        "steps": { "type": "integer", "maximum": 10 },
    });
    let mut there = entry("acme/x", &start, &["prompt"]);
    import(root, &[there.clone()]);
    edit(
        root,
        "acme/x",
        "    description: At most 50 words.\n",
        "    # In words, not characters.\n    description: At most 50 words, says the vendor.\n    maxLength: 400\n",
    );
    edit(
        root,
        "acme/x",
        "x-media: { kind: image, inline: true }",
        "x-media: { kind: image, containers: [png] }",
    );
    edit(
        root,
        "acme/x",
        "    maximum: 10\n",
        "    maximum: 8 # tried\n",
    );
    let edited = file(root, "acme/x");

    inputs(&mut there)["mode"]["enum"] = json!(["a", "b", "c"]);
    inputs(&mut there)["steps"]["maximum"] = json!(20);
    inputs(&mut there).insert("seed".into(), json!({ "type": "integer" }));
    let said = import(root, &[there.clone()]);
    assert!(
        said.contains("kept      acme/x: properties.steps.maximum: 8; the vendor says 20"),
        "{said}"
    );
    let wanted = edited.replace("enum: [a, b]", "enum: [a, b, c]") + "  seed:\n    type: integer\n";
    assert_eq!(file(root, "acme/x"), wanted);
    assert_eq!(changes(root, &[there]), [""; 0]);
}

#[test]
fn one_broken_entry_never_stops_the_rest() {
    let folder = empty();
    let text = json!({ "type": "string" });
    let mut elsewhere = entry("acme/elsewhere", &json!({ "a": text }), &[]);
    elsewhere["api_schema"]["api_schemas"][0]["api_path"] = json!("/api/v3/other");
    let entries = [
        json!({ "model_id": "acme/no-schema" }),
        json!({ "name": "no id" }),
        json!(7),
        entry("../../etc/passwd", &json!({ "a": text }), &[]),
        entry("acme/con", &json!({ "a": text }), &[]),
        entry("predictions/x", &json!({ "a": text }), &[]),
        elsewhere,
        entry("acme/good", &json!({ "a": text }), &[]),
        entry("acme/good", &json!({ "b": text }), &[]),
        entry(
            "acme/one-field",
            &json!({ "voiceId": text, "voice_id": text }),
            &[],
        ),
        entry("acme/a-b", &json!({ "a": text }), &[]),
        entry("acme/a/b", &json!({ "a": text }), &[]),
        entry("302/x", &json!({ "a": text }), &[]),
        entry(
            "acme/mends",
            &json!({
                "ratio": { "type": "string", "enum": ["16:9", "1:69", "16:9", null], "default": "2:1" },
                "size": { "type": "float", "minimum": 5, "maximum": 2, "default": "1.5" },
                "pick": { "enum": [1, "two", 2.5] },
                "any": { "anyOf": [{ "type": "string" }, { "type": "array" }] },
                "maybe": { "anyOf": [{ "type": "integer" }, { "type": "null" }], "title": "Maybe" },
                "axis": { "type": "string", "enum": ["+x", "-x", "", "let's_ride", "1024*1024"] },
                "type": { "type": "string", "maxLength": "many", "description": "```sh\nrm\n``` `x" },
                "self": { "type": "array", "items": { "$ref": "#/nowhere" }, "minItems": -1 },
            }),
            &["ratio", "ghost"],
        ),
    ];
    let said = import(folder.path(), &entries);
    insta::assert_snapshot!(
        "mended",
        format!("{said}\n{}", file(folder.path(), "acme/mends"))
    );
    xtask::generate(folder.path(), false).unwrap();
    xtask::generate(folder.path(), true).unwrap();
}

#[test]
fn a_later_choice_or_model_renames_nothing() {
    let folder = empty();
    let root = folder.path();
    let axis = |values: Value| json!({ "axis": { "type": "string", "enum": values } });
    import(root, &[entry("acme/a-b", &axis(json!(["+x"])), &[])]);
    let both = [
        entry("acme/a-b", &axis(json!(["-x", "+x"])), &[]),
        entry("acme/a.b", &axis(json!(["+x"])), &[]),
    ];
    import(root, &both);
    let names = "    x-variant-names:\n      '-x': MinusX\n";
    assert!(
        file(root, "acme/a-b").contains(names),
        "{}",
        file(root, "acme/a-b")
    );
    assert!(
        file(root, "acme/a.b").contains("type_name: AcmeABN2"),
        "{}",
        file(root, "acme/a.b")
    );
    xtask::generate(root, false).unwrap();
}

#[test]
fn a_model_that_is_gone_keeps_its_file() {
    let folder = empty();
    let text = json!({ "a": { "type": "string" } });
    let both = [entry("acme/a", &text, &[]), entry("acme/b", &text, &[])];
    import(folder.path(), &both);
    let said = import(folder.path(), &both[..1]);
    assert!(
        said.contains("gone      acme/b: the vendor no longer lists it"),
        "{said}"
    );
    file(folder.path(), "acme/b");
    assert_eq!(
        changes(folder.path(), &both[..1]),
        ["breaking: : model removed: the vendor no longer lists it"]
    );
}

#[test]
fn a_deleted_file_is_not_missed() {
    let folder = empty();
    let text = json!({ "a": { "type": "string" } });
    let both = [entry("acme/a", &text, &[]), entry("acme/b", &text, &[])];
    import(folder.path(), &both);
    fs::remove_file(folder.path().join("spec/models/acme/b.yaml")).unwrap();
    assert_eq!(changes(folder.path(), &both[..1]), [""; 0]);
    import(folder.path(), &both[..1]);
    let lines = fs::read_to_string(folder.path().join(import::IMPORTED)).unwrap();
    assert!(!lines.contains("acme/b"), "{lines}");
}

#[test]
fn what_was_written_to_a_gone_choice_or_input_goes_with_it() {
    let folder = empty();
    let root = folder.path();
    let inputs = json!({
        "language": { "type": "string", "enum": ["en", "zh"] },
        "voice": { "type": "string", "enum": ["a", "b"] },
    });
    import(root, &[entry("acme/x", &inputs, &["voice"])]);
    let names = "    enum: [a, b]\n    x-choice-names: { a: { en: Ann }, b: { en: Bob } }\n    x-choice-language: language\n";
    edit(root, "acme/x", "    enum: [a, b]\n", names);
    edit(
        root,
        "acme/x",
        "required: [voice]",
        "required: [voice, language]",
    );
    let fewer = entry(
        "acme/x",
        &json!({ "voice": { "type": "string", "enum": ["b"] } }),
        &["voice"],
    );
    let told = changes(root, std::slice::from_ref(&fewer));
    assert!(
        told.contains(&"breaking: properties.voice.enum: choice removed: \"a\"".to_owned()),
        "{told:?}"
    );
    import(root, &[fewer]);
    let text = file(root, "acme/x");
    assert!(
        text.contains("en: Bob") && text.contains("required: [voice]"),
        "{text}"
    );
    for gone in ["Ann", "language"] {
        assert!(!text.contains(gone), "{text}");
    }
}

#[test]
fn a_change_where_the_file_stays_is_told() {
    let folder = empty();
    let length = |length: u32| {
        entry(
            "acme/x",
            &json!({ "text": { "type": "string", "maxLength": length } }),
            &[],
        )
    };
    import(folder.path(), &[length(500)]);
    edit(folder.path(), "acme/x", "maxLength: 500", "maxLength: 400");
    assert_eq!(
        changes(folder.path(), &[length(300)]),
        [
            "breaking: properties.text.maxLength: kept by hand: the vendor says 300; the file keeps 400"
        ]
    );
    assert_eq!(
        changes(folder.path(), &[length(900)]),
        ["other: properties.text.maxLength: kept by hand: the vendor says 900; the file keeps 400"]
    );
}

#[test]
fn a_known_model_that_is_left_out_breaks() {
    let folder = empty();
    import(
        folder.path(),
        &[entry("acme/x", &json!({ "a": { "type": "string" } }), &[])],
    );
    let broken = json!({ "model_id": "acme/x" });
    assert_eq!(
        changes(folder.path(), &[broken]),
        ["breaking: : left out: nobody knows what changed: schema: it has no call `model_run`"]
    );
}

#[test]
fn a_provider_that_would_share_a_module_is_left_out_alone() {
    let folder = empty();
    let text = json!({ "a": { "type": "string" } });
    let entries = [entry("Kwaivgi/x", &text, &[]), entry("acme/x", &text, &[])];
    let said = import(folder.path(), &entries);
    assert!(
        said.contains("left out  Kwaivgi/x: id: `Kwaivgi` would have the module of `kwaivgi`"),
        "{said}"
    );
    assert!(said.contains("added     acme/x"), "{said}");
}

#[test]
fn references_that_lead_back_end() {
    let folder = empty();
    let back = || json!({ "$ref": "#" });
    let wide: Map<String, Value> = (0..9)
        .map(|n| {
            (
                format!("p{n}"),
                json!({ "type": "object", "properties": {
            "x": { "$ref": "#/properties/p0/properties/x" }, "y": { "$ref": "#/properties/p8" },
            "z": { "$ref": format!("#/properties/p{}", (n + 1) % 9) },
        } }),
            )
        })
        .collect();
    let entries = [
        entry(
            "acme/back",
            &json!({ "a": back(), "b": back(), "c": back(), "d": back() }),
            &[],
        ),
        entry("acme/wide", &wide.into(), &[]),
        entry(
            "acme/both",
            &json!({ "o": { "allOf": [
            { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] },
            { "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] },
        ] }, "n": { "anyOf": [{ "type": "null" }] }, "e": { "anyOf": [] } }),
            &[],
        ),
    ];
    let said = import(folder.path(), &entries);
    assert!(
        said.contains("properties.a: the reference \"#\" leads back to itself; any value goes"),
        "{said}"
    );
    let both = spec::load(folder.path()).unwrap();
    let both = both
        .models
        .iter()
        .find(|model| model.id == "acme/both")
        .unwrap();
    let inputs = &both.source.value["properties"];
    assert_eq!(inputs["o"]["required"], json!(["a", "b"]));
    assert_eq!(inputs["o"]["properties"].as_object().unwrap().len(), 2);
    for any in ["n", "e"] {
        assert_eq!(inputs[any].get("type"), None, "{any}");
    }
}

#[test]
fn every_change_is_told_once_and_graded() {
    let start = json!({
        "prompt": { "type": "string", "description": "Words." },
        "mode": { "type": "string", "enum": ["a", "b"], "default": "a" },
        "steps": { "type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 1 },
        "list": { "type": "array", "items": { "type": "string" }, "maxItems": 3 },
        "deep": { "type": "object", "properties": { "x": { "type": "number" } } },
    });
    type Edit = fn(&mut Map<String, Value>);
    let cases: [(Edit, &str); 22] = [
        (
            |all| drop(all.insert("new".into(), json!({ "type": "string" }))),
            "other: properties.new: input added: optional",
        ),
        (
            |all| drop(all.shift_remove("mode")),
            "breaking: properties.mode: input removed: the vendor no longer lists it",
        ),
        (
            |all| all["steps"]["type"] = json!("number"),
            "breaking: properties.steps.type: type: number was integer",
        ),
        (
            |all| all["prompt"]["nullable"] = json!(true),
            "breaking: properties.prompt.nullable: type: null is accepted",
        ),
        (
            |all| all["prompt"]["description"] = json!("Other words."),
            "other: properties.prompt.description: words: now: Other words.",
        ),
        (
            |all| all["prompt"]["x-hidden"] = json!(true),
            "other: properties.prompt.x-hidden: words: now: true",
        ),
        (
            |all| all["prompt"]["format"] = json!("uri"),
            "breaking: properties.prompt.format: limit: \"uri\" was none",
        ),
        (
            |all| all["mode"]["enum"] = json!(["a", "b", "c"]),
            "other: properties.mode.enum: choice added: \"c\"",
        ),
        (
            |all| all["mode"]["enum"] = json!(["a"]),
            "breaking: properties.mode.enum: choice removed: \"b\"",
        ),
        (
            |all| all["mode"]["enum"] = json!(["b", "a"]),
            "other: properties.mode.enum: order: the choices have another order",
        ),
        (
            |all| drop(all["mode"].as_object_mut().unwrap().shift_remove("enum")),
            "breaking: properties.mode.enum: choices: anything was \"a\", \"b\"",
        ),
        (
            |all| all["steps"]["enum"] = json!([1, 2]),
            "breaking: properties.steps.enum: choices: 1, 2 was anything",
        ),
        (
            |all| all["mode"]["default"] = json!("b"),
            "other: properties.mode.default: default: \"b\" was \"a\"",
        ),
        (
            |all| all["steps"]["minimum"] = json!(2),
            "breaking: properties.steps.minimum: limit: 2 was 1",
        ),
        (
            |all| all["steps"]["minimum"] = json!(0),
            "other: properties.steps.minimum: limit: 0 was 1",
        ),
        (
            |all| all["steps"]["maximum"] = json!(9),
            "breaking: properties.steps.maximum: limit: 9 was 10",
        ),
        (
            |all| all["steps"]["maximum"] = Value::Null,
            "other: properties.steps.maximum: limit: none was 10",
        ),
        (
            |all| all["prompt"]["maxLength"] = json!(5),
            "breaking: properties.prompt.maxLength: limit: 5 was none",
        ),
        (
            |all| all["steps"]["multipleOf"] = json!(2),
            "breaking: properties.steps.multipleOf: limit: 2 was 1",
        ),
        (
            |all| all["list"]["maxItems"] = json!(4),
            "other: properties.list.maxItems: limit: 4 was 3",
        ),
        (
            |all| all["list"]["items"] = json!({ "type": "integer" }),
            "breaking: properties.list.items.type: type: integer was string",
        ),
        (
            |all| all["deep"]["properties"]["x"] = json!({ "type": "string" }),
            "breaking: properties.deep.properties.x.type: type: string was number",
        ),
    ];
    let folder = empty();
    let there = entry("acme/x", &start, &["prompt"]);
    import(folder.path(), std::slice::from_ref(&there));
    for (edit, line) in cases {
        let mut changed = there.clone();
        edit(inputs(&mut changed));
        let shown: Vec<Value> = inputs(&mut changed)
            .keys()
            .cloned()
            .map(Value::from)
            .collect();
        changed["api_schema"]["api_schemas"][0]["request_schema"]["x-order-properties"] =
            shown.into();
        assert_eq!(changes(folder.path(), &[changed]), [line]);
    }
    let required = |names: &[&str]| entry("acme/x", &start, names);
    for (changed, line) in [
        (
            required(&["prompt", "mode"]),
            "breaking: properties.mode: required: it was optional",
        ),
        (
            required(&[]),
            "breaking: properties.prompt: optional: it was required: its field becomes an `Option`",
        ),
    ] {
        assert_eq!(changes(folder.path(), &[changed]), [line]);
    }
    let both = [there.clone(), entry("acme/new", &start, &[])];
    assert_eq!(
        changes(folder.path(), &both),
        ["other: : model added: Makes something."]
    );
    let mut renamed = there;
    renamed["name"] = json!("Other");
    assert_eq!(
        changes(folder.path(), &[renamed]),
        ["other: x-model: words: now: {\"name\":\"Other\",\"type\":\"text-to-image\"}"]
    );
}

#[test]
fn what_is_no_list_is_said() {
    let folder = empty();
    let path = folder.path().join("list.html");
    fs::write(&path, "<html>").unwrap();
    let error = Listing::read(&path.to_string_lossy())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read models from ") && error.contains("it is not JSON"),
        "{error}"
    );
    assert!(matches!(
        Listing::read("no/such/file"),
        Err(Error::Source { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is listed, what is imported passes the lint and is generated, and a second import
    /// changes nothing.
    #[test]
    fn any_list_is_imported(entries in prop::collection::vec(catalogues::odd(), 1..8)) {
        let folder = empty();
        let said = import(folder.path(), &entries);
        let again = import(folder.path(), &entries);
        prop_assert!(again.contains(" 0 added, 0 changed, "), "{said}\n{again}");
        if let Err(error) = xtask::generate(folder.path(), false) {
            prop_assert!(false, "{error}\n{said}");
        }
        prop_assert_eq!(changes(folder.path(), &entries), [""; 0]);
    }
}
