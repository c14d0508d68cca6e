//! References to jobs: by number or by id.

use std::fmt;
use std::str::FromStr;

use wavespeed::{InvalidId, JobNumber, PredictionId};

use crate::output::shell::ID_PREFIX;

/// A job of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobRef {
    /// The number of a job in the journal.
    Number(JobNumber),
    /// The id of a job.
    Id(PredictionId),
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(id) => f.write_str(id.as_str()),
        }
    }
}

impl FromStr for JobRef {
    type Err = String;

    /// Parses `j17`, `J17`, `17`, an id, `id:` and an id, or the URL of a result, which contains the id.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(number) = number(text) {
            return Ok(Self::Number(number));
        }
        let id = parse_id(text).map(Self::Id);
        id.map_err(|error| format!("use a job number such as j17, or the id of a job: {error}"))
    }
}

/// Parses an id, `id:` and an id, or the URL of a result, which contains the id.
pub(crate) fn parse_id(text: &str) -> Result<PredictionId, String> {
    if let Some(id) = text.strip_prefix(ID_PREFIX) {
        return id.parse().map_err(|error: InvalidId| error.to_string());
    }
    // An id in another form than the vendor's is more likely a mistake.
    let typed = || text.parse().ok().filter(PredictionId::has_usual_form);
    // The vendor's answer has such a URL beside the id, and people copy either.
    PredictionId::from_url(text).or_else(typed).ok_or_else(|| {
        "an id has 4 to 128 letters, digits, `_` or `-`; write one in another form as id:ID"
            .to_owned()
    })
}

fn number(text: &str) -> Option<JobNumber> {
    let digits = text.strip_prefix(['j', 'J']).unwrap_or(text);
    // Ids are 32 hex digits, so a short text of decimal digits is a number.
    let is_number = (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number);
    number.map(JobNumber::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::shell;

    #[test]
    fn job_is_a_number_an_id_or_a_result_url() {
        let parse = |text: &str| text.parse::<JobRef>().map(|job| job.to_string());
        for text in ["j17", "J17", "17"] {
            assert_eq!(parse(text).as_deref(), Ok("j17"));
        }
        let id = "6488c2754f6f4dfea924382fa14d11bd";
        assert_eq!(parse(id).as_deref(), Ok(id));
        let url = format!("https://api.wavespeed.ai/api/v3/predictions/{id}/result?x=1");
        assert_eq!(parse(&url).as_deref(), Ok(id));
        for text in [
            "",
            "j",
            "..",
            "id:",
            "../../secrets",
            "https://example.com/a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_id_has_an_argument() {
        let id = |text: &str| text.parse::<PredictionId>().unwrap();
        for (text, expected) in [
            (
                "6488c2754f6f4dfea924382fa14d11bd",
                "6488c2754f6f4dfea924382fa14d11bd",
            ),
            ("17", "id:17"),
            ("J17", "id:J17"),
            ("-o", "id:-o"),
            ("id:x", "id:id:x"),
            ("a b", "'id:a b'"),
            ("abc", "id:abc"),
            ("http://a.example/", "id:http://a.example/"),
        ] {
            assert_eq!(shell::id(&id(text)), expected);
            let unquoted = expected.trim_matches('\'');
            assert_eq!(unquoted.parse(), Ok(JobRef::Id(id(text))), "{text}");
        }
    }
}
