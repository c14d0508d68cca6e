//! The expiry of a presigned URL, read from its query.
//!
//! The vendor fetches a file when the prediction starts, which may be long after the submit.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use url::Url;

/// The format of the times in signed URLs of Amazon, Google and others: `20260101T000000Z`.
const BASIC_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Returns the time at which a presigned URL expires, if its query states one.
fn expires_at(url: &Url) -> Option<Timestamp> {
    let query: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .collect();
    let parameter = |name: &str| {
        let found = query.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    // `X-Amz-Date` and `X-Amz-Expires`, `X-Goog-Date` and `X-Goog-Expires`, and those of other hosts.
    let signed = query.iter().find_map(|(name, value)| {
        let vendor = name.strip_prefix("x-")?.strip_suffix("-expires")?;
        let date = parameter(&format!("x-{vendor}-date"))?;
        let date = DateTime::strptime(BASIC_FORMAT, date).ok()?;
        let date = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let seconds = value.parse::<u32>().ok()?;
        date.checked_add(Duration::from_secs(seconds.into())).ok()
    });
    // Seconds since 1970, as older signatures and content delivery networks use them. Any smaller number
    // means something else.
    let unix = || {
        let seconds = parameter("expires")?.parse::<i64>().ok()?;
        let seconds = Some(seconds).filter(|seconds| *seconds > 1_000_000_000)?;
        Timestamp::from_second(seconds).ok()
    };
    let azure = || {
        parameter("sig")?;
        let expiry = parameter("se")?;
        let midnight = || {
            let date: Date = expiry.parse().ok()?;
            Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
        };
        expiry.parse::<Timestamp>().ok().or_else(midnight)
    };
    signed.or_else(unix).or_else(azure)
}

/// Returns a message if a presigned URL expires before `usual`, the time of half of the model's jobs, has
/// passed: a job that has ended has certainly read its files.
pub(super) fn early_expiry(url: &Url, now: SystemTime, usual: Duration) -> Option<String> {
    let left = SystemTime::from(expires_at(url)?).duration_since(now);
    let usual = Duration::from_secs(usual.as_secs().max(1));
    match left {
        Ok(left) if left > usual => None,
        Ok(left) => Some(format!(
            "expires in {:?}, and a job of this model usually takes up to {usual:?}, so the vendor may fetch \
             it too late; sign it for a longer time",
            Duration::from_secs(left.as_secs())
        )),
        Err(_) => Some("is a signed URL that has expired; sign it again".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_read_from_every_common_kind_of_signature() {
        for (query, expected) in [
            (
                "X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-Signature=a",
                Some("2026-01-01T00:15:00Z"),
            ),
            (
                "x-goog-date=20260101T000000Z&x-goog-expires=60",
                Some("2026-01-01T00:01:00Z"),
            ),
            (
                "X-Tos-Date=20260101T000000Z&X-Tos-Expires=1",
                Some("2026-01-01T00:00:01Z"),
            ),
            (
                "Expires=1767225600&Signature=a&Key-Pair-Id=b",
                Some("2026-01-01T00:00:00Z"),
            ),
            (
                "sv=2024&se=2026-01-01T00%3A10%3A00Z&sig=a",
                Some("2026-01-01T00:10:00Z"),
            ),
            ("se=2026-01-01T00%3A10Z&sig=a", Some("2026-01-01T00:10:00Z")),
            ("se=2026-01-02&sig=a", Some("2026-01-02T00:00:00Z")),
            ("", None),
            ("se=2026-01-02", None),
            ("expires=300", None),
            ("X-Amz-Expires=900", None),
            ("X-Amz-Date=yesterday&X-Amz-Expires=900", None),
            ("X-Amz-Date=20260101T000000Z&X-Amz-Expires=-1", None),
            ("Expires=99999999999999999999", None),
        ] {
            let url = format!("https://a.example/1.mp4?{query}").parse().unwrap();
            let expected: Option<Timestamp> = expected.map(|text| text.parse().unwrap());
            assert_eq!(expires_at(&url), expected, "{query}");
        }
    }

    #[test]
    fn only_an_early_expiry_is_reported() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        for (left, word) in [
            (301, None),
            (300, Some("in 300s")),
            (-1, Some("has expired")),
        ] {
            let query = format!("Expires={}", 1_767_225_600 + left);
            let url = format!("https://a.example/?{query}").parse().unwrap();
            let message = early_expiry(&url, now, Duration::from_secs(300));
            match word {
                None => assert_eq!(message, None),
                Some(word) => assert!(message.unwrap().contains(word), "{left}"),
            }
        }
    }
}
