//! Checks that the libraries fit into other programs, whose dependencies cargo resolves together with
//! theirs. A program has one version of `libsqlite3-sys`, one set of features of `serde_json`, and
//! perhaps an older Rust: [`check`] resolves a generated program for each case, which builds nothing,
//! and tests the journal with both ends of its range of `rusqlite`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::copy::copy_workspace;
use crate::error::Error;
use crate::program::{Program, read, write};

/// A folder of `crates`, and the package in it.
type Library = (&'static str, &'static str);

/// The published libraries.
const LIBRARIES: [Library; 5] = [
    ("client", "wavespeed-client"),
    ("emulator", "wavespeed-emulator"),
    ("journal", "wavespeed-journal"),
    ("poll", "wavespeed-poll"),
    ("wavespeed", "wavespeed"),
];

/// The dependencies that link SQLite, each beside the libraries in a program of its own.
const NEIGHBOURS: [(&str, &str); 4] = [
    (
        "sqlx-0.8",
        r#"sqlx = { version = "0.8", features = ["postgres", "sqlite"] }"#,
    ),
    (
        "sqlx-0.9",
        r#"sqlx = { version = "0.9", features = ["postgres", "sqlite"] }"#,
    ),
    (
        "diesel-2",
        r#"diesel = { version = "2", features = ["sqlite"] }"#,
    ),
    ("rusqlite-0.37", r#"rusqlite = "0.37""#),
];

/// The feature that no library may turn on: it changes the order of the fields in every JSON object of
/// the program that uses the library.
const ORDER: &str = "serde_json feature \"preserve_order\"";

/// The start of the line in the root manifest that has the range of `rusqlite`.
const RANGE: &str = "rusqlite = { version = \"";

/// The start of the line in the root manifest that has the version of Rust.
const RUST: &str = "rust-version = \"";

/// Runs all checks, and passes each result to `report`. What they write is in `target/neighbours`.
///
/// # Errors
/// [`Error::Program`] names the program and the rule that it breaks.
pub fn check(root: &Path, target: &Path, report: &mut dyn FnMut(String)) -> Result<(), Error> {
    let folder = target.join("neighbours");
    for library in LIBRARIES {
        let rust = declared_rust(root, &[library])?;
        let program = resolve(root, &folder, library.1, &[library], "")?;
        check_features(&program)?;
        check_rust(&program, &rust)?;
        report(format!("{}: Rust {rust} is enough", program.name));
    }
    for (name, dependency) in NEIGHBOURS {
        let program = resolve(root, &folder, name, &LIBRARIES, dependency)?;
        report(format!("{name}: rusqlite {}", rusqlite(&program)?));
    }
    test_journal(root, &folder, report)
}

/// Generates a program that depends on libraries and on one more line of a manifest, and resolves its
/// dependencies.
fn resolve(
    root: &Path,
    folder: &Path,
    name: &str,
    libraries: &[Library],
    dependency: &str,
) -> Result<Program, Error> {
    let rust = declared_rust(root, libraries)?;
    let libraries = libraries.iter().map(|(folder, package)| {
        let path = root.join("crates").join(folder);
        format!("{package} = {{ path = {path:?} }}\n")
    });
    let manifest = format!(
        "edition = \"2024\"\nrust-version = \"{rust}\"\n\n[dependencies]\n{}{dependency}\n",
        libraries.collect::<String>()
    );
    let program = Program::write(folder.join(name), name, &manifest, ("lib.rs", ""))?;
    program.cargo(&["generate-lockfile", "--quiet"], None)?;
    Ok(program)
}

/// Returns the oldest version of Rust that all of these libraries support. A library without one has
/// that of the workspace.
fn declared_rust(root: &Path, libraries: &[Library]) -> Result<String, Error> {
    let mut declared = vec![read(&root.join("Cargo.toml"))?];
    for (folder, _) in libraries {
        declared.push(read(&root.join("crates").join(folder).join("Cargo.toml"))?);
    }
    let lines = declared.iter().flat_map(|manifest| manifest.lines());
    let declared = lines.filter_map(|line| line.strip_prefix(RUST)?.strip_suffix('"'));
    let newest = declared.max_by_key(|rust| minor(rust));
    newest.map(str::to_owned).ok_or_else(|| without_line(RUST))
}

/// Returns the version of `rusqlite` that a program has.
fn rusqlite(program: &Program) -> Result<String, Error> {
    let lock = read(&program.folder.join("Cargo.lock"))?;
    let mut lines = lock
        .lines()
        .skip_while(|line| *line != "name = \"rusqlite\"");
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = "));
    let version = version.map(|version| version.trim_matches('"').to_owned());
    version.ok_or_else(|| program.error("the lock file has no rusqlite"))
}

/// Checks that no library turns on a feature that changes the rest of the program.
fn check_features(program: &Program) -> Result<(), Error> {
    let tree = ["tree", "--edges", "normal,features", "--prefix", "none"];
    let tree = program.cargo(&tree, None)?;
    if String::from_utf8_lossy(&tree.stdout).contains(ORDER) {
        return Err(
            program.error("a library turns on `preserve_order` of serde_json for its users")
        );
    }
    Ok(())
}

/// Checks that no dependency needs a newer Rust than the libraries declare.
fn check_rust(program: &Program, declared: &str) -> Result<(), Error> {
    let metadata = program.cargo(&["metadata", "--format-version", "1", "--locked"], None)?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap_or_default();
    let packages = metadata["packages"].as_array();
    let packages = packages.ok_or_else(|| program.error("cargo metadata names no packages"))?;
    let is_newer = |package: &&Value| {
        let needed = package["rust_version"].as_str();
        needed.is_some_and(|needed| minor(needed) > minor(declared))
    };
    match packages.iter().find(is_newer) {
        None => Ok(()),
        Some(package) => Err(program.error(&format!(
            "{} {} needs Rust {}, and the libraries declare {declared}",
            package["name"], package["version"], package["rust_version"]
        ))),
    }
}

/// Runs the tests of the journal with the lowest and the highest version of `rusqlite` in its range.
fn test_journal(root: &Path, folder: &Path, report: &mut dyn FnMut(String)) -> Result<(), Error> {
    // A copy, since the lock file of the workspace is not to change. Both versions use the same copy
    // and the same target folder, so everything else is compiled once.
    let copy = folder.join("workspace");
    _ = fs::remove_dir_all(&copy);
    copy_workspace(root, &copy)?;
    let manifest = read(&root.join("Cargo.toml"))?;
    let (range, lowest, highest) = range(&manifest).ok_or_else(|| without_line(RANGE))?;
    for minor in [lowest, highest] {
        let name = format!("journal with rusqlite 0.{minor}");
        let exact = format!("{RANGE}0.{minor}\"");
        let text = manifest.replace(&format!("{RANGE}{range}\""), &exact);
        write(&copy.join("Cargo.toml"), &text)?;
        let journal = Program {
            name,
            folder: copy.clone(),
        };
        let test = ["test", "--quiet", "--package", "wavespeed-journal"];
        journal.cargo(&test, Some(&folder.join("build")))?;
        report(format!("{}: its tests pass", journal.name));
    }
    Ok(())
}

/// Returns the range of `rusqlite` in a manifest, and the lowest and the highest minor version in it.
fn range(manifest: &str) -> Option<(&str, u32, u32)> {
    let line = manifest.lines().find_map(|line| line.strip_prefix(RANGE))?;
    let range = line.split('"').next()?;
    let (from, to) = range.split_once(", ")?;
    let lowest = from.strip_prefix(">=0.")?.parse().ok()?;
    let end: u32 = to.strip_prefix("<0.")?.parse().ok()?;
    Some((range, lowest, end.checked_sub(1)?))
}

/// Returns the error of a root manifest without a line that begins with `mark`.
fn without_line(mark: &'static str) -> Error {
    Error::Manifest {
        file: "Cargo.toml".to_owned(),
        mark,
    }
}

/// Returns the minor version of a version of Rust, such as 88 of `1.88.0`.
fn minor(rust: &str) -> u32 {
    let minor = rust.split('.').nth(1);
    minor
        .and_then(|minor| minor.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_has_its_first_and_its_last_minor_version() {
        let manifest = "a = \"1\"\nrusqlite = { version = \">=0.32, <0.44\", features = [] }\n";
        assert_eq!(range(manifest), Some((">=0.32, <0.44", 32, 43)));
        assert_eq!(range("rusqlite = { version = \"0.41\" }"), None);
    }

    #[test]
    fn minor_version_of_rust_is_its_second_number() {
        assert_eq!([minor("1.88"), minor("1.88.1"), minor("1")], [88, 88, 0]);
    }
}
