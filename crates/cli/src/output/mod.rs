//! Output of the command: results on stdout, as text or as the documents of `--json`, messages on
//! stderr, and exit codes. A command returns a [`report::Report`], which is printed once, at the end.

pub(crate) mod candidates;
pub(crate) mod document;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod job;
pub(crate) mod money;
pub(crate) mod next_step;
pub(crate) mod notices;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod schemas;
pub(crate) mod shell;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod time;
