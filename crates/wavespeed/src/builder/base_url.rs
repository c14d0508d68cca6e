//! The base URL of the API.

use url::{Host, Url};

/// The base URL of the vendor's API.
pub const DEFAULT_BASE_URL: &str = "https://api.wavespeed.ai";

/// The path of the API, added to a base URL that has none.
const API_PATH: &str = "/api/v3";

/// A base URL that cannot be used.
#[derive(Debug)]
pub(super) struct InvalidBaseUrl {
    /// The base URL, unless it may contain a secret.
    pub(super) url: String,
    /// The reason, as the rest of a sentence about the base URL.
    pub(super) why: String,
}

/// Parses a base URL, and adds the path of the API if it has none.
pub(super) fn base_url(text: &str) -> Result<Url, InvalidBaseUrl> {
    // An error must not repeat a password or a token in the URL.
    let shown = match text.split_once(['@', '?', '#']) {
        Some(_) => "(not shown: it contains more than a host and a path)".to_owned(),
        None => text.to_owned(),
    };
    let wrong = |why: String| InvalidBaseUrl {
        url: shown.clone(),
        why,
    };
    let mut url =
        Url::parse(text.trim()).map_err(|error| wrong(format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!(
            "has the scheme {:?}, not http or https",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("has a user name or password before it".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment".into()));
    }
    if matches!(url.host(), None | Some(Host::Domain(""))) {
        return Err(wrong("has no host".into()));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(if path.is_empty() { API_PATH } else { &path });
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_path_is_added_to_a_base_url_without_a_path() {
        for (given, made) in [
            (
                "https://api.wavespeed.ai",
                "https://api.wavespeed.ai/api/v3",
            ),
            (
                "https://api.wavespeed.ai/",
                "https://api.wavespeed.ai/api/v3",
            ),
            (" http://127.0.0.1:80/api/v3/ ", "http://127.0.0.1/api/v3"),
            ("https://gate.example/wave/", "https://gate.example/wave"),
        ] {
            assert_eq!(base_url(given).unwrap().as_str(), made);
        }
        for bad in [
            "",
            "api.wavespeed.ai",
            "ftp://a.b",
            "https://a.b/?x=1",
            "https://a.b/#x",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
        for bad in [
            "https://me:secret@a.b",
            "https://me:secret@a.b:bad",
            "ftp://me:secret@a.b",
            "https://a.b/?key=secret",
        ] {
            let error = format!("{:?}", base_url(bad).unwrap_err());
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
