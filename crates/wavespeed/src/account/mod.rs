//! Calls about the account: the history and its deletion, charges, usage, prices, and the vendor's
//! list of models. The history and the charges are paged and read as streams.

pub(crate) mod billings;
mod call;
pub(crate) mod delete;
pub(crate) mod history;
pub(crate) mod models;
mod pages;
pub(crate) mod price;
pub(crate) mod span;
pub(crate) mod usage;
