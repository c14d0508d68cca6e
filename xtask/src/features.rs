//! One cargo feature for each provider of models, in the manifests of the crates that have them:
//! whoever needs one provider compiles one.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::Error;
use crate::spec::read;

const BEGIN: &str = "# The providers of models, by `cargo xtask generate`.\n";
const END: &str = "# The end of the providers.\n";

/// The feature that turns all providers on.
pub const ALL: &str = "all-providers";
/// Features that no provider can be called like.
pub const RESERVED: &[&str] = &[
    "default",
    ALL,
    "blocking",
    "rustls",
    "rustls-ring",
    "native-tls",
];

/// The manifest with a feature for each provider, which turns on the one `of` another crate.
///
/// # Errors
/// [`Error::Read`] if it cannot be read, [`Error::Manifest`] if there is no place for them.
pub fn manifest(root: &Path, file: &str, providers: &[&str], of: &str) -> Result<String, Error> {
    let text = read(&root.join(file))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        let (file, mark) = (file.to_owned(), BEGIN.trim_end());
        return Err(Error::Manifest { file, mark });
    };
    let mut features = String::new();
    let mut list = String::new();
    for provider in providers {
        let turned_on = match of {
            "" => String::new(),
            of => format!("\"{of}{provider}\""),
        };
        let _ = writeln!(features, "{provider} = [{turned_on}]");
        let _ = write!(list, "\n    \"{provider}\",");
    }
    Ok(format!(
        "{before}{BEGIN}{ALL} = [{list}\n]\n{features}{END}{after}"
    ))
}
