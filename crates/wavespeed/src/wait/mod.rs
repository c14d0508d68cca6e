//! Jobs: the handle on a task, and waiting for its end.

pub(crate) mod account;
pub(crate) mod job;
pub(crate) mod many;
pub(crate) mod schedule;
