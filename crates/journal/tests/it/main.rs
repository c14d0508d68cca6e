//! A journal by what it offers: as a store, as rows of a table, and as a file.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod open;
mod rows;
mod store;
