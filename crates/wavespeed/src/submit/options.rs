//! Options of a submit.

use wavespeed_client::Model;
use wavespeed_poll::Deadline;

use crate::check::rule::Rule;
use crate::target::Target;

/// Options of a submit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SubmitOptions<'a> {
    /// The deadline. After it nothing is sent; if it expires while the submit is in flight, the
    /// outcome is unknown.
    pub deadline: Deadline,
    /// The place where the outputs are going to be saved, for the [`Store`](crate::Store) to
    /// remember.
    pub target: Option<&'a Target>,
    /// The rules that the input may break.
    pub overridden: &'a [Rule],
    /// The model to check the input against, instead of the one in the catalogue: one of
    /// [`LiveModels`](crate::LiveModels), for example.
    pub model: Option<&'a Model>,
    /// The highest price in USD. A submit whose price is higher or not known is not sent.
    pub max_price: Option<f64>,
    /// The URL to which the vendor reports the end of the job: an https URL, or any URL on this
    /// machine if the API is on it, too. See [`webhook`](crate::webhook).
    pub webhook: Option<&'a str>,
}

impl SubmitOptions<'_> {
    /// Creates options with a deadline and nothing else: no target, and every rule in force.
    #[must_use]
    pub fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            target: None,
            overridden: &[],
            model: None,
            max_price: None,
            webhook: None,
        }
    }
}
