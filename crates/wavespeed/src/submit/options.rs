//! The options of a job.

use wavespeed_client::Model;
use wavespeed_poll::Deadline;

use crate::check::rule::Rule;
use crate::submit::event::Observer;
use crate::target::Target;

/// The options of a job, as the caller chose them.
pub(crate) struct JobOptions {
    pub(crate) key: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) max_price: Option<f64>,
    pub(crate) webhook: Option<String>,
    pub(crate) has_webhook_token: bool,
    pub(crate) target: Option<Target>,
    pub(crate) overridden: Vec<Rule>,
    pub(crate) refuse_running: bool,
    pub(crate) ignore_other_accounts: bool,
    pub(crate) retry_failed: bool,
    pub(crate) schema: Option<Model>,
    pub(crate) is_checked: bool,
    pub(crate) checks_media: bool,
    pub(crate) adopts: bool,
    pub(crate) resends_absent: bool,
    pub(crate) observer: Observer,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            key: None,
            label: None,
            deadline: None,
            max_price: None,
            webhook: None,
            has_webhook_token: false,
            target: None,
            overridden: Vec::new(),
            refuse_running: false,
            ignore_other_accounts: false,
            retry_failed: false,
            schema: None,
            is_checked: true,
            checks_media: true,
            adopts: true,
            resends_absent: false,
            observer: Observer::default(),
        }
    }
}
