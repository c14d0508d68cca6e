//! The shape of `x-media`. The client's check of files is driven by it, so that a word that is not
//! understood would be a rule that is not kept.

use serde_json::{Map, Value};

use super::walk::{Place, SchemaAt};
use super::{Report, code, suggest};

const KEYS: &[&str] = &[
    "kind",
    "containers",
    "bytes",
    "seconds",
    "side_px",
    "aspect",
    "inline",
    "advised_lines",
];
const KINDS: &[&str] = &["video", "audio", "image"];
const BOUNDS: &[&str] = &["min", "max", "advised_max"];

/// Checks the `x-media` of one schema.
pub(super) fn check(at: &SchemaAt<'_>, report: &mut Report) {
    let Some(media) = at.schema.get("x-media") else {
        return;
    };
    let place = at.place.key("x-media");
    let holds_urls = |schema: &Value| schema["type"] == "string";
    if !holds_urls(at.schema) && !holds_urls(&at.schema["items"]) {
        let mend = "move it to a property that holds a URL or an array of them";
        report.add(&place, "only a string can be the URL of a file", mend);
    }
    let Some(media) = media.as_object() else {
        return report.add(
            &place,
            "it is not a mapping",
            "write `kind: video` and so on below it",
        );
    };
    if !media
        .get("kind")
        .is_some_and(|kind| KINDS.iter().any(|known| kind == known))
    {
        let kind = code(media.get("kind").unwrap_or(&Value::Null));
        report.add(
            &place.key("kind"),
            format!("{kind} is not a kind of file"),
            "use video, audio or image",
        );
    }
    for (key, value) in media {
        let place = place.key(key);
        match key.as_str() {
            "kind" => {}
            "inline" if value.is_boolean() => {}
            "inline" => report.add(
                &place,
                format!("{} is neither true nor false", code(value)),
                "write `true`",
            ),
            "containers" => list(value, &place, Value::is_string, "file extensions", report),
            "advised_lines" => list(value, &place, is_u32, "whole numbers", report),
            "bytes" | "seconds" | "side_px" | "aspect" => limits(value, &place, report),
            _ => {
                let mend = suggest(key, KEYS, "remove it; spec/README.md has the list");
                report.add(&place, "it is not a rule for files", mend);
            }
        }
    }
}

fn list(
    value: &Value,
    place: &Place,
    is_item: fn(&Value) -> bool,
    what: &str,
    report: &mut Report,
) {
    if !value
        .as_array()
        .is_some_and(|items| items.iter().all(is_item))
    {
        report.add(
            place,
            format!("{} is not a list of {what}", code(value)),
            "write `[…]`",
        );
    }
}

fn limits(value: &Value, place: &Place, report: &mut Report) {
    let empty = Map::new();
    let limits = value.as_object().unwrap_or(&empty);
    if limits.is_empty() {
        let mend = "write `{ min: …, max: …, advised_max: … }`, or some of these";
        report.add(
            place,
            format!("{} does not limit anything", code(value)),
            mend,
        );
    }
    for (key, value) in limits {
        if !BOUNDS.contains(&key.as_str()) {
            report.add(
                &place.key(key),
                "it is not a limit",
                suggest(key, BOUNDS, "remove it"),
            );
        } else if !value.as_f64().is_some_and(|number| number >= 0.0) {
            let problem = format!("{} is not a number from 0 on", code(value));
            report.add(&place.key(key), problem, "write a number");
        }
    }
    let bound = |key: &str| limits.get(key).and_then(Value::as_f64);
    for key in ["max", "advised_max"] {
        if let (Some(min), Some(max)) = (bound("min"), bound(key))
            && min > max
        {
            report.add(
                &place.key(key),
                format!("{max} is below `min`"),
                "swap or mend them",
            );
        }
    }
}

fn is_u32(value: &Value) -> bool {
    value
        .as_u64()
        .is_some_and(|number| u32::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use crate::lint::testing::{INPUT, in_input};

    #[test]
    fn media_must_be_well_shaped() {
        for (snippet, line) in [
            (
                "x-media: { kind: film }",
                "x-media.kind: `\"film\"` is not a kind of file; use video, audio or image",
            ),
            (
                "x-media: { kind: video, containers: mp4 }",
                "x-media.containers: `\"mp4\"` is not a list of file extensions; write `[…]`",
            ),
            (
                "x-media: { kind: video, second: { max: 1 } }",
                "x-media.second: it is not a rule for files; did you mean `seconds`?",
            ),
            (
                "x-media: { kind: video, seconds: { maximum: 1 } }",
                "x-media.seconds.maximum: it is not a limit; remove it",
            ),
            (
                "x-media: { kind: video, seconds: { min: 3, max: 2 } }",
                "x-media.seconds.max: 2 is below `min`; swap or mend them",
            ),
            (
                "x-media: { kind: video, bytes: { max: big } }",
                "x-media.bytes.max: `\"big\"` is not a number from 0 on; write a number",
            ),
            (
                "x-media: { kind: video, bytes: 5 }",
                "x-media.bytes: `5` does not limit anything; write `{ min: …, max: …, advised_max: … }`, or some of these",
            ),
            (
                "x-media: { kind: video, advised_lines: [7.5] }",
                "x-media.advised_lines: `[7.5]` is not a list of whole numbers; write `[…]`",
            ),
            (
                "x-media: video",
                "x-media: it is not a mapping; write `kind: video` and so on below it",
            ),
        ] {
            assert_eq!(
                in_input(&format!("type: string\n{snippet}")),
                [format!("{INPUT}.{line}")]
            );
        }
        assert_eq!(
            in_input("type: integer\nx-media: { kind: video }"),
            [format!(
                "{INPUT}.x-media: only a string can be the URL of a file; move it to a property \
                 that holds a URL or an array of them"
            )]
        );
    }
}
