//! The documents of `wave price` and `--dry-run`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wavespeed::Quote;

use super::FaultDocument;

/// The price of a job, by `wave price`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct QuoteDocument {
    /// The price to pay.
    pub(crate) price: f64,
    /// The price without a discount; null if there is none.
    pub(crate) undiscounted: Option<f64>,
    /// The currency.
    pub(crate) currency: String,
    /// The inputs that the vendor did not see: with them, the charge can be higher.
    pub(crate) unseen: Vec<String>,
}

impl From<&Quote> for QuoteDocument {
    fn from(quote: &Quote) -> Self {
        Self {
            price: quote.price,
            undiscounted: quote.undiscounted,
            currency: quote.currency.clone(),
            unseen: quote.unseen.clone(),
        }
    }
}

/// The request of a run and its price, by `--dry-run`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct DryRunDocument {
    /// The request that a run would send.
    pub(crate) request: RequestDocument,
    /// The price; null if the vendor does not report it.
    pub(crate) quote: Option<QuoteDocument>,
    /// The balance in USD; null if the vendor does not report it.
    pub(crate) balance: Option<f64>,
    /// The faults of the input that would not prevent the submit.
    pub(crate) warnings: Vec<FaultDocument>,
}

/// A submit.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct RequestDocument {
    /// The HTTP method.
    pub(crate) method: String,
    /// The URL.
    pub(crate) url: String,
    /// The body; a local file is shown as `<URL of PATH>`.
    pub(crate) body: Value,
    /// The same request as a command line of curl, which takes the API key from the environment.
    pub(crate) curl: String,
}
