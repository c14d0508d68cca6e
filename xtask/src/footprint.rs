//! The cost of depending on `wavespeed`, beside that of a similar client: two small programs that make
//! one paid request, each built from an empty target folder.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::program::{Program, read};

/// The manifest of both programs, as their users would write it.
const MANIFEST: &str = r#"edition = "2024"

[profile.dev]
strip = true

[profile.release]
strip = true

[dependencies]
tokio = { version = "1.48", features = ["macros", "rt-multi-thread"] }
"#;

const OURS: &str = r#"
use wavespeed::{RawInput, Wavespeed, serde_json::json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = json!({ "video": "clip.mp4", "text": "Hello", "voice_id": "AOT" });
    let input = RawInput::new("kwaivgi/kling-lipsync/text-to-video", input);
    let done = Wavespeed::from_env()?.run(input).target("out.mp4").await?;
    println!("{}", done.files[0].path.display());
    Ok(())
}
"#;

/// The dependency of the other program. The version is fixed, so that figures can be compared.
const OTHER: &str = r#"async-openai = { version = "=0.43.0", features = ["image"] }"#;

const THEIRS: &str = r#"
use async_openai::{Client, types::images::CreateImageRequestArgs};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = CreateImageRequestArgs::default().prompt("Hello").build()?;
    let done = Client::new().images().generate(request).await?;
    for file in done.save("out").await? {
        println!("{}", file.display());
    }
    Ok(())
}
"#;

/// The clock ticks in a second of `/proc/self/stat`, which Linux fixes for programs.
const TICKS: f64 = 100.0;

/// The figures of one program.
#[derive(Default)]
struct Figures {
    crates: usize,
    seconds: Vec<f64>,
    bytes: u64,
}

/// Builds both programs in turns, `runs` times each, and returns a table in Markdown. It counts the
/// processor time of the builds, so that other work on the machine matters little. It works on Linux
/// only.
///
/// # Errors
/// [`Error::Program`] if a program does not build.
pub fn table(root: &Path, target: &Path, is_release: bool, runs: u32) -> Result<String, Error> {
    let folder = target.join("footprint");
    let path = root.join("crates/wavespeed");
    let ours = format!("{MANIFEST}wavespeed = {{ path = {path:?} }}\n");
    let theirs = format!("{MANIFEST}{OTHER}\n");
    let programs = [
        Program::write(folder.join("ours"), "wavespeed", &ours, ("main.rs", OURS))?,
        Program::write(
            folder.join("theirs"),
            "async-openai",
            &theirs,
            ("main.rs", THEIRS),
        )?,
    ];
    for program in &programs {
        program.cargo(&["fetch", "--quiet"], None)?;
    }
    let mut figures = [Figures::default(), Figures::default()];
    for _ in 0..runs {
        for (program, figures) in programs.iter().zip(&mut figures) {
            build(program, is_release, figures)?;
        }
    }
    let profile = if is_release { "release" } else { "dev" };
    let mut table = format!(
        "| program | crates | CPU seconds to build ({profile}) | stripped |\n|---|---|---|---|\n"
    );
    for (program, figures) in programs.iter().zip(&figures) {
        let seconds = figures.seconds.iter().map(|one| format!("{one:.1}"));
        _ = writeln!(
            table,
            "| {} | {} | {} | {:.2} MB |",
            program.name,
            figures.crates,
            seconds.collect::<Vec<_>>().join(", "),
            figures.bytes as f64 / 1e6
        );
    }
    Ok(table)
}

/// Builds a program from an empty target folder.
fn build(program: &Program, is_release: bool, figures: &mut Figures) -> Result<(), Error> {
    let target = program.folder.join("target");
    _ = fs::remove_dir_all(&target);
    let before = children_seconds()?;
    let profile = if is_release { "release" } else { "dev" };
    let output = program.cargo(&["build", "--locked", "--profile", profile], Some(&target))?;
    figures.seconds.push(children_seconds()? - before);
    let lines = String::from_utf8_lossy(&output.stderr);
    let compiled = lines
        .lines()
        .filter(|line| line.trim_start().starts_with("Compiling "));
    // The program itself is no dependency.
    figures.crates = compiled.count().saturating_sub(1);
    let folder = if is_release { "release" } else { "debug" };
    let path = target.join(folder).join("program");
    let metadata = fs::metadata(&path).map_err(|source| Error::Read { path, source })?;
    figures.bytes = metadata.len();
    Ok(())
}

/// Returns the processor time, user and system, of the processes that this one started and waited for.
fn children_seconds() -> Result<f64, Error> {
    let stat = read(Path::new("/proc/self/stat"))?;
    // The name of the program comes before and may contain spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2);
    Ok(ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS)
}
