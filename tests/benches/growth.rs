//! What a thousand models cost: `cargo bench --package wavespeed-tests --bench growth`. It copies
//! this workspace, imports a list that it made up, and builds the client and `wave` with it and
//! without it. Prints a table; nothing here can fail by the clock.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people, by a tool for developers"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use wavespeed_tests::{catalogues, workspace};

const MODELS: usize = 1_000;
const EACH: usize = 20;
const RUNS: usize = 101;

fn main() {
    // `cargo test` runs benches, too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = &folder.path().join("copy");
    workspace::copy_to(copy);
    let bench = Bench {
        copy,
        target: &workspace::target(env!("CARGO_BIN_EXE_wave-under-test")).join("growth"),
    };
    let list = folder.path().join("models.json");
    let models = catalogues::usual(MODELS, EACH);
    fs::write(&list, Value::from(models).to_string()).unwrap();

    let few = bench.wave(&folder.path().join("few"));
    let xtask = bench.xtask();
    println!("| {MODELS} models, {EACH} a provider | |\n|---|---|");
    let mut import = Command::new(&xtask);
    import.arg("import").arg(&list);
    let dry = bench.seconds(import.arg("--dry-run"));
    println!("| import --dry-run: read, mended, merged, checked | {dry:.2} s |");
    let import = bench.seconds(Command::new(&xtask).arg("import").arg(&list));
    println!("| import, which also writes, and generates | {import:.2} s |");
    let generate = bench.seconds(Command::new(&xtask).arg("generate"));
    println!("| generate | {generate:.2} s |");
    bench.check("all-providers", "check of the client, all providers");
    bench.check("provider-0", "check of the client, one provider");
    bench.check("", "check of the client, none");
    let many = bench.wave(&folder.path().join("many"));
    println!("\n| wave | few models | {MODELS} more | difference |\n|---|---|---|---|");
    let model = ["run", "kwaivgi/kling-lipsync/text-to-video", "--help"];
    let new = ["run", "provider-7/model-v1.0/text-to-video", "--help"];
    start("--version", [&few, &many], [&["--version"], &["--version"]]);
    start("run MODEL --help", [&few, &many], [&model, &model]);
    start(
        "run MODEL --help of a new one",
        [&few, &many],
        [&model, &new],
    );
    let size = |wave: &Path| fs::metadata(wave).unwrap().len() as f64 / 1e6;
    let (few, many) = (size(&few), size(&many));
    println!(
        "| bytes | {few:.2} MB | {many:.2} MB | {:.2} MB |",
        many - few
    );
}

struct Bench<'a> {
    copy: &'a Path,
    target: &'a Path,
}

impl Bench<'_> {
    /// The generator, built as a developer builds it.
    fn xtask(&self) -> PathBuf {
        let mut cargo = workspace::cargo(self.copy, self.target);
        succeed(cargo.args(["build", "--quiet", "--package", "xtask"]));
        self.target.join("debug/xtask")
    }

    /// The command, built for release except for what takes minutes.
    fn wave(&self, to: &Path) -> PathBuf {
        let mut cargo = workspace::cargo(self.copy, self.target);
        cargo.args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "wavespeed-cli",
        ]);
        cargo.args(["--config", "profile.release.lto=false"]);
        cargo.args(["--config", "profile.release.codegen-units=16"]);
        succeed(&mut cargo);
        fs::copy(self.target.join("release/wave"), to).unwrap();
        to.to_owned()
    }

    fn seconds(&self, command: &mut Command) -> f64 {
        let start = Instant::now();
        // Cargo says where this benchmark is, which is not where the copy is.
        command
            .env_remove("CARGO_MANIFEST_DIR")
            .current_dir(self.copy);
        succeed(command.stdout(Stdio::null()));
        start.elapsed().as_secs_f64()
    }

    /// What the compiler takes for the client alone, by GNU time.
    fn check(&self, features: &str, name: &str) {
        let figures = self.target.join("rustc.txt");
        let wrapper = self.target.join("rustc.sh");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n*'crate-name wavespeed_client '*) \
             exec env time -o '{}' -f '%U %S %M' \"$@\";;\n*) exec \"$@\";;\nesac\n",
            figures.display()
        );
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let library = self.copy.join("crates/client/src/lib.rs");
        fs::write(&library, fs::read(&library).unwrap()).unwrap();
        let mut cargo = workspace::cargo(self.copy, self.target);
        cargo.args(["check", "--quiet", "--package", "wavespeed-client"]);
        cargo.args(["--features", features]);
        succeed(cargo.env("RUSTC_WRAPPER", &wrapper));
        let figures = fs::read_to_string(figures).expect("GNU time is installed");
        let figures: Vec<f64> = figures
            .split_whitespace()
            .map(|figure| figure.parse().unwrap())
            .collect();
        let [user, system, kib] = figures[..] else {
            panic!("{figures:?}")
        };
        let cpu = user + system;
        println!("| {name} | {cpu:.2} s of CPU, {:.0} MB |", kib / 1e3);
    }
}

fn succeed(command: &mut Command) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}

/// The medians of two programs started in turns.
fn start(name: &str, programs: [&PathBuf; 2], words: [&[&str]; 2]) {
    let time = |at: usize| {
        let start = Instant::now();
        let mut command = Command::new(programs[at]);
        succeed(command.args(words[at]).stdout(Stdio::null()));
        start.elapsed().as_secs_f64() * 1e3
    };
    let (mut few, mut many): (Vec<f64>, Vec<f64>) = (0..RUNS).map(|_| (time(0), time(1))).unzip();
    few.sort_unstable_by(f64::total_cmp);
    many.sort_unstable_by(f64::total_cmp);
    let (few, many) = (few[RUNS / 2], many[RUNS / 2]);
    println!(
        "| {name} | {few:.2} ms | {many:.2} ms | {:.2} ms |",
        many - few
    );
}
