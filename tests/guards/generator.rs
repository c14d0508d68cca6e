//! The generator on a small spec that holds every construct it must cope with, and on the real one:
//! what it writes is compared with what stands in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::Error;
use xtask::write::{Output, write_all};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn fixture() -> PathBuf {
    root().join("tests/fixtures/generator")
}

fn text<'a>(outputs: &'a [Output], file: &str) -> &'a str {
    let output = outputs.iter().find(|output| output.file == file).unwrap();
    std::str::from_utf8(&output.bytes).unwrap()
}

/// The files of the fixture in a folder of their own.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(copy.path().join(&folder)).unwrap();
        for entry in fs::read_dir(fixture().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                fs::copy(entry.path(), copy.path().join(path)).unwrap();
            }
        }
    }
    copy
}

#[test]
fn every_construct_comes_out_as_it_did() {
    let outputs = xtask::outputs(&fixture()).unwrap();
    insta::assert_snapshot!(
        "generated",
        text(&outputs, "crates/client/src/generated.rs")
    );
    for file in ["models", "models/acme", "catalogue", "catalogue/acme"] {
        let path = format!("crates/client/src/{file}.rs");
        insta::assert_snapshot!(file.replace('/', "-"), text(&outputs, &path));
    }
}

#[test]
fn the_bundle_goes_to_both_places() {
    let outputs = xtask::outputs(&fixture()).unwrap();
    let bundle = text(&outputs, "spec/dist/openapi.json");
    let parsed = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let packed = xtask::write::packed(parsed(bundle).to_string().as_bytes());
    let file = "crates/emulator/openapi.json.gz";
    let there = outputs.iter().find(|output| output.file == file).unwrap();
    assert!(there.bytes == packed);
    // In the order of the spec, limits and defaults untouched, without the name for Rust.
    let input = bundle.find("\"AcmePaintV1_6Edit\": {").unwrap();
    let place = |word: &str| input + bundle[input..].find(word).unwrap();
    assert!(place("\"prompt\": {") < place("\"image\": {"), "{bundle}");
    assert!(
        place("\"maxLength\": 500") < place("\"image\": {"),
        "{bundle}"
    );
    assert!(
        bundle.contains("快") && !bundle.contains("type_name"),
        "{bundle}"
    );
}

#[test]
fn what_stands_in_the_repository_is_up_to_date() {
    if let Err(error) = xtask::generate(&root(), true) {
        panic!("{error}");
    }
}

#[test]
fn a_changed_file_is_noticed_and_mended() {
    let copy = copy();
    xtask::generate(copy.path(), false).unwrap();
    xtask::generate(copy.path(), true).unwrap();

    let file = copy.path().join("crates/client/src/catalogue/acme.rs");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("Paint", "Pain")).unwrap();
    let error = xtask::generate(copy.path(), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "crates/client/src/catalogue/acme.rs is stale; run: cargo xtask generate"
    );
    xtask::generate(copy.path(), false).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
}

#[test]
fn a_second_run_touches_nothing() {
    let copy = copy();
    let outputs = xtask::outputs(copy.path()).unwrap();
    write_all(copy.path(), &outputs, false).unwrap();
    let modified = |output: &Output| {
        fs::metadata(copy.path().join(&output.file))
            .unwrap()
            .modified()
            .unwrap()
    };
    let first: Vec<_> = outputs.iter().map(modified).collect();
    assert_eq!(xtask::outputs(copy.path()).unwrap(), outputs);
    write_all(copy.path(), &outputs, false).unwrap();
    assert_eq!(outputs.iter().map(modified).collect::<Vec<_>>(), first);
}

#[test]
fn every_finding_of_every_file_is_one_line() {
    let copy = copy();
    let noise = copy.path().join("spec/models/acme/noise.yaml");
    let model = fs::read_to_string(&noise).unwrap();
    fs::write(
        &noise,
        model.replace("boolean }", "boolean, nulable: true }"),
    )
    .unwrap();
    let small = copy.path().join("spec/models/acme/box/small.yaml");
    let model = fs::read_to_string(&small).unwrap();
    fs::write(&small, model.replace("label, sides", "label, side")).unwrap();
    let error = xtask::generate(copy.path(), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec/models/acme/box/small.yaml: required: `side` is not one of the properties; mend the \
         name or add the property\n\
         spec/models/acme/noise.yaml: properties.loud: `nulable` is not a keyword; did you mean \
         `nullable`?"
    );
    assert!(
        !copy.path().join("spec/dist").exists(),
        "nothing is written from a broken spec"
    );
}

#[test]
fn broken_yaml_is_a_finding_with_its_line() {
    let copy = copy();
    fs::write(
        copy.path().join("spec/models/acme/noise.yaml"),
        "type: object\ntype: object\n",
    )
    .unwrap();
    fs::write(copy.path().join("spec/models/acme/notes.txt"), "").unwrap();
    let error = xtask::generate(copy.path(), false).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(
        lines[0].starts_with("spec/models/acme/noise.yaml: "),
        "{error}"
    );
    assert!(
        lines[0].contains("duplicate") && lines[0].contains("line 2"),
        "{error}"
    );
    assert_eq!(
        lines[1],
        "spec/models/acme/notes.txt: not a .yaml file; rename it or move it out of here"
    );
}

#[test]
fn a_spec_the_generator_refuses_names_the_place() {
    let copy = copy();
    let api = copy.path().join("spec/wavespeed.yaml");
    let text = fs::read_to_string(&api).unwrap();
    fs::write(&api, text.replace("in: query", "in: cookie")).unwrap();
    match xtask::generate(copy.path(), false).unwrap_err() {
        Error::Generator { at, message } => {
            assert_eq!(at, "path /jobs/{id}");
            assert!(message.contains("cookie"), "{message}");
        }
        other => panic!("{other}"),
    }
}
