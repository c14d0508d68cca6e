//! The arguments of commands about models and files.

use std::path::PathBuf;

use clap::Args;

use super::values::{language, path, path_or_url};
use crate::lipsync::LIPSYNC;

/// The source of a model.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Live {
    /// Use the vendor's own list of models, which is cached for an hour
    #[arg(long)]
    pub(crate) live: bool,
}

/// The arguments of `wave models`.
#[derive(Args, Debug)]
pub(crate) struct ModelsArgs {
    /// Words that the id, the name or the description contains
    #[arg(value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    /// Only models of this type, such as text-to-video
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only models of this provider, such as kwaivgi
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) live: Live,
}

/// The arguments of `wave schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    /// Id of the model, see `wave models`
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) live: Live,
}

/// The arguments of `wave check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Local files or URLs; of a URL, only the header of the file is fetched
    #[arg(value_name = "FILE|URL", required = true, value_parser = path_or_url)]
    pub(crate) files: Vec<String>,
    /// Model whose limits count
    #[arg(long, value_name = "MODEL", default_value = LIPSYNC)]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) live: Live,
}

/// The arguments of `wave upload`.
#[derive(Args, Debug)]
pub(crate) struct UploadArgs {
    /// Files to upload
    #[arg(value_name = "FILE", required = true, value_parser = path)]
    pub(crate) files: Vec<PathBuf>,
    /// Upload again, even if an earlier upload can be reused
    #[arg(long)]
    pub(crate) again: bool,
}

/// The arguments of `wave stats`.
#[derive(Args, Debug)]
pub(crate) struct StatsArgs {
    /// Id of the model
    #[arg(value_name = "MODEL", default_value = LIPSYNC)]
    pub(crate) model: String,
}

/// The arguments of `wave voices`.
#[derive(Args, Debug)]
pub(crate) struct VoicesArgs {
    /// Only voices that speak this language
    #[arg(long, value_name = "LANGUAGE", value_parser = language(), ignore_case = true)]
    pub(crate) language: Option<String>,
}
