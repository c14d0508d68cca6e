//! Checks of an input before the paid request.
//!
//! The vendor silently drops inputs that it does not know and bills the job with defaults, so each
//! input is checked against the catalogue here, and all faults are reported together. `input`
//! checks a whole input and `value` each value by its shape: presence, type, choice, length, range,
//! number of elements. `text` is about the form of texts. `file` checks the values that name files: the form of a URL, or the content
//! of a local file, whose header [`media`](crate::media) reads and `facts`, with `tracks` and `limits`,
//! compares with the limits of the model. `url` does the same for files behind URLs, which needs requests to their
//! hosts and is therefore separate: [`check_urls`](crate::Wavespeed::check_urls). `output` checks
//! the target of a download.

mod expiry;
mod facts;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod input;
mod limits;
pub(crate) mod named;
mod output;
pub(crate) mod rule;
pub(crate) mod suggest;
pub(crate) mod text;
mod tracks;
pub(crate) mod url;
mod value;
