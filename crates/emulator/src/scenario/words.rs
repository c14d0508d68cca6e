//! The words of a rule, one after the other. What they mean together is the business of `parse`.

use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

/// Takes the next word if it is this one.
pub(super) fn take(words: &mut SplitWhitespace<'_>, word: &str) -> bool {
    let is_next = words.clone().next() == Some(word);
    if is_next {
        words.next();
    }
    is_next
}

/// The next word; the error says what should have been there.
pub(super) fn word<'a>(
    words: &mut SplitWhitespace<'a>,
    after: &str,
    wanted: &str,
) -> Result<&'a str, String> {
    let missing = || format!("`{after}` needs {wanted} after it");
    words.next().ok_or_else(missing)
}

/// The next word as a whole number.
pub(super) fn number<T: FromStr>(
    words: &mut SplitWhitespace<'_>,
    after: &str,
) -> Result<T, String> {
    let word = word(words, after, "a whole number")?;
    word.parse()
        .map_err(|_| format!("`{word}` is not a whole number, which `{after}` needs after it"))
}

/// The next word as a time.
pub(super) fn time(words: &mut SplitWhitespace<'_>) -> Result<Duration, String> {
    let word = word(words, "delay", "a time")?;
    let (number, milliseconds) = match word.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => match (word.strip_suffix('s'), word.strip_suffix('m')) {
            (Some(number), _) => (number, 1_000),
            (_, Some(number)) => (number, 60_000),
            _ => ("", 0),
        },
    };
    let number = number.parse::<u32>().map(u64::from);
    number
        .map(|number| Duration::from_millis(number * milliseconds))
        .map_err(|_| format!("`{word}` is not a time; take one like 500ms, 3s or 2m"))
}

/// The next word as a URL, as far as a header can hold it.
pub(super) fn url(words: &mut SplitWhitespace<'_>) -> Result<String, String> {
    let word = word(words, "redirect", "a URL")?;
    if word.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(word.to_owned())
    } else {
        Err(format!(
            "`{word}` cannot stand in a header; take a URL in ASCII"
        ))
    }
}
