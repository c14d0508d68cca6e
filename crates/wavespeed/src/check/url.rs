//! Looking at what is behind a URL before a task is paid for: its header, by a few requests for
//! ranges. What cannot be had by us may still be had by the vendor, so only what nobody can have is
//! refused.

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

/// How much one look may cost.
const REQUESTS: usize = 4;

const BYTES: u64 = 1 << 20;

const TIME: Duration = Duration::from_secs(5);

/// How much is asked for at once: the header of most clips.
const PIECE: u64 = BYTES / REQUESTS as u64;

/// What came of a look.
enum ProbeResult {
    /// What it is, and its size.
    File(Facts, u64),
    /// Nobody can have it.
    Gone(StatusCode),
    /// We cannot have it, or not look into it.
    Hidden(String),
}

/// What is known of a file, by its name or URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// What it is, if it could be looked at.
    pub facts: Option<Facts>,
    /// Its size in bytes, if that is known.
    pub bytes: Option<u64>,
    /// What stands against it.
    pub faults: Vec<Fault>,
}

impl Wavespeed {
    /// Looks at what is behind the URLs among the inputs of a model: at most four requests, 1 MB and
    /// 5 s each, without the key. What is not there, or is no file the model takes, is refused;
    /// what could not be looked at is a warning. [`submit`](Self::submit) does not look by itself.
    pub async fn check_urls(&self, model: &Model, input: &Value) -> Vec<Fault> {
        let named = named_files(model.inputs, input).into_iter();
        let looks = named
            .filter(|named| !named.is_path() && !named.is_inline())
            .map(async |named| {
                let (_, found) = self.look_at(named.text, named.media).await;
                faults(&named.field, named.text, found)
            });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// Looks at a local file, or at what is behind a URL as [`check_urls`](Self::check_urls) does.
    pub async fn inspect(&self, media: &Media, file: &str) -> Inspection {
        let (seen, found) = match is_path(file) {
            true => inspect(Path::new(file), media),
            false => match check(file, media, Files::UrlOrPath) {
                found if found.is_empty() => self.look_at(file, media).await,
                found => (None, found),
            },
        };
        let (facts, bytes) = seen.unzip();
        let faults = faults("file", file, found);
        Inspection {
            facts,
            bytes,
            faults,
        }
    }

    async fn look_at(&self, url: &str, media: &Media) -> (Option<(Facts, u64)>, Vec<Finding>) {
        let clock = self.0.poller.clock();
        let look = probe(&self.0.files, url);
        let seen = Deadline::after(TIME, clock).timeout(clock, look).await;
        let why = match seen {
            Some(Ok(ProbeResult::File(facts, size))) => {
                let found = check_facts("it", &facts, size, media);
                return (Some((facts, size)), found);
            }
            Some(Ok(ProbeResult::Gone(status))) => {
                let message = format!("answers HTTP {}: there is no file", status.as_u16());
                return (None, vec![(Rule::Reachable, Severity::Refusal, message)]);
            }
            Some(Ok(ProbeResult::Hidden(why))) => why,
            Some(Err(error)) => chain(&error.without_url()),
            None => format!("no answer within {TIME:?}"),
        };
        let message = format!("could not be looked at ({why}); the vendor has to reach it");
        (None, vec![(Rule::Reachable, Severity::Warning, message)])
    }
}

fn faults(field: &str, text: &str, found: Vec<Finding>) -> Vec<Fault> {
    let fault = |(rule, severity, message)| {
        let fault = Fault::new(field, rule, text.into(), message);
        Fault { severity, ..fault }
    };
    found.into_iter().map(fault).collect()
}

/// Reads the header of a file by ranges.
async fn probe(client: &Client, url: &str) -> reqwest::Result<ProbeResult> {
    let mut known: Option<(Reader, u64)> = None;
    for _ in 0..REQUESTS {
        let need = known
            .as_ref()
            .map_or(Some(0..1), |(reader, _)| reader.need());
        let Some(need) = need else { break };
        let last = need.start + PIECE.max(need.end - need.start) - 1;
        let range = format!("bytes={}-{last}", need.start);
        let response = client.get(url).header(RANGE, range).send().await?;
        let status = response.status();
        let size = match status {
            StatusCode::PARTIAL_CONTENT => whole(response.headers(), need.start),
            // All of it comes; its beginning is enough for most.
            StatusCode::OK if need.start == 0 => response.content_length(),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(ProbeResult::Gone(status)),
            _ => return Ok(ProbeResult::Hidden(format!("HTTP {}", status.as_u16()))),
        };
        let Some(size) = size else {
            return Ok(ProbeResult::Hidden("its length is not said".into()));
        };
        let (reader, _) = known.get_or_insert_with(|| (Reader::new(size), size));
        reader.feed(&take(response).await?);
        if status == StatusCode::OK && reader.need().is_some() {
            return Ok(ProbeResult::Hidden("its host gives no ranges of it".into()));
        }
    }
    Ok(known.map_or(
        ProbeResult::Gone(StatusCode::NO_CONTENT),
        |(reader, size)| ProbeResult::File(reader.facts(), size),
    ))
}

/// The beginning of a body, and not more than was asked for.
async fn take(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < PIECE
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The length of the file of which a part begins where it was asked for.
fn whole(headers: &HeaderMap, start: u64) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (part, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
    let begins = part.split('-').next()?.parse() == Ok(start);
    whole.parse().ok().filter(|_| begins)
}
