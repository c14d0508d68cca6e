//! Finding wrong input before it costs.
//!
//! The vendor drops keys it does not know without a word and bills the task with defaults, so an
//! input is held against the catalogue here, and all faults are found at once: what is required or
//! unknown, types, choices, lengths, ranges and counts; of a URL its form; of a local file that it
//! is there, and what its header says (see [`media`](crate::media)). What is behind a URL is for
//! [`check_urls`](crate::Wavespeed::check_urls), which asks its host.

mod facts;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod input;
pub(crate) mod named;
mod output;
pub(crate) mod rule;
mod suggest;
pub(crate) mod url;
mod value;

pub use fault::{Fault, Faults, Severity, override_rules};
pub use file::Files;
pub use input::check;
pub use named::local_files;
pub use rule::Rule;
pub use suggest::nearest;
pub use url::Inspection;
