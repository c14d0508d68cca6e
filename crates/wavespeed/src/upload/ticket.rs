//! The upload ticket: where and how the bytes of a file are sent.
//!
//! A ticket is read tolerantly, as several servers of the vendor issue them: a header may be a text, a
//! number, or a list of these. What cannot be read is named by its place in the answer.

use jiff::Timestamp;
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use crate::http::reach::Unreachable;

/// The smallest number that is taken for milliseconds since 1970: it is a time in 1973, and as seconds it
/// would be a time after the year 5000.
const MIN_MILLISECONDS: i64 = 100_000_000_000;

/// The parts of header names that mark a secret, in lower case.
const SECRET_PARTS: [&str; 6] = ["auth", "cookie", "token", "secret", "key", "credential"];

/// An upload ticket.
pub(super) struct Ticket {
    /// The URL under which the vendor's models find the file.
    pub(super) download_url: String,
    /// The URL of the PUT. It carries a signature and must not appear in messages.
    pub(super) url: Url,
    /// The headers of the PUT.
    pub(super) headers: HeaderMap,
    /// The time at which the ticket expires, if it states a readable one.
    expires: Option<Timestamp>,
}

impl Ticket {
    /// Reads the `data` of an answer.
    ///
    /// # Errors
    /// Returns what cannot be read, as a clause that names its place.
    pub(super) fn read(data: &Value) -> Result<Self, String> {
        let upload = data.get("upload").and_then(Value::as_object);
        let upload = upload.ok_or("has no object \"upload\"")?;
        let method = upload.get("method").filter(|method| !method.is_null());
        match method.map(Value::as_str) {
            None => {}
            Some(Some(method)) if method.eq_ignore_ascii_case("PUT") => {}
            Some(Some(method)) => return Err(format!("asks for {method:?}, not PUT")),
            Some(None) => return Err("has an \"upload.method\" that is no text".into()),
        }
        let (url, _) = read_url(upload.get("url"), "upload.url")?;
        let download_url = read_download_url(data)?;
        Ok(Self {
            headers: read_headers(upload.get("headers"), &url)?,
            download_url,
            url,
            expires: upload.get("expires_at").and_then(read_time),
        })
    }

    /// Returns `true` if the ticket states an expiry that has passed. A ticket without a readable expiry is
    /// used until the storage refuses it.
    pub(super) fn has_expired(&self) -> bool {
        self.expires.is_some_and(|at| at <= Timestamp::now())
    }

    /// Returns the ticket for the place to which the storage redirects the PUT, without the headers that
    /// may carry a secret: they are meant for the first host alone.
    ///
    /// # Errors
    /// Returns the reason why the redirect is not followed, as a clause about the storage.
    pub(super) fn redirected(
        &self,
        location: Option<&HeaderValue>,
        api_is_local: bool,
    ) -> Result<Self, String> {
        let location = location.and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| self.url.join(location).ok());
        let url = url.ok_or("redirects without a readable location")?;
        let is_downgraded = self.url.scheme() == "https" && url.scheme() != "https";
        if is_downgraded || !matches!(url.scheme(), "http" | "https") {
            return Err("redirects to a URL that is not https".into());
        }
        if let Some(place) = Unreachable::of_url(&url).filter(|_| !api_is_local) {
            return Err(format!("redirects to {place}"));
        }
        let is_secret = |name: &HeaderName| {
            let mut parts = SECRET_PARTS.iter();
            parts.any(|part| name.as_str().contains(part))
        };
        let public = self.headers.iter().filter(|(name, value)| {
            // A host header names the first host.
            !is_secret(name) && !value.is_sensitive() && **name != HOST
        });
        Ok(Self {
            download_url: self.download_url.clone(),
            headers: public
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            url,
            expires: self.expires,
        })
    }
}

/// Returns the URL of the stored file in the `data` of an answer.
///
/// # Errors
/// Returns what cannot be read, as a clause that names its place.
pub(super) fn read_download_url(data: &Value) -> Result<String, String> {
    let (_, url) = read_url(data.get("download_url"), "download_url")?;
    Ok(url)
}

/// Returns an http or https URL, parsed and as it was given.
fn read_url(value: Option<&Value>, place: &str) -> Result<(Url, String), String> {
    let text = value.and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("has no text {place:?}"))?;
    let url = Url::parse(text).ok();
    // The URL itself is not shown, as its query is a signature.
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| format!("has a {place:?} that is not an http or https URL"))?;
    Ok((url, text.to_owned()))
}

/// Returns the headers of the PUT.
fn read_headers(value: Option<&Value>, url: &Url) -> Result<HeaderMap, String> {
    let none = Map::new();
    let given = match value {
        None | Some(Value::Null) => &none,
        Some(Value::Object(given)) => given,
        Some(_) => return Err("has \"upload.headers\" that are no object".into()),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            // A header without a value is not sent.
            Value::Null => &[],
            value => std::slice::from_ref(value),
        };
        for value in values {
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                _ => return Err(format!("has a header {name:?} that is no text")),
            };
            let pair = HeaderName::try_from(name).ok();
            let pair = pair.zip(HeaderValue::try_from(text).ok());
            let (name, value) = pair.ok_or_else(|| format!("has an invalid header {name:?}"))?;
            // Signers list the host among the headers; the HTTP library sends it by itself.
            let is_own_host = name == HOST && value.to_str().ok() == Some(url.authority());
            if !is_own_host {
                headers.append(name, value);
            }
        }
    }
    Ok(headers)
}

/// Returns a time given as text or as seconds or milliseconds since 1970.
fn read_time(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str()
        && let Ok(time) = text.parse()
    {
        return Some(time);
    }
    let number = value.as_i64();
    let number = number.or_else(|| value.as_str()?.parse().ok())?;
    match number {
        MIN_MILLISECONDS.. => Timestamp::from_millisecond(number).ok(),
        _ => Timestamp::from_second(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a ticket with these headers.
    fn ticket(headers: &Value) -> Result<Ticket, String> {
        Ticket::read(&json!({
            "download_url": "https://media.example/1.mp4",
            "upload": { "url": "https://store.example/1?sig=s", "headers": headers },
        }))
    }

    #[test]
    fn headers_may_be_texts_numbers_and_lists() {
        let given = json!({
            "content-type": ["video/mp4"], "x-size": 5, "x-flag": true, "x-none": null,
            "x-many": ["a", 2], "host": ["store.example"],
        });
        let headers = ticket(&given).unwrap().headers;
        let values = |name: &str| -> Vec<&str> {
            let values = headers.get_all(name).iter();
            values.map(|value| value.to_str().unwrap()).collect()
        };
        assert_eq!(values("content-type"), ["video/mp4"]);
        assert_eq!(values("x-size"), ["5"]);
        assert_eq!(values("x-flag"), ["true"]);
        assert_eq!(values("x-many"), ["a", "2"]);
        assert_eq!((values("x-none").len(), values("host").len()), (0, 0));
    }

    #[test]
    fn an_expiry_may_be_a_text_or_a_number() {
        for (value, expected) in [
            (json!("2026-01-01T00:00:00Z"), Some(1_767_225_600)),
            (json!(1_767_225_600), Some(1_767_225_600)),
            (json!("1767225600"), Some(1_767_225_600)),
            (json!(1_767_225_600_000_i64), Some(1_767_225_600)),
            (json!("soon"), None),
            (json!([]), None),
        ] {
            let time = read_time(&value).map(Timestamp::as_second);
            assert_eq!(time, expected, "{value}");
        }
    }

    #[test]
    fn a_redirect_gets_no_secret_and_stays_public() {
        let given = json!({
            "content-type": "video/mp4", "authorization": "a", "x-amz-security-token": "b",
            "x-amz-server-side-encryption-customer-key": "c", "x-amz-acl": "private",
        });
        let ticket = ticket(&given).unwrap();
        let redirected = |location: &'static str, api_is_local| {
            let location = HeaderValue::from_static(location);
            ticket.redirected(Some(&location), api_is_local)
        };
        let next = redirected("https://eu.store.example/1?sig=t", false)
            .unwrap_or_else(|why| panic!("{why}"));
        let names: Vec<&str> = next.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-amz-acl"]);
        assert_eq!(
            redirected("/2", false).map(|next| next.url.path().to_owned()),
            Ok("/2".into())
        );
        for (location, word) in [
            ("http://store.example/1", "not https"),
            ("ftp://store.example/1", "not https"),
            ("https://10.0.0.1/1", "a private network"),
            ("https://[", "readable location"),
        ] {
            let error = redirected(location, false).map(drop).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        assert!(redirected("https://127.0.0.1/1", true).is_ok());
        assert!(ticket.redirected(None, false).is_err());
    }
}
