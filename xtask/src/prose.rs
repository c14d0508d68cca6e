//! Sentences for people: what limits and defaults mean, and text that rustdoc reads as it was
//! meant. Nothing here decides what a limit is worth; the catalogue keeps the numbers.

use serde_json::Value;

/// Between what the vendor says and what is added to it.
pub const BREAK: &str = "\n\n";

/// The keywords that limit a value and are told in words.
pub const LIMITS: &[&str] = &[
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
];

/// The limits of a schema as sentences; empty if there are none.
#[must_use]
pub fn limits(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).filter(|value| value.is_number());
    let mut sentences = Vec::new();
    if schema["type"] == "string" {
        sentences.extend(format(schema["format"].as_str()));
    }
    sentences.extend(match (number("minLength"), number("maxLength")) {
        (Some(min), None) if *min == 1 => Some("Not empty.".to_owned()),
        (Some(min), Some(max)) if *min == 1 => {
            Some(format!("At most {max} characters, not empty."))
        }
        (min, max) => range(min, max, " characters"),
    });
    sentences.extend(
        schema["pattern"]
            .as_str()
            .map(|pattern| format!("Must match `{pattern}`.")),
    );
    sentences.extend(range(number("minimum"), number("maximum"), ""));
    sentences.extend(number("multipleOf").map(|step| format!("A multiple of {step}.")));
    sentences.extend(range(number("minItems"), number("maxItems"), " elements"));
    if schema["type"] == "integer"
        && let Some(choices) = schema["enum"].as_array()
    {
        let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        sentences.push(format!("One of {}.", choices.join(", ")));
    }
    let each = schema
        .get("items")
        .map(limits)
        .filter(|each| !each.is_empty());
    sentences.extend(each.map(|each| format!("Each element: {}", lower_first(&each))));
    sentences.join(" ")
}

/// What a default means. A required input must be sent, so that its default is a suggestion.
#[must_use]
pub fn default(value: &Value, required: bool) -> String {
    let word = if required { "Suggested" } else { "Default" };
    let shown = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    if shown.is_empty() {
        format!("{word}: empty.")
    } else {
        format!("{word}: `{shown}`.")
    }
}

/// One paragraph, whatever the line breaks of the spec.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text as rustdoc must be given it: paragraphs stay, brackets and angles are escaped and bare URLs
/// become links, except in code spans.
#[must_use]
pub fn rustdoc(text: &str) -> String {
    let paragraphs = text
        .split(BREAK)
        .map(one_line)
        .filter(|paragraph| !paragraph.is_empty());
    paragraphs
        .map(|paragraph| escape(&paragraph))
        .collect::<Vec<_>>()
        .join(BREAK)
}

fn escape(paragraph: &str) -> String {
    // Every second piece is a code span. The lint has seen to it that they are closed.
    let pieces = paragraph.split('`').enumerate().map(|(index, piece)| {
        if index % 2 == 1 {
            format!("`{piece}`")
        } else {
            escape_plain(piece)
        }
    });
    let text: String = pieces.collect();
    if text.starts_with(['#', '-', '+', '>', '=']) {
        format!("\\{text}")
    } else {
        text
    }
}

fn escape_plain(text: &str) -> String {
    text.split(' ')
        .map(escape_word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn escape_word(word: &str) -> String {
    if let Some(start) = word.find("https://").or_else(|| word.find("http://")) {
        let (before, url) = word.split_at(start);
        let end = url
            .trim_end_matches(['.', ',', ';', ':', ')', '!', '?'])
            .len();
        let (url, after) = url.split_at(end);
        return format!("{}<{url}>{}", escape_word(before), escape_word(after));
    }
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '[' | ']' | '<' | '>' | '*' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn range(min: Option<&Value>, max: Option<&Value>, unit: &str) -> Option<String> {
    Some(match (min, max) {
        (Some(min), Some(max)) if min == max => format!("Exactly {min}{unit}."),
        (Some(min), Some(max)) => format!("{min} to {max}{unit}."),
        (Some(min), None) => format!("At least {min}{unit}."),
        (None, Some(max)) => format!("At most {max}{unit}."),
        (None, None) => return None,
    })
}

fn format(format: Option<&str>) -> Option<String> {
    Some(match format? {
        "uri" => "A URL.".to_owned(),
        "date-time" => "A time as in RFC 3339.".to_owned(),
        other => format!("Format: `{other}`."),
    })
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_sentences() {
        for (schema, sentence) in [
            (
                json!({ "type": "string", "maxLength": 120 }),
                "At most 120 characters.",
            ),
            (json!({ "type": "string", "minLength": 1 }), "Not empty."),
            (
                json!({ "type": "string", "minLength": 1, "maxLength": 9 }),
                "At most 9 characters, not empty.",
            ),
            (
                json!({ "type": "string", "minLength": 2, "maxLength": 9 }),
                "2 to 9 characters.",
            ),
            (
                json!({ "type": "string", "format": "date-time" }),
                "A time as in RFC 3339.",
            ),
            (
                json!({ "type": "number", "minimum": 0.8, "maximum": 2 }),
                "0.8 to 2.",
            ),
            (
                json!({ "type": "integer", "minimum": 3, "multipleOf": 3 }),
                "At least 3. A multiple of 3.",
            ),
            (
                json!({ "type": "array", "minItems": 2, "maxItems": 2 }),
                "Exactly 2 elements.",
            ),
            (
                json!({ "type": "array", "items": { "type": "string", "pattern": "^a$" } }),
                "Each element: must match `^a$`.",
            ),
            (json!({ "type": "boolean" }), ""),
        ] {
            assert_eq!(limits(&schema), sentence, "{schema}");
        }
    }

    #[test]
    fn a_default_that_must_be_sent_is_a_suggestion() {
        assert_eq!(default(&json!("en"), false), "Default: `en`.");
        assert_eq!(default(&json!(1), true), "Suggested: `1`.");
        assert_eq!(default(&json!(""), false), "Default: empty.");
    }

    #[test]
    fn rustdoc_is_given_nothing_of_its_own() {
        for (text, escaped) in [
            ("in [0, 1]\n  and <b>", "in \\[0, 1\\] and \\<b\\>"),
            (
                "see https://x.test/a, or (http://y.test).",
                "see <https://x.test/a>, or (<http://y.test>).",
            ),
            ("`[0]` stays, [1] not", "`[0]` stays, \\[1\\] not"),
            ("# no title", "\\# no title"),
            ("one\n\ntwo", "one\n\ntwo"),
        ] {
            assert_eq!(rustdoc(text), escaped);
        }
    }
}
