//! Reads the rules of a scenario. What they mean stands in the documentation of [`Scenario`].

use std::str::SplitWhitespace;

use axum::http::StatusCode;

use super::words::{number, take, time, url, word};
use super::{Call, Fault, Occurrence, Refused, RetryAfter, Rule, Scenario};
use crate::settings::Ending;

/// Why a scenario cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, `{rule}`: {reason}")]
#[non_exhaustive]
pub struct ScenarioError {
    /// The line, from 1.
    pub line: usize,
    /// The rule, as it stands there.
    pub rule: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

pub(super) fn scenario(text: &str) -> Result<Scenario, ScenarioError> {
    let mut rules = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let text = without_comment(line).trim();
        if text.is_empty() {
            continue;
        }
        let rule = rule(text).map_err(|reason| ScenarioError {
            line: index + 1,
            rule: text.to_owned(),
            reason,
        })?;
        rules.push(rule);
    }
    Ok(Scenario { rules })
}

/// A URL may have a `#`, so a comment needs a space before it.
fn without_comment(line: &str) -> &str {
    let starts = |(index, _): &(usize, &str)| {
        let before = line[..*index].chars().next_back();
        before.is_none_or(char::is_whitespace)
    };
    let comment = line.match_indices('#').find(starts);
    comment.map_or(line, |(index, _)| &line[..index])
}

impl Rule {
    /// The rule of a header on a request of this kind: a fault, or a rule of a scenario.
    pub(crate) fn of_header(text: &str, call: Call) -> Result<Self, String> {
        let first = text.split_whitespace().next().unwrap_or_default();
        let is_rule = first == "any" || Call::ALL.iter().any(|call| call.to_string() == first);
        let rule = if is_rule {
            rule(text)?
        } else {
            rule(&format!("{call} every {text}"))?
        };
        if rule.concerns(call) {
            Ok(rule)
        } else {
            Err(format!("the call is {call}, the rule is for another one"))
        }
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    let mut words = text.split_whitespace();
    let call = call(words.next().unwrap_or_default())?;
    let occurrence = occurrence(&mut words)?;
    let fault_name = words.clone().next().unwrap_or_default();
    let fault = fault(&mut words)?;
    if let Some(word) = words.next() {
        return Err(format!("`{word}` is too much; end the rule before it"));
    }
    let possible: Vec<_> = Call::ALL
        .into_iter()
        .filter(|call| fault.is_possible(*call))
        .map(|call| call.to_string())
        .collect();
    match call {
        Some(call) if !fault.is_possible(call) => Err(format!(
            "`{fault_name}` is not possible on {call}; it is on {}",
            possible.join(", ")
        )),
        call => Ok(Rule {
            call,
            occurrence,
            fault,
        }),
    }
}

/// The call of this name; `None` for any.
fn call(word: &str) -> Result<Option<Call>, String> {
    if word == "any" {
        return Ok(None);
    }
    let found = Call::ALL.into_iter().find(|call| call.to_string() == word);
    found.map(Some).ok_or_else(|| {
        format!(
            "`{word}` is not a call; take submit, result, history, ticket, form, put, output or any"
        )
    })
}

fn occurrence(words: &mut SplitWhitespace<'_>) -> Result<Occurrence, String> {
    let word = words.next().unwrap_or_default();
    if let Some(percent) = word.strip_suffix('%') {
        return percent
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .map(Occurrence::Percent)
            .ok_or_else(|| {
                format!("`{word}` is not a probability; take a whole number from 0% to 100%")
            });
    }
    match word {
        "once" => Ok(Occurrence::First(1)),
        "first" => number(words, "first").map(Occurrence::First),
        "nth" => number(words, "nth").map(Occurrence::Nth),
        "every" => Ok(Occurrence::Every),
        _ => Err(format!(
            "`{word}` is not an occurrence; take once, first N, nth N, every or P%"
        )),
    }
}

fn fault(words: &mut SplitWhitespace<'_>) -> Result<Fault, String> {
    let name = words.next().unwrap_or_default();
    Ok(match name {
        "drop-before" => Fault::DropBefore,
        "lose-answer" => Fault::LoseAnswer,
        "stall-before" => Fault::StallBefore,
        "stall" => Fault::Stall,
        "delay" => Fault::Delay(time(words)?),
        "status" => Fault::Status(refused(words)?),
        "redirect" => Fault::Redirect(url(words)?),
        "html" => Fault::Html,
        "cut" => Fault::Cut(number(words, name)?),
        "wrong-length" => Fault::WrongLength,
        "empty" => Fault::Empty,
        "huge" => Fault::Huge,
        "truncated" => Fault::Truncated,
        "null-data" => Fault::NullData {
            done: !take(words, "before"),
        },
        "no-id" => Fault::NoId,
        "unknown-status" => Fault::UnknownStatus(word(words, name, "a word")?.to_owned()),
        "ending" => {
            let status = word(words, name, "a status")?;
            Fault::Ending(Ending::new(status, words.collect::<Vec<_>>().join(" ")))
        }
        "expired" => Fault::Expired,
        "no-ranges" => Fault::NoRanges,
        "twice" => Fault::Twice,
        "forged" => Fault::Forged,
        _ => {
            return Err(format!(
                "`{name}` is not a fault; take drop-before, lose-answer, stall-before, stall, \
                 delay, status, redirect, html, cut, wrong-length, empty, huge, truncated, \
                 null-data, no-id, unknown-status, ending, expired, no-ranges, twice or forged"
            ));
        }
    })
}

fn refused(words: &mut SplitWhitespace<'_>) -> Result<Refused, String> {
    let code = word(words, "status", "a code")?;
    let status = code.parse::<u16>().ok().filter(|code| *code >= 300);
    let status = status
        .filter(|code| *code < 600)
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| format!("`{code}` is not a status to refuse with; take 300 to 599"))?;
    let mut refused = Refused {
        status,
        retry_after: None,
        html: false,
        done: false,
    };
    while let Some(word) = words.next() {
        match word {
            "retry-after" => refused.retry_after = Some(RetryAfter::Seconds(number(words, word)?)),
            "retry-after-date" => {
                refused.retry_after = Some(RetryAfter::Date(number(words, word)?));
            }
            "html" => refused.html = true,
            "before" => refused.done = false,
            "after" => refused.done = true,
            _ => {
                return Err(format!(
                    "`{word}` says nothing about a status; take retry-after, retry-after-date, \
                     html, before or after"
                ));
            }
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn one(text: &str) -> Rule {
        let mut rules = text.parse::<Scenario>().unwrap().rules;
        assert_eq!(rules.len(), 1, "{text}");
        rules.remove(0)
    }

    #[test]
    fn calls_and_occurrences_are_read() {
        for (text, call, occurrence) in [
            ("submit once html", Some(Call::Submit), Occurrence::First(1)),
            (
                "result first 3 html",
                Some(Call::Result),
                Occurrence::First(3),
            ),
            (
                "history nth 2 html",
                Some(Call::History),
                Occurrence::Nth(2),
            ),
            ("ticket every html", Some(Call::Ticket), Occurrence::Every),
            ("form every html", Some(Call::Form), Occurrence::Every),
            ("put 10% html", Some(Call::Put), Occurrence::Percent(10)),
            (
                "output 100% html",
                Some(Call::Output),
                Occurrence::Percent(100),
            ),
            ("any  once\thtml  # all", None, Occurrence::First(1)),
        ] {
            let rule = one(text);
            assert_eq!((rule.call, rule.occurrence), (call, occurrence), "{text}");
        }
    }

    #[test]
    fn faults_are_read() {
        let status = |status, retry_after, html, done| {
            Fault::Status(Refused {
                status,
                retry_after,
                html,
                done,
            })
        };
        let seconds = Duration::from_secs;
        for (text, fault) in [
            ("delay 500ms", Fault::Delay(Duration::from_millis(500))),
            ("delay 3s", Fault::Delay(seconds(3))),
            ("delay 2m", Fault::Delay(seconds(120))),
            (
                "status 503",
                status(StatusCode::SERVICE_UNAVAILABLE, None, false, false),
            ),
            (
                "status 429 retry-after 7 after",
                status(
                    StatusCode::TOO_MANY_REQUESTS,
                    Some(RetryAfter::Seconds(7)),
                    false,
                    true,
                ),
            ),
            (
                "status 502 html before retry-after-date 7",
                status(
                    StatusCode::BAD_GATEWAY,
                    Some(RetryAfter::Date(7)),
                    true,
                    false,
                ),
            ),
            ("null-data", Fault::NullData { done: true }),
            ("null-data before", Fault::NullData { done: false }),
            (
                "unknown-status paused",
                Fault::UnknownStatus("paused".to_owned()),
            ),
            ("ending timeout", Fault::Ending(Ending::new("timeout", ""))),
            (
                "ending failed no  face # a comment",
                Fault::Ending(Ending::failed("no face")),
            ),
            (
                "redirect http://a.example/#b",
                Fault::Redirect("http://a.example/#b".to_owned()),
            ),
            ("cut 0", Fault::Cut(0)),
        ] {
            let rule = format!("any every {text}");
            assert_eq!(one(&rule).fault, fault, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line_and_a_mend() {
        for (text, reason) in [
            ("poll once html", "`poll` is not a call; take submit, "),
            ("submit", "`` is not an occurrence; take once, "),
            (
                "submit first html",
                "`html` is not a whole number, which `first` needs",
            ),
            (
                "submit 101% html",
                "`101%` is not a probability; take a whole number",
            ),
            ("submit once", "`` is not a fault; take drop-before, "),
            (
                "submit once explode",
                "`explode` is not a fault; take drop-before, ",
            ),
            (
                "submit once html now",
                "`now` is too much; end the rule before it",
            ),
            (
                "submit once delay 5",
                "`5` is not a time; take one like 500ms",
            ),
            ("submit once delay", "`delay` needs a time after it"),
            (
                "submit once status 200",
                "`200` is not a status to refuse with",
            ),
            (
                "submit once status 600",
                "`600` is not a status to refuse with",
            ),
            (
                "submit once status 503 cut",
                "`cut` says nothing about a status; take ",
            ),
            ("submit once redirect ü", "`ü` cannot stand in a header"),
            (
                "submit once expired",
                "`expired` is not possible on submit; it is on output",
            ),
            (
                "put every ending failed",
                "`ending` is not possible on put; it is on submit, result",
            ),
        ] {
            let scenario = format!("# a comment\nany once html\n  {text}  # here\n");
            let error = scenario.parse::<Scenario>().unwrap_err();
            assert_eq!((error.line, &*error.rule), (3, text));
            assert!(error.reason.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn a_header_holds_a_fault_or_a_rule() {
        let of_header = |text| Rule::of_header(text, Call::Submit);
        assert_eq!(of_header("no-id").unwrap().fault, Fault::NoId);
        assert_eq!(of_header("any once no-id").unwrap().fault, Fault::NoId);
        assert_eq!(
            of_header("result once no-id").unwrap_err(),
            "the call is submit, the rule is for another one"
        );
        let impossible = of_header("expired").unwrap_err();
        assert!(
            impossible.contains("not possible on submit"),
            "{impossible}"
        );
        assert!(of_header("any once expired").is_err());
        assert!(of_header("").unwrap_err().contains("is not a fault"));
    }
}
