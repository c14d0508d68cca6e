//! Options of a submit.

use wavespeed_client::Model;
use wavespeed_poll::Deadline;

use crate::check::rule::Rule;
use crate::target::Target;

/// What a submit can be told beside its input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SubmitOptions<'a> {
    /// Nothing is sent once it has come; if it comes while the submit is on its way, the outcome is
    /// unknown.
    pub deadline: Deadline,
    /// Where the outputs are going to be saved, for the [`Store`](crate::Store) to remember.
    pub target: Option<&'a Target>,
    /// Rules that the input may break.
    pub overridden: &'a [Rule],
    /// The model to check by, in place of the catalogue's: one of
    /// [`LiveModels`](crate::LiveModels), for instance.
    pub model: Option<&'a Model>,
    /// What the task may cost in USD: more, or a price that is not known, and it is not sent.
    pub max_price: Option<f64>,
    /// Where the vendor is to report the end of the task: an https URL, or any of this machine if
    /// the API is on it, too. See [`webhook`](crate::webhook).
    pub webhook: Option<&'a str>,
}

impl SubmitOptions<'_> {
    /// With this deadline, no target, and every rule in force.
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
