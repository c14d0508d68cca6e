//! The check of a webhook URL before a submit.

use url::Url;

use crate::http::reach::Unreachable;

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
        "https" => Unreachable::of_url(&url).map_or(Ok(()), |place| {
            Err(match place {
                Unreachable::ThisMachine => "points to this machine, which the vendor cannot reach",
                Unreachable::PrivateNetwork => {
                    "points to a private network, which the vendor cannot reach"
                }
                Unreachable::LinkLocal => {
                    "points to a link-local address, which the vendor cannot reach"
                }
                Unreachable::Reserved => {
                    "points to a reserved address, which the vendor cannot reach"
                }
                Unreachable::SingleLabel => {
                    "has a host without a domain, which the vendor cannot look up"
                }
            })
        }),
        _ => Err("is not https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_classified_like_any_other_address() {
        for (url, word) in [
            ("https://hooks.example.com/a", None),
            ("http://hooks.example.com/a", Some("not https")),
            ("https://localhost/a", Some("this machine")),
            ("https://[::ffff:10.0.0.1]/a", Some("a private network")),
            ("https://100.64.0.1/a", Some("a private network")),
            ("https://169.254.1.1/a", Some("link-local")),
            ("https://224.0.0.1/a", Some("reserved")),
            ("https://intranet/a", Some("without a domain")),
        ] {
            let checked = check_url(url, false);
            match word {
                None => assert_eq!(checked, Ok(()), "{url}"),
                Some(word) => assert!(checked.unwrap_err().contains(word), "{url}"),
            }
        }
        assert_eq!(check_url("http://localhost/a", true), Ok(()));
    }
}
