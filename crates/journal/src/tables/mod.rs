//! The tables of a journal: their schemas, and the conversion of records to rows and back.

pub(crate) mod durations;
pub(crate) mod jobs;
pub(crate) mod uploads;
