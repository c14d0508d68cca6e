//! What `cargo xtask` does, as a library, so that tests can call it: the spec in, the client's
//! generated files and the bundle out. Nothing here is part of what users run.

pub mod catalogue;
pub mod check_text;
pub mod document;
pub mod error;
pub mod generate;
pub mod lint;
pub mod names;
pub mod polish;
pub mod prose;
pub mod spec;
pub mod transform;
pub mod write;

use std::path::{Path, PathBuf};

pub use error::Error;
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
    let (client, catalogue) = std::thread::scope(|scope| {
        let catalogue = scope.spawn(|| write::format(&catalogue::catalogue(&spec)));
        (client(&bundle), catalogue.join())
    });
    let catalogue = catalogue.map_err(|_| Error::Generator {
        at: "the catalogue".into(),
        message: "it panicked".into(),
    })??;
    let bundle = spec::to_text(&bundle);
    Ok(vec![
        Output {
            file: "crates/client/src/generated.rs",
            text: client?,
        },
        Output {
            file: "crates/client/src/catalogue.rs",
            text: catalogue,
        },
        Output {
            file: "spec/dist/openapi.json",
            text: bundle.clone(),
        },
        Output {
            file: "crates/emulator/openapi.json",
            text: bundle,
        },
    ])
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

/// The client's text for a bundle.
fn client(bundle: &serde_json::Value) -> Result<String, Error> {
    let transformed = transform::apply(bundle)?;
    let types = document::model_types(bundle);
    let tokens = generate::tokens(&transformed).map_err(|error| real_names(error, &types))?;
    let ids = document::model_ids(bundle);
    let models: Vec<_> = ids
        .iter()
        .zip(&types)
        .map(|(id, type_name)| polish::Model { id, type_name })
        .collect();
    let mut requests = document::request_schemas(bundle);
    let stand_ins = types
        .iter()
        .enumerate()
        .map(|(index, _)| names::placeholder(index));
    requests.extend(stand_ins);
    let context = polish::Context {
        document: &transformed,
        models: &models,
        requests: &requests,
    };
    let text = write::format(&polish::polish(tokens, context)?)?;
    check_text::check(&text, bundle)?;
    Ok(text)
}

/// The error, about the types of models instead of what stands in for them.
fn real_names(error: Error, types: &[String]) -> Error {
    let rename = |text: String| {
        let stand_ins = types.iter().enumerate();
        stand_ins.fold(text, |text, (index, name)| {
            text.replace(&names::placeholder(index), name)
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
