//! Helpers for error messages. They are public only for the other crates of this workspace and not
//! part of the interface.

use std::borrow::Cow;

/// Returns an error and its sources as one line. A source whose text is already part of the line is
/// skipped.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}

/// Returns a text in which the user name and the password of each URL are replaced.
#[must_use]
pub fn hide_logins(text: &str) -> Cow<'_, str> {
    const SCHEME_END: &str = "://";
    let (mut hidden, mut end) = (String::new(), 0);
    for (at, _) in text.match_indices(SCHEME_END) {
        let start = at + SCHEME_END.len();
        // The part before the path has the login before its last `@`.
        let is_end =
            |c: char| matches!(c, '/' | '?' | '#' | '\\' | '"' | '<' | '>') || c.is_whitespace();
        let authority = text[start..].split(is_end).next().unwrap_or_default();
        if let Some(login) = authority.rfind('@') {
            hidden.push_str(&text[end..start]);
            hidden.push_str("[login]");
            end = start + login;
        }
    }
    match end {
        0 => text.into(),
        end => (hidden + &text[end..]).into(),
    }
}

/// Returns the first `max` characters of a text, followed by an ellipsis if there are more. Used for
/// values in error messages, which may be of any length.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_login_is_the_part_of_a_url_before_its_host() {
        for (text, hidden) in [
            ("https://a.example/b?c=d@e", "https://a.example/b?c=d@e"),
            ("me@a.example", "me@a.example"),
            ("https://me:pass@a.example/b", "https://[login]@a.example/b"),
            ("https://token@a.example", "https://[login]@a.example"),
            (
                "\"ftp://a:p@ss@b\" and https://é:ü@c/d, x@y",
                "\"ftp://[login]@b\" and https://[login]@c/d, x@y",
            ),
            ("://@", "://[login]@"),
        ] {
            assert_eq!(hide_logins(text), hidden);
        }
    }

    #[test]
    fn shorten_cuts_between_characters_and_only_longer_texts() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöü", 2), "äö…");
        assert_eq!(shorten("", 0), "");
        assert_eq!(shorten("a", 0), "…");
    }
}
