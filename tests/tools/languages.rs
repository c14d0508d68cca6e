//! Clients in other languages, made of the bundle alone by the tools that people use, checked as
//! strictly as their languages can, and run through the main job against our emulator.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;
use wavespeed_tests::workspace;

use super::emulators;
use super::installed::{self, checked, npm, pip};

const FOLDER: &str = "languages";

pub(crate) fn typescript() -> Result<(), Failed> {
    let language = Language::new("TypeScript, by @hey-api/openapi-ts", "hey-api")?;
    language.file("tsconfig.json")?;
    language.file("openapi-ts.config.mjs")?;
    let mut generator = npm(FOLDER, "openapi-ts");
    generator.env("BUNDLE", bundle());
    language.does(generator.args(["--silent", "--no-log-file"]))?;
    language.has_every_schema("hey/types.gen.ts", "export type ")?;
    language.file("main.ts")?;
    language.does(npm(FOLDER, "tsc").args(["--project", "tsconfig.json"]))?;
    language.runs(Command::new("node").arg("built/main.js"))
}

pub(crate) fn typescript_types() -> Result<(), Failed> {
    let language = Language::new("TypeScript, by openapi-typescript", "openapi-typescript")?;
    language.file("tsconfig.json")?;
    let mut generator = npm(FOLDER, "openapi-typescript");
    generator.arg(bundle()).args(["--output", "openapi.d.ts"]);
    // What has a default may be left out of a request all the same.
    language.does(generator.arg("--default-non-nullable=false"))?;
    language.has_every_schema("openapi.d.ts", "        ")?;
    language.file("fetch.ts")?;
    language.does(npm(FOLDER, "tsc").args(["--project", "tsconfig.json"]))?;
    language.runs(Command::new("node").arg("built/fetch.js"))
}

pub(crate) fn python() -> Result<(), Failed> {
    let language = Language::new("Python, by openapi-python-client", "python")?;
    language.file("generator.yaml")?;
    let mut generator = pip(FOLDER, "openapi-python-client");
    generator.args(["generate", "--meta=none", "--fail-on-warning"]);
    generator.args([
        "--config",
        "generator.yaml",
        "--output-path",
        "wavespeed_api",
    ]);
    language.does(generator.arg("--path").arg(bundle()))?;
    language.has_every_schema("wavespeed_api/models/__init__.py", "import ")?;
    language.file("main.py")?;
    // What the generator writes is not strict itself: it reuses names for other types.
    let strict = ["--strict", "--follow-imports=silent", "main.py"];
    language.does(pip(FOLDER, "mypy").args(strict))?;
    language.runs(installed::python(FOLDER).arg("main.py"))
}

pub(crate) fn go() -> Result<(), Failed> {
    let language = Language::new("Go, by openapi-generator", "go")?;
    let mut generator = pip(FOLDER, "openapi-generator-cli");
    generator.args(["generate", "--generator-name=go", "--output=wavespeed"]);
    // Otherwise it refuses whatever the vendor adds.
    let open = "disallowAdditionalPropertiesIfNotPresent=false";
    generator.arg(format!(
        "--additional-properties=packageName=wavespeed,withGoMod=false,{open}"
    ));
    language.does(generator.arg("--input-spec").arg(bundle()))?;
    // Its own tests are for other modules.
    fs::remove_dir_all(language.folder.join("wavespeed/test"))?;
    fs::write(language.folder.join("go.mod"), "module job\n\ngo 1.19\n")?;
    language.file("main.go")?;
    language.does(offline(Command::new("go").args(["vet", "./..."])))?;
    language.does(offline(
        Command::new("go").args(["build", "-o", "built", "."]),
    ))?;
    language.runs(&mut Command::new("./built"))
}

/// Nothing of what it builds is anywhere else.
fn offline(go: &mut Command) -> &mut Command {
    go.env("GOPROXY", "off").env("GOFLAGS", "-mod=mod")
}

/// A folder for one of them, below that of their tools.
struct Language {
    name: &'static str,
    folder: PathBuf,
}

impl Language {
    fn new(name: &'static str, folder: &str) -> Result<Self, Failed> {
        let folder = installed::place(FOLDER).join(folder);
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        Ok(Self { name, folder })
    }

    /// Takes a file that was written by hand.
    fn file(&self, name: &str) -> Result<(), Failed> {
        let from = workspace::root().join("tests").join(FOLDER).join(name);
        fs::copy(from, self.folder.join(name))?;
        Ok(())
    }

    fn does(&self, program: &mut Command) -> Result<(), Failed> {
        checked(program.current_dir(&self.folder)).map_err(|failed| self.failed(&failed))?;
        Ok(())
    }

    /// Whether a file has a type for every object, called after it as the language does; `before` is
    /// what stands before its name. A generator may drop a type without a word.
    fn has_every_schema(&self, file: &str, before: &str) -> Result<(), Failed> {
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        let text = fs::read_to_string(self.folder.join(file))?;
        let names = text.split(before).skip(1).map(|rest| {
            let end = rest.find(|letter: char| letter != '_' && !letter.is_alphanumeric());
            plain(&rest[..end.unwrap_or(rest.len())])
        });
        let names: BTreeSet<String> = names.collect();
        let bundle: Value = serde_json::from_str(&fs::read_to_string(bundle())?)?;
        let schemas = bundle["components"]["schemas"].as_object();
        let mut objects = schemas
            .into_iter()
            .flatten()
            .filter(|(_, schema)| schema["type"] == "object");
        match objects.find(|(name, _)| !names.contains(&plain(name))) {
            None => Ok(()),
            Some((name, _)) => Err(format!("{}: there is no type for {name}", self.name).into()),
        }
    }

    /// Runs the main job, with the vectors.
    fn runs(&self, program: &mut Command) -> Result<(), Failed> {
        let vectors = workspace::root().join("spec/vectors");
        let vectors = vectors.to_str().unwrap_or_default();
        let run = emulators::against(program.current_dir(&self.folder), &[vectors]);
        run.map_err(|failed| self.failed(&failed))?;
        Ok(())
    }

    /// Every failure says which language it is about; which schema, its tool says.
    fn failed(&self, failed: &Failed) -> Failed {
        format!("{}: {}", self.name, failed.message().unwrap_or_default()).into()
    }
}

fn bundle() -> PathBuf {
    workspace::root().join("spec/dist/openapi.json")
}
