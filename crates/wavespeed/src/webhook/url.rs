//! The check of a webhook URL before a submit.

use url::Url;

use crate::http::{is_loopback, is_private};

/// Checks that the vendor can send a webhook to this URL, without sending a request.
/// An API on this machine can reach every URL of this machine.
pub(crate) fn check_url(webhook: &str, api_is_local: bool) -> Result<(), &'static str> {
    let Ok(url) = webhook.parse::<Url>() else {
        return Err("is not a URL such as https://host/path");
    };
    // A URL parser skips them, but the vendor gets the text as it is.
    if webhook.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has spaces or line ends");
    }
    match url.scheme() {
        "http" | "https" if api_is_local => Ok(()),
        "https" if is_loopback(&url) => {
            Err("points to this machine, which the vendor cannot reach")
        }
        "https" if is_private(&url) => {
            Err("points to a private network, which the vendor cannot reach")
        }
        "https" => Ok(()),
        _ => Err("is not https"),
    }
}
