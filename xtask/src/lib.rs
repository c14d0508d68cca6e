//! What `cargo xtask` does, as a library, so that tests can call it: the spec in, the client's
//! generated files and the bundle out. Nothing here is part of what users run.

pub mod catalogue;
pub mod check_text;
pub mod copy;
pub mod document;
pub mod drift;
pub mod error;
pub mod features;
pub mod footprint;
pub mod generate;
pub mod import;
pub mod install;
pub mod lint;
pub mod names;
pub mod neighbours;
pub mod polish;
mod program;
pub mod prose;
pub mod spec;
pub mod transform;
pub mod write;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use error::Error;
use serde_json::Value;
use write::Output;

/// Makes every generated file from the spec below `root`, without writing it.
///
/// # Errors
/// [`Error::Findings`] if the spec breaks rules, and whatever else keeps the text from being made.
pub fn outputs(root: &Path) -> Result<Vec<Output>, Error> {
    let spec = spec::load(root)?;
    let findings = lint::lint(&spec);
    if !findings.is_empty() {
        return Err(Error::Findings(findings));
    }
    let bundle = spec::bundle(&spec);
    let transformed = transform::apply(&bundle)?;
    let requests = document::request_schemas(&bundle);
    let providers = providers(&spec);
    let names: Vec<&str> = providers.keys().copied().collect();

    let mut files: Vec<Job<'_>> = vec![
        Box::new(|| {
            let text = calls(&bundle, &transformed, &requests)?;
            Ok(Output::new("crates/client/src/generated.rs", text))
        }),
        Box::new(|| {
            let text = write::format(&catalogue::modules(&names))?;
            Ok(Output::new("crates/client/src/models.rs", text))
        }),
        Box::new(|| {
            let text = write::format(&catalogue::parts(&names))?;
            Ok(Output::new("crates/client/src/catalogue.rs", text))
        }),
    ];
    for (provider, models) in &providers {
        let file = names::snake(provider);
        let (transformed, bundle, spec) = (&transformed, &bundle, &spec);
        let name = format!("{}/{file}.rs", write::OWNED[0]);
        files.push(Box::new(move || {
            Ok(Output::new(name, inputs(bundle, transformed, models)?))
        }));
        let name = format!("{}/{file}.rs", write::OWNED[1]);
        files.push(Box::new(move || {
            Ok(Output::new(
                name,
                write::format(&catalogue::catalogue(spec, provider))?,
            ))
        }));
    }
    let mut outputs = together(files)?;
    outputs.push(Output::new(
        "spec/dist/openapi.json",
        spec::to_text(&bundle),
    ));
    let packed = write::packed(bundle.to_string().as_bytes());
    outputs.push(Output::new("crates/emulator/openapi.json.gz", packed));
    let page = root.join("crates/emulator/playground/index.html");
    if page.is_file() {
        let text = std::fs::read(&page).map_err(|source| Error::Read { path: page, source })?;
        let packed = write::packed(&text);
        outputs.push(Output::new(
            "crates/emulator/playground/index.html.gz",
            packed,
        ));
    }
    for (file, of) in [
        ("crates/client/Cargo.toml", ""),
        ("crates/wavespeed/Cargo.toml", "wavespeed-client/"),
    ] {
        outputs.push(Output::new(
            file,
            features::manifest(root, file, &names, of)?,
        ));
    }
    outputs.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(outputs)
}

/// The making of one file.
type Job<'a> = Box<dyn FnOnce() -> Result<Output, Error> + Send + 'a>;

/// Makes the files, as many at a time as the machine can.
fn together(jobs: Vec<Job<'_>>) -> Result<Vec<Output>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(jobs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut done = Vec::new();
        while let Some(job) = next() {
            done.push(job()?);
        }
        Ok(done)
    };
    let mut outputs = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            outputs.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(outputs)
    })
}

/// The models of each provider, with their places among all.
fn providers(spec: &spec::Spec) -> BTreeMap<&str, Vec<polish::Model<'_>>> {
    let mut providers: BTreeMap<&str, Vec<polish::Model<'_>>> = BTreeMap::new();
    for (place, model) in spec.models.iter().enumerate() {
        let (id, type_name) = (model.id.as_str(), model.type_name.as_str());
        let models = providers.entry(model.provider()).or_default();
        models.push(polish::Model {
            place,
            id,
            type_name,
        });
    }
    providers
}

/// Writes every generated file below `root`; with `check`, compares them instead.
///
/// # Errors
/// Those of [`outputs`], and [`Error::Stale`] naming the files that differ.
pub fn generate(root: &Path, check: bool) -> Result<(), Error> {
    write::write_all(root, &outputs(root)?, check)
}

/// The root of the repository: the folder above this package when cargo runs it, else the nearest
/// one at or above the current folder that has a spec.
///
/// # Errors
/// [`Error::NoRoot`] if there is none.
pub fn find_root() -> Result<PathBuf, Error> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = manifest
        .or_else(|| std::env::current_dir().ok())
        .ok_or(Error::NoRoot)?;
    let root = start
        .ancestors()
        .find(|folder| folder.join(spec::API).is_file());
    root.map(Path::to_path_buf).ok_or(Error::NoRoot)
}

/// The text of the calls.
fn calls(
    bundle: &Value,
    transformed: &Value,
    requests: &BTreeSet<String>,
) -> Result<String, Error> {
    let document = document::calls(transformed);
    let text = polish::calls(generate::calls(&document)?, &document, requests)?;
    let text = write::format(&text)?;
    check_text::calls(&text, bundle)?;
    Ok(text)
}

/// The text of the inputs of a provider's models.
fn inputs(
    bundle: &Value,
    transformed: &Value,
    models: &[polish::Model<'_>],
) -> Result<String, Error> {
    let stand_ins = models.iter().map(|model| names::placeholder(model.place));
    let document = document::part(transformed, &stand_ins.collect::<Vec<_>>());
    let tokens = generate::inputs(&document).map_err(|error| real_names(error, models))?;
    let text = write::format(&polish::models(tokens, &document, models)?)?;
    check_text::inputs(&text, bundle, models)?;
    Ok(text)
}

/// The error, about the types of models instead of what stands in for them.
fn real_names(error: Error, models: &[polish::Model<'_>]) -> Error {
    let rename = |text: String| {
        models.iter().fold(text, |text, model| {
            text.replace(&names::placeholder(model.place), model.type_name)
        })
    };
    match error {
        Error::Generator { at, message } => Error::Generator {
            at: rename(at),
            message: rename(message),
        },
        other => other,
    }
}
