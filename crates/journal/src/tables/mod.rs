//! The tables of a journal, and how records are written to them and read from them.

pub(crate) mod durations;
pub(crate) mod jobs;
pub(crate) mod uploads;
