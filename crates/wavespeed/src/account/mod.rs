//! Calls about the account: its history, its charges, prices and models.

pub(crate) mod billings;
pub(crate) mod delete;
pub(crate) mod history;
pub(crate) mod models;
mod pages;
pub(crate) mod price;
pub(crate) mod usage;
