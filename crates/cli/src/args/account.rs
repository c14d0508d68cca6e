//! The arguments of commands about the account.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::jobs::Ids;
use super::values::{limit, moment};
use crate::output::failure::Failure;

/// A period of time, and a model.
#[derive(Args, Debug)]
pub(crate) struct Period {
    /// Start of the period: an age such as 12h or 7d, a date, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) since: Option<Timestamp>,
    /// End of the period
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) until: Option<Timestamp>,
    /// Only jobs of the model with this id
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

impl Period {
    /// Refuses a period that ends before it starts.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if until < since => {
                let message = format!("--until ({until:.0}) is before --since ({since:.0})");
                Err(Failure::usage(message).hint("exchange the two times"))
            }
            _ => Ok(()),
        }
    }
}

/// The length of a list.
#[derive(Args, Debug)]
pub(crate) struct Limit {
    /// Maximum number of entries
    #[arg(
        long,
        value_name = "N",
        value_parser = limit,
        allow_hyphen_values = true,
        default_value = "100"
    )]
    pub(crate) limit: usize,
}

/// The arguments of `wave history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) period: Period,
    #[command(flatten)]
    pub(crate) limit: Limit,
    /// Only jobs with this status
    #[arg(long, value_name = "STATUS", value_parser = lowercase)]
    pub(crate) status: Option<String>,
}

/// Parses a status in any letter case. The vendor may have statuses that are not known here.
fn lowercase(text: &str) -> Result<String, String> {
    Ok(text.to_lowercase())
}

/// The arguments of `wave billings`.
#[derive(Args, Debug)]
pub(crate) struct BillingsArgs {
    #[command(flatten)]
    pub(crate) period: Period,
    #[command(flatten)]
    pub(crate) limit: Limit,
    /// Only charges, or only refunds
    #[arg(long = "type", value_name = "TYPE", ignore_case = true)]
    pub(crate) kind: Option<BillingType>,
}

/// The vendor's type of a billing record.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BillingType {
    Deduct,
    Refund,
}

impl BillingType {
    /// Returns the vendor's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deduct => "deduct",
            Self::Refund => "refund",
        }
    }
}

/// The arguments of `wave usage`.
#[derive(Args, Debug)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    pub(crate) period: Period,
}

/// The arguments of `wave delete`.
#[derive(Args, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) ids: Ids,
    /// Delete without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Delete also open jobs, whose outputs are not saved
    #[arg(long)]
    pub(crate) force: bool,
}
