//! The check of files behind URLs, before the paid request.
//!
//! A probe reads the header of a file by a few ranged requests. The vendor fetches the file from
//! another network than ours, so only a file that is gone for everyone is refused; a host that does
//! not answer us may still answer the vendor, and gives a warning.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use wavespeed_client::text::chain;
use wavespeed_client::{Media, Model};
use wavespeed_poll::Deadline;

use crate::check::facts::{Finding, check_facts};
use crate::check::fault::{Fault, Severity};
use crate::check::file::{Files, check, inspect, is_path};
use crate::check::named::named_files;
use crate::check::rule::Rule;
use crate::client::Wavespeed;
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

/// The result of a probe.
enum ProbeResult {
    /// The facts of the file, and its size in bytes.
    File(Facts, u64),
    /// The host reports that the file does not exist.
    Gone(StatusCode),
    /// The host does not give us the file or its ranges, for this reason.
    Hidden(String),
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
    /// refused; a file that could not be checked gives a warning. [`submit`](Self::submit) does not
    /// call this.
    pub async fn check_urls(&self, model: &Model, input: &Value) -> Vec<Fault> {
        let named = named_files(model.inputs, input).into_iter();
        let probes = named
            .filter(|named| !named.is_path() && !named.is_inline())
            .map(async |named| {
                let (_, findings) = self.inspect_url(named.text, named.media).await;
                faults(&named.field, named.text, findings)
            });
        join_all(probes).await.into_iter().flatten().collect()
    }

    /// Checks a local file, or the file behind a URL as [`check_urls`](Self::check_urls) does.
    pub async fn inspect(&self, media: &Media, file: &str) -> Inspection {
        let (read, findings) = if is_path(file) {
            inspect(Path::new(file), media)
        } else {
            // A malformed URL is refused without a request.
            match check(file, media, Files::UrlOrPath) {
                findings if findings.is_empty() => self.inspect_url(file, media).await,
                findings => (None, findings),
            }
        };
        let (facts, bytes) = read.unzip();
        let faults = faults("file", file, findings);
        Inspection {
            facts,
            bytes,
            faults,
        }
    }

    /// Probes a URL within [`MAX_TIME`], and returns the facts and the size of its file, if they are
    /// known, and its faults.
    async fn inspect_url(&self, url: &str, media: &Media) -> (Option<(Facts, u64)>, Vec<Finding>) {
        let clock = self.0.poller.clock();
        let probe = probe(&self.0.files, url);
        let result = Deadline::after(MAX_TIME, clock).timeout(clock, probe).await;
        let reason = match result {
            Some(Ok(ProbeResult::File(facts, size))) => {
                let findings = check_facts("it", &facts, size, media);
                return (Some((facts, size)), findings);
            }
            Some(Ok(ProbeResult::Gone(status))) => {
                let message = format!("answers HTTP {}: there is no file", status.as_u16());
                return (None, vec![(Rule::Reachable, Severity::Refusal, message)]);
            }
            Some(Ok(ProbeResult::Hidden(reason))) => reason,
            Some(Err(error)) => chain(&error.without_url()),
            None => format!("no answer within {MAX_TIME:?}"),
        };
        // Only a warning: the vendor may reach a host that we do not reach.
        let message =
            format!("could not be checked ({reason}); the vendor must be able to fetch it");
        (None, vec![(Rule::Reachable, Severity::Warning, message)])
    }
}

/// Turns findings about a file into faults of a field.
fn faults(field: &str, text: &str, findings: Vec<Finding>) -> Vec<Fault> {
    let fault = |(rule, severity, message)| {
        let fault = Fault::new(field, rule, text.into(), message);
        Fault { severity, ..fault }
    };
    findings.into_iter().map(fault).collect()
}

/// Reads the header of a file by ranged requests.
async fn probe(client: &Client, url: &str) -> reqwest::Result<ProbeResult> {
    let mut probed: Option<(Reader, u64)> = None;
    for _ in 0..MAX_REQUESTS {
        // The reader needs the size of the file, which only the first answer tells. So the first
        // request asks for the beginning, and the reader exists from then on.
        let need = probed
            .as_ref()
            .map_or(Some(0..1), |(reader, _)| reader.need());
        let Some(need) = need else { break };
        // More than the reader needs, as a request costs more time than some kilobytes.
        let last = need.start + REQUEST_BYTES.max(need.end - need.start) - 1;
        let range = format!("bytes={}-{last}", need.start);
        let response = client.get(url).header(RANGE, range).send().await?;
        let status = response.status();
        let size = match status {
            StatusCode::PARTIAL_CONTENT => file_size(response.headers(), need.start),
            // The host ignores ranges and sends the whole file. Its beginning may be enough, and
            // the rest is never received.
            StatusCode::OK if need.start == 0 => response.content_length(),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(ProbeResult::Gone(status)),
            // Such as 403, which a signed URL for the vendor alone may give.
            _ => return Ok(ProbeResult::Hidden(format!("HTTP {}", status.as_u16()))),
        };
        let Some(size) = size else {
            return Ok(ProbeResult::Hidden(
                "its host does not state its length".into(),
            ));
        };
        let (reader, _) = probed.get_or_insert_with(|| (Reader::new(size), size));
        reader.feed(&read_start(response).await?);
        // What the reader needs now lies further behind, and only a range can reach it.
        if status == StatusCode::OK && reader.need().is_some() {
            return Ok(ProbeResult::Hidden(
                "its host does not support range requests".into(),
            ));
        }
    }
    // If the requests are used up, the facts are those of the boxes that were reached.
    Ok(probed.map_or(
        ProbeResult::Gone(StatusCode::NO_CONTENT),
        |(reader, size)| ProbeResult::File(reader.facts(), size),
    ))
}

/// Reads a body until [`REQUEST_BYTES`] have arrived, as a host that ignores ranges sends the whole
/// file.
async fn read_start(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < REQUEST_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Returns the size of the whole file by the Content-Range of a partial answer, if the part begins
/// at `start`. Any other part would be mistaken for the bytes that were asked for.
fn file_size(headers: &HeaderMap, start: u64) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (part, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let part_start = part.split('-').next()?.parse();
    // The size is `*` if the host does not know it.
    size.parse().ok().filter(|_| part_start == Ok(start))
}
