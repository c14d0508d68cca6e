//! Parsers of values. The error of a parser is the rule that the value breaks.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use wavespeed::reqwest::Url;
use wavespeed::{AdoptPolicy, Rule};

use crate::lipsync::languages;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Parses a duration such as `90s`, `20m`, `1h 30m` or `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let parsed = text
        .parse::<SignedDuration>()
        .ok()
        .and_then(|parsed| Duration::try_from(parsed).ok());
    parsed.ok_or_else(|| "a duration is a number with a unit, such as 90s, 20m or 1h".to_owned())
}

/// Parses the time between two polls.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("the time between two polls is longer than 0".to_owned()),
        interval if interval > DAY => Err("the time between two polls is at most 24h".to_owned()),
        interval => Ok(interval),
    }
}

/// Parses a number of polls in a minute.
pub(super) fn polls(text: &str) -> Result<u32, String> {
    let polls = text.parse().ok();
    let polls = polls.filter(|polls| (1..=1_000_000).contains(polls));
    polls.ok_or_else(|| "use a whole number from 1 to 1000000".to_owned())
}

/// Parses a port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok();
    port.ok_or_else(|| "a port is a whole number from 0 to 65535".to_owned())
}

/// Parses the number of items to list.
pub(super) fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok();
    limit.ok_or_else(|| "use a whole number such as 100".to_owned())
}

/// Parses the standard deviation of the logarithm of a duration.
pub(super) fn spread(text: &str) -> Result<f64, String> {
    let spread = text.parse().ok();
    let spread = spread.filter(|spread| (0.0..=3.0).contains(spread));
    spread.ok_or_else(|| "use a number from 0 to 3, such as 0.4".to_owned())
}

/// Parses an amount of money.
pub(super) fn amount(text: &str) -> Result<f64, String> {
    let amount = text.parse().ok();
    let amount = amount.filter(|amount: &f64| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "use an amount of US dollars, such as 0.25".to_owned())
}

/// Parses a time: an age such as `7d`, a date, or RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let days = text.strip_suffix('d');
    let days = days.and_then(|days| days.parse::<u32>().ok());
    let age = days.map(|days| DAY.saturating_mul(days));
    // Days are not a duration of jiff, as their length depends on the time zone.
    let age = age.or_else(|| duration(text).ok());
    let then = age.and_then(|age| Timestamp::now().checked_sub(age).ok());
    let date = || {
        let date: Date = text.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    // An age comes first: `7d` is no date in any form.
    let time = then.or_else(|| text.parse().ok()).or_else(date);
    time.ok_or_else(|| {
        "use an age such as 12h or 7d, a date such as 2026-01-31, or RFC 3339".to_owned()
    })
}

/// Parses an http or https URL.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let url = text.parse::<Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "use a URL such as http://127.0.0.1:3000/hook".to_owned())
}

/// Parses a path. A leading `~` is refused, unless a file or folder has this name: the shell did not
/// expand it, as after `=` or in quotes.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match has_unexpanded_home(text) {
        true => Err(UNEXPANDED_HOME.to_owned()),
        false => Ok(text.into()),
    }
}

/// Parses a path or a URL.
pub(super) fn path_or_url(text: &str) -> Result<String, String> {
    path(text).map(|_| text.to_owned())
}

pub(super) const UNEXPANDED_HOME: &str =
    "the shell did not expand ~; use $HOME instead, or ~ without quotes after a space";

/// Returns `true` if a path begins with the home folder in the notation of the shell.
pub(super) fn has_unexpanded_home(text: &str) -> bool {
    let is_home = text == "~" || text.starts_with("~/");
    is_home && !PathBuf::from(text).exists()
}

/// Parses the name of a rule that can be overridden.
pub(super) fn rule() -> impl TypedValueParser<Value = Rule> {
    let rules = || Rule::ALL.iter().filter(|rule| rule.can_be_overridden());
    PossibleValuesParser::new(rules().map(|rule| rule.name())).map(move |name| {
        let named = rules().find(|rule| rule.name().eq_ignore_ascii_case(&name));
        *named.expect("the name is one of the possible values")
    })
}

/// Parses the evidence by which a job of the history is adopted.
pub(super) fn adopt_policy() -> impl TypedValueParser<Value = AdoptPolicy> {
    PossibleValuesParser::new(["certain", "sole", "single"]).map(|name| {
        match name.to_lowercase().as_str() {
            "certain" => AdoptPolicy::Certain,
            "single" => AdoptPolicy::Single,
            _ => AdoptPolicy::Sole,
        }
    })
}

/// Parses a language in which a voice has a name.
pub(super) fn language() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(languages()).map(|language| language.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let seconds = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("20m"), Ok(1200));
        assert_eq!(seconds("1h 30m"), Ok(5400));
        assert_eq!(seconds("0"), Ok(0));
        for bad in ["", "90", "-1s", "soon", "1y"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(interval("0").is_err());
    }

    #[test]
    fn unexpanded_home_is_refused() {
        assert!(path("~/clip.mp4").is_err());
        assert!(path("~").is_err());
        assert_eq!(path("clip~.mp4"), Ok("clip~.mp4".into()));
    }
}
