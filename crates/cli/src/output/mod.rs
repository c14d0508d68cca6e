//! Results and messages: the documents of `--json`, the lines on stderr, failures and exit codes.

pub(crate) mod document;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod terminal;
