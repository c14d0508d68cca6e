//! The check of files behind URLs, before the paid request.
//!
//! A probe reads the header of a file by a few ranged requests. The vendor fetches the file from
//! another network than ours, so a URL is refused only if its file is gone for everyone or its host is
//! known to be out of the vendor's reach; a host that does not answer us may still answer the vendor, and
//! gives a warning.

use std::error::Error;
use std::ops::Range;
use std::time::{Duration, SystemTime};
use std::{io, iter};

use futures_util::future::join_all;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, RANGE};
use reqwest::{Method, Request, Response, StatusCode, Url};
use serde_json::Value;
use wavespeed_client::text::shorten;
use wavespeed_client::{
    HttpError, HttpErrorKind, HttpService, Media, Model, Purpose, RequestContext,
};
use wavespeed_poll::Deadline;

use crate::check::expiry::early_expiry;
use crate::check::facts::check_facts;
use crate::check::fault::{Fault, Finding, Severity, to_faults};
use crate::check::file::{Files, check_reference, inspect_file, local_path};
use crate::check::named::named_files;
use crate::check::rule::Rule;
use crate::client::Wavespeed;
use crate::hosts::ContentRange;
use crate::http::guard::Blocked;
use crate::http::reach::Unreachable;
use crate::media::facts::Facts;
use crate::media::reader::Reader;

/// The number of requests of one probe. A header at the beginning takes one, `moov` at the end of a
/// file two or three.
const MAX_REQUESTS: usize = 4;

/// The number of bytes that all requests of a probe ask for together: 1 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// The duration of one probe.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The number of bytes of one request, which covers the header of most clips.
const REQUEST_BYTES: u64 = MAX_BYTES / MAX_REQUESTS as u64;

/// The reason why a probe could not read a file.
enum ProbeError {
    /// The host reports that the file does not exist.
    Gone(StatusCode),
    /// The URL leads to a host that the vendor cannot reach.
    Blocked(Blocked),
    /// The host does not give us the file or its ranges, for this reason.
    Unreadable(String),
}

impl From<HttpError> for ProbeError {
    fn from(error: HttpError) -> Self {
        let blocked = sources(&error).find_map(|error| error.downcast_ref::<Blocked>());
        match blocked {
            Some(&blocked) if blocked != Blocked::Unresolved => Self::Blocked(blocked),
            _ => Self::Unreadable(short_reason(&error)),
        }
    }
}

/// Returns an error and its sources.
fn sources(error: &HttpError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&error| error.source())
}

/// Returns the reason of a failed request in a few words. The whole chain of an HTTP error names each of
/// its layers, of which only the innermost says something about the host.
fn short_reason(error: &HttpError) -> String {
    let io = sources(error).find_map(|error| error.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => return "connection refused".into(),
        Some(io::ErrorKind::TimedOut) => return "connection timed out".into(),
        Some(io::ErrorKind::ConnectionReset) => return "connection reset".into(),
        _ if error.kind() == HttpErrorKind::Timeout => return "no answer in time".into(),
        _ => {}
    }
    let innermost = sources(error).last().map(ToString::to_string);
    shorten(&innermost.unwrap_or_default(), 80)
}

/// The answer to one request of a probe.
struct Part {
    /// The size of the whole file in bytes.
    size: u64,
    /// The bytes from the requested position on.
    bytes: Vec<u8>,
    /// `true` if the host ignores ranges, so that nothing behind `bytes` can be requested.
    is_last: bool,
}

/// The facts and faults of one file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The facts, if the file could be read.
    pub facts: Option<Facts>,
    /// The size in bytes, if it is known.
    pub bytes: Option<u64>,
    /// The faults of the file for the model.
    pub faults: Vec<Fault>,
}

impl Wavespeed {
    /// Checks the files behind the URLs in an input, with at most four requests, 1 MiB and 5 s each
    /// and without the API key. A file that does not exist or that the model does not accept is
    /// refused; a file that could not be checked gives a warning, and so does a signed URL that expires
    /// before half of the model's jobs have ended. A malformed URL is not requested and gives no fault here:
    /// the check of the input refuses it. [`submit`](Self::submit) makes this check, too.
    ///
    /// # URLs of others
    /// A program may check URLs that its own users wrote. Unless the API itself is on this machine, a URL is
    /// refused by [`Rule::Reachable`], without a request, if its host is this machine, a private, link-local
    /// or reserved address, or a name without a domain. A name is looked up once, and only the public ones of
    /// its addresses are connected to; every redirect is judged in the same way. Overriding the rule lets the
    /// input be sent, and still connects to no such host.
    ///
    /// With a proxy, the proxy looks the name up and must refuse private addresses itself. A client or service
    /// of the program ([`Builder::http`](crate::Builder::http),
    /// [`Builder::http_service`](crate::Builder::http_service)) decides what the requests of
    /// [`Purpose::Check`] connect to; only the text of the URL is judged before.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// use wavespeed::{model, serde_json::json};
    ///
    /// let model = model("kwaivgi/kling-lipsync/text-to-video").ok_or("no such model")?;
    /// let input = json!({ "video": "https://example.com/clip.mp4" });
    /// for fault in ws.check_urls(model, &input).await {
    ///     println!("{fault}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn check_urls(&self, model: &Model, input: &Value) -> Vec<Fault> {
        let named = named_files(model.inputs, input).into_iter();
        let probes = named
            .filter(|named| !named.is_path() && !named.is_inline())
            .filter(|named| check_reference(named.text, named.media, Files::Url).is_empty())
            .map(async |named| {
                let (_, findings) = self.inspect_url(named.text, named.media, model.id).await;
                to_faults(&named.field, named.text, findings).collect::<Vec<_>>()
            });
        join_all(probes).await.into_iter().flatten().collect()
    }

    /// Checks a local file, or the file behind a URL as [`check_urls`](Self::check_urls) does.
    ///
    /// ```no_run
    /// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
    /// let model = wavespeed::model("kwaivgi/kling-lipsync/text-to-video").ok_or("no such model")?;
    /// let video = model.inputs.iter().find_map(|input| input.media.as_ref());
    /// let inspection = ws.inspect(video.ok_or("no file")?, "https://example.com/clip.mp4").await;
    /// println!("{:?} {:?}", inspection.facts, inspection.faults);
    /// # Ok(()) }
    /// ```
    pub async fn inspect(&self, media: &Media, file: &str) -> Inspection {
        let (read, findings) = match local_path(file) {
            Some(path) => inspect_file(&path, media),
            // A malformed URL is refused without a request.
            None => match check_reference(file, media, Files::UrlOrPath) {
                findings if findings.is_empty() => self.inspect_url(file, media, "").await,
                findings => (None, findings),
            },
        };
        let (facts, bytes) = read.unzip();
        let faults = to_faults("file", file, findings).collect();
        Inspection {
            facts,
            bytes,
            faults,
        }
    }

    /// Judges and probes a URL. Returns the facts and the size of its file, if they are known, and its
    /// faults. The id of the model is empty if it is not known.
    async fn inspect_url(
        &self,
        text: &str,
        media: &Media,
        model: &str,
    ) -> (Option<(Facts, u64)>, Vec<Finding>) {
        let Ok(url) = Url::parse(text) else {
            return (None, Vec::new());
        };
        if let Some(place) = Unreachable::of_url(&url).filter(|_| !self.api_is_local()) {
            return (None, vec![blocked(Blocked::Named(place))]);
        }
        let usual = self.durations(model).await.quantile(Duration::ZERO, 0.5);
        let early = early_expiry(&url, SystemTime::now(), usual);
        let early = early.map(|message| (Rule::Reachable, Severity::Warning, message));
        let (read, mut findings) = self.probe_url(&url, media).await;
        findings.extend(early);
        (read, findings)
    }

    /// Probes a URL within [`MAX_TIME`].
    async fn probe_url(&self, url: &Url, media: &Media) -> (Option<(Facts, u64)>, Vec<Finding>) {
        let clock = self.0.poller.clock();
        let probe = probe(&*self.0.http, url);
        let result = Deadline::after(MAX_TIME, clock).timeout(clock, probe).await;
        let reason = match result {
            Some(Ok((facts, size))) => {
                let findings = check_facts("it", &facts, size, media);
                return (Some((facts, size)), findings);
            }
            Some(Err(ProbeError::Gone(status))) => {
                let message = format!("answers HTTP {}: there is no file", status.as_u16());
                return (None, vec![(Rule::Reachable, Severity::Refusal, message)]);
            }
            Some(Err(ProbeError::Blocked(reason))) => return (None, vec![blocked(reason)]),
            Some(Err(ProbeError::Unreadable(reason))) => reason,
            None => format!("no answer within {MAX_TIME:?}"),
        };
        // Only a warning: the vendor may reach a host that we do not reach.
        let message =
            format!("could not be checked ({reason}); the vendor must be able to fetch it");
        (None, vec![(Rule::Reachable, Severity::Warning, message)])
    }
}

/// Returns the refusal of a URL that leads to a host out of the vendor's reach.
fn blocked(reason: Blocked) -> Finding {
    let message = format!(
        "{reason}, which the vendor cannot reach; give the path of the local file instead, which is then \
         uploaded"
    );
    (Rule::Reachable, Severity::Refusal, message)
}

/// Returns the facts of a file and its size in bytes, by ranged requests for its header.
async fn probe(http: &dyn HttpService, url: &Url) -> Result<(Facts, u64), ProbeError> {
    // The reader needs the size of the file, which the first answer states.
    let mut part = fetch(http, url, 0..1).await?;
    let size = part.size;
    let mut reader = Reader::new(size);
    reader.feed(&part.bytes);
    for _ in 1..MAX_REQUESTS {
        let Some(need) = reader.need() else { break };
        if part.is_last {
            let reason = "its host does not support range requests";
            return Err(ProbeError::Unreadable(reason.into()));
        }
        part = fetch(http, url, need).await?;
        reader.feed(&part.bytes);
    }
    // If the requests are used up, the facts are those of the boxes that were reached.
    Ok((reader.facts(), size))
}

/// Requests the bytes of a file that the reader needs, and those after them: a request costs more
/// time than some kilobytes.
async fn fetch(http: &dyn HttpService, url: &Url, need: Range<u64>) -> Result<Part, ProbeError> {
    let last = need.start + REQUEST_BYTES.max(need.end - need.start) - 1;
    let range = format!("bytes={}-{last}", need.start);
    let range = HeaderValue::try_from(range).expect("digits are valid in a header");
    let mut request = Request::new(Method::GET, url.clone());
    request.headers_mut().insert(RANGE, range);
    let identity = HeaderValue::from_static("identity");
    request.headers_mut().insert(ACCEPT_ENCODING, identity);
    let context = RequestContext::new(Purpose::Check);
    let response = http.send(request, context).await?;
    let status = response.status();
    if status.is_success()
        && let Some(encoding) = content_encoding(&response)
    {
        // These are bytes of the encoded file, in which no header can be read.
        let reason =
            format!("its host answers in the encoding {encoding}, which was not asked for");
        return Err(ProbeError::Unreadable(reason));
    }
    let size = match status {
        StatusCode::PARTIAL_CONTENT => {
            // Any other part would be mistaken for the requested bytes.
            let range = ContentRange::from_headers(response.headers());
            range
                .filter(|range| range.start == need.start)
                .and_then(|range| range.size)
        }
        // The host ignores ranges and sends the whole file. Its beginning may be enough, and the
        // rest is never received.
        StatusCode::OK if need.start == 0 => response.content_length(),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(ProbeError::Gone(status)),
        // Such as 403, which a signed URL for the vendor alone may give.
        _ => {
            let reason = format!("HTTP {}", status.as_u16());
            return Err(ProbeError::Unreadable(reason));
        }
    };
    let Some(size) = size else {
        let reason = "its host does not state its length";
        return Err(ProbeError::Unreadable(reason.into()));
    };
    Ok(Part {
        size,
        bytes: read_start(response).await?,
        is_last: status == StatusCode::OK,
    })
}

/// Returns the encoding of a body, unless it is the file itself.
fn content_encoding(response: &Response) -> Option<String> {
    let encoding = response.headers().get(CONTENT_ENCODING)?;
    let encoding = encoding.to_str().unwrap_or("?").trim();
    let is_plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    (!is_plain).then(|| shorten(encoding, 20))
}

/// Reads a body until [`REQUEST_BYTES`] have arrived, as a host that ignores ranges sends the whole
/// file.
async fn read_start(mut response: Response) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < REQUEST_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_out_of_reach_is_refused_without_an_answer() {
        let finding = |reason: Blocked| {
            // As the HTTP library wraps it.
            let inner = HttpError::new(HttpErrorKind::Broken).with_source(reason);
            match HttpError::new(HttpErrorKind::Connect)
                .with_source(inner)
                .into()
            {
                ProbeError::Blocked(reason) => Ok(blocked(reason)),
                ProbeError::Unreadable(reason) => Err(reason),
                ProbeError::Gone(status) => panic!("{status}"),
            }
        };
        for (reason, text) in [
            (
                Blocked::Named(Unreachable::ThisMachine),
                "points to this machine",
            ),
            (
                Blocked::Resolves(Unreachable::PrivateNetwork),
                "has a name that resolves to a private network",
            ),
            (
                Blocked::Redirects(Unreachable::LinkLocal),
                "redirects to a link-local address",
            ),
        ] {
            let (rule, severity, message) = finding(reason).unwrap();
            assert_eq!((rule, severity), (Rule::Reachable, Severity::Refusal));
            assert!(message.starts_with(text), "{message}");
        }
        let warning = finding(Blocked::Unresolved).unwrap_err();
        assert_eq!(warning, "the name of its host does not resolve here");
    }
}
