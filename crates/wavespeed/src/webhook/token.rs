//! The token in the URL of a webhook, by which the job of a lost submit is recognized.

use std::borrow::Cow;

use base16ct::lower::encode_string;
use url::form_urlencoded;
use wavespeed_client::PredictionId;

use crate::client::Wavespeed;
use crate::store::adoption::Adoption;
use crate::store::change::{Resolution, Settlement};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::{JobFilter, JobRecord};
use crate::wait::job::Job;
use crate::webhook::Event;

/// The parameter in the query of a webhook's URL that has the token of the job.
pub const TOKEN_PARAMETER: &str = "wavespeed_job";

/// The length of a token, in bytes: nobody else's token is equal.
const TOKEN_LENGTH: usize = 16;

/// Returns a new token, or the reason why the system has no random bytes.
pub(crate) fn new_token() -> Result<String, String> {
    let mut bytes = [0; TOKEN_LENGTH];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(encode_string(&bytes)),
        Err(error) => Err(format!("there are no random bytes for the token: {error}")),
    }
}

/// Returns the URL with the token in its query. Everything else stays as it was given: some receivers
/// compare the text.
pub(crate) fn with_token(url: &str, token: &str) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{separator}{TOKEN_PARAMETER}={token}{fragment}")
}

/// Returns the token of the job in the URL of a request, or in its path and query; see
/// [`JobBuilder::webhook_token`](crate::JobBuilder::webhook_token).
///
/// ```
/// let uri = "/hook?from=wavespeed&wavespeed_job=00112233445566778899aabbccddeeff";
/// let token = wavespeed::webhook::token(uri);
/// assert_eq!(token.as_deref(), Some("00112233445566778899aabbccddeeff"));
/// ```
#[must_use]
pub fn token(uri: &str) -> Option<String> {
    let token = parameter(uri)?;
    let is_hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && token.len() == 2 * TOKEN_LENGTH).then(|| token.into_owned())
}

/// Returns `true` if a URL has the parameter of the token, with any value.
pub(crate) fn has_token_parameter(url: &str) -> bool {
    parameter(url).is_some()
}

fn parameter(uri: &str) -> Option<Cow<'_, str>> {
    let (_, query) = uri.split('#').next()?.split_once('?')?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let (_, value) = parameters.find(|(name, _)| name == TOKEN_PARAMETER)?;
    Some(value)
}

impl Wavespeed {
    /// Records the id of a job whose submit was lost, from its webhook: the token in the URL of the request
    /// says which job it is. Returns the job, or `None` if the URL has no token, or no job of the store has
    /// it.
    ///
    /// The token only selects the job. What proves the id is the signature, which [`verify`](crate::webhook::verify)
    /// has checked.
    ///
    /// ```no_run
    /// # async fn received(
    /// #     ws: &wavespeed::Wavespeed, uri: &str, event: &wavespeed::webhook::Event,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(job) = ws.settle_webhook(event, uri).await? {
    ///     println!("{} is the prediction {}", job.number().unwrap(), job.id());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the store fails, or refuses the id because another job has it; and one of the kind
    /// [`AcceptedTwice`](StoreErrorKind::AcceptedTwice) if the job had another id, which is kept as well.
    pub async fn settle_webhook(
        &self,
        event: &Event,
        uri: &str,
    ) -> Result<Option<Job>, StoreError> {
        let Some(token) = token(uri) else {
            return Ok(None);
        };
        let found = self.jobs(JobFilter::WebhookToken(&token)).await?;
        let Some(record) = found.into_iter().next() else {
            return Ok(None);
        };
        let id = event.prediction.id().parse().map_err(StoreError::new)?;
        match &record.id {
            Some(known) if *known == id => Ok(Job::of_record(self, &record)),
            // What was inferred before may be wrong, and was billed to somebody: both ids are kept.
            Some(_) => self.accept_second(&record, id).await,
            None => self
                .adopt_as(&record, id, Adoption::Certain)
                .await
                .map(Some),
        }
    }
}

impl Wavespeed {
    /// Records a second id of a job, which the store keeps beside the first one and reports as an error.
    async fn accept_second(
        &self,
        record: &JobRecord,
        id: PredictionId,
    ) -> Result<Option<Job>, StoreError> {
        let ids = [id.clone()];
        if !self
            .0
            .store
            .known_ids(&record.account, &ids)
            .await?
            .is_empty()
        {
            let message = format!(
                "the prediction {id} belongs to another job than {}",
                record.number
            );
            return Err(StoreError::of_kind(StoreErrorKind::Refused, message));
        }
        let accepted = Settlement::from(Resolution::Accepted(id));
        self.0.store.settle(record.number, &accepted).await?;
        let current = self.jobs(JobFilter::Number(record.number)).await?;
        Ok(current
            .first()
            .and_then(|record| Job::of_record(self, record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_added_to_the_url_as_it_was_given() {
        let added = |url| with_token(url, "ff");
        for (url, expected) in [
            ("https://a.example", "https://a.example?wavespeed_job=ff"),
            ("https://a.example/?", "https://a.example/?wavespeed_job=ff"),
            (
                "https://a.example/x?a=%20b&c",
                "https://a.example/x?a=%20b&c&wavespeed_job=ff",
            ),
            (
                "https://a.example/x#a?b",
                "https://a.example/x?wavespeed_job=ff#a?b",
            ),
        ] {
            assert_eq!(added(url), expected);
        }
    }

    #[test]
    fn only_a_whole_token_is_read() {
        let new = new_token().unwrap();
        assert_ne!(new, new_token().unwrap());
        let url = with_token("https://a.example/x?wavespeed_jobs=1", &new);
        assert_eq!(token(&url), Some(new.clone()));
        for uri in ["/", "/?wavespeed_job=", "/?wavespeed_job=ff", "/#?"] {
            assert_eq!(token(uri), None, "{uri}");
        }
        assert_eq!(token(&format!("/?wavespeed_job={new}0")), None);
    }
}
