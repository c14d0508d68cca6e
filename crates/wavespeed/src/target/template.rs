//! Templates of output paths: names in braces that stand for facts of a job and its output.
//!
//! A template is expanded component by component, and a value is reduced to a safe name first, so that it
//! never adds a component to the path or leaves its folder.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

/// The length of a value in bytes. A sentence as an input would otherwise exceed the length of a file name.
pub(crate) const MAX_VALUE_BYTES: usize = 64;

/// The names that Windows reserves for devices, with any extension.
const RESERVED: [&str; 8] = ["aux", "con", "nul", "prn", "com1", "com2", "lpt1", "lpt2"];

/// Part of a component.
enum Part<'a> {
    Text(&'a str),
    /// A name in braces.
    Name(&'a str),
}

/// Splits a component into parts. An error says what is wrong with the braces.
fn parts(mut text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    while let Some(at) = text.find(['{', '}']) {
        let (before, rest) = text.split_at(at);
        parts.push(Part::Text(before));
        let brace = &rest[..1];
        if rest[1..].starts_with(brace) {
            parts.push(Part::Text(brace));
            text = &rest[2..];
            continue;
        }
        let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, behind)) = name.filter(|(name, _)| is_name(name)) else {
            return Err(format!(
                "{text:?} has a brace without a name such as {{id}}; write {brace}{brace} for a brace"
            ));
        };
        parts.push(Part::Name(name));
        text = behind;
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.bytes().all(is_word)
}

/// Returns the text of a component that can be a part of a template. A component that is not Unicode is taken
/// as it is.
fn text(component: Component<'_>) -> Option<&str> {
    let Component::Normal(text) = component else {
        return None;
    };
    text.to_str().filter(|text| text.contains(['{', '}']))
}

/// Returns the names in a template, in their order.
pub(super) fn names(template: &Path) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for text in template.components().filter_map(text) {
        names.extend(parts(text)?.into_iter().filter_map(|part| match part {
            Part::Name(name) => Some(name),
            Part::Text(_) => None,
        }));
    }
    Ok(names)
}

/// Expands a template. `value` returns the value of a name, and `None` for an unknown name.
pub(super) fn expand(
    template: &Path,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<PathBuf, String> {
    if template
        .components()
        .all(|component| text(component).is_none())
    {
        return Ok(template.to_owned());
    }
    let mut path = PathBuf::new();
    for component in template.components() {
        let Some(text) = text(component) else {
            path.push(component);
            continue;
        };
        let mut expanded = String::new();
        for part in parts(text)? {
            match part {
                Part::Text(text) => expanded.push_str(text),
                Part::Name(name) => expanded.push_str(&value(name).ok_or_else(|| unknown(name))?),
            }
        }
        path.push(expanded);
    }
    Ok(path)
}

/// Returns the message about an unknown name.
pub(super) fn unknown(name: &str) -> String {
    format!(
        "{{{name}}} is not known: use {{id}}, {{job}}, {{label}}, {{model}}, {{index}}, {{ext}} or the name \
         of an input; write {{{{ for a brace"
    )
}

/// Returns the components before the first one with a name, without escapes.
pub(super) fn fixed_part(template: &Path) -> PathBuf {
    let has_name = |text: &str| {
        let parts = parts(text);
        parts.is_ok_and(|parts| parts.iter().any(|part| matches!(part, Part::Name(_))))
    };
    let fixed = template
        .components()
        .take_while(|component| !text(*component).is_some_and(has_name));
    let fixed: PathBuf = fixed.collect();
    expand(&fixed, &|_| None).unwrap_or(fixed)
}

/// Returns a path as a template that expands to it.
pub(super) fn escape(path: &Path) -> PathBuf {
    let escaped = path.components().map(|component| match text(component) {
        Some(text) => Cow::Owned(text.replace('{', "{{").replace('}', "}}").into()),
        None => Cow::Borrowed(component.as_os_str()),
    });
    escaped.collect()
}

/// Reduces a value to a name that is safe in a path: letters, digits, `_`, `-` and inner dots. Any other
/// characters become one `-`. A value of which nothing is left gives `none`.
pub(super) fn safe_name(value: &str) -> String {
    let mut name = String::new();
    for c in value.chars() {
        let c = if c.is_alphanumeric() || matches!(c, '_' | '.') {
            c
        } else {
            '-'
        };
        let is_repeated = matches!(c, '-' | '.') && name.ends_with(['-', '.']);
        if is_repeated || (matches!(c, '-' | '.') && name.is_empty()) {
            continue;
        }
        if name.len() + c.len_utf8() > MAX_VALUE_BYTES {
            break;
        }
        name.push(c);
    }
    let name = name.trim_end_matches(['-', '.']);
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match name {
        "" => "none".to_owned(),
        _ if RESERVED.contains(&stem.as_str()) => format!("{name}_"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_safe_names() {
        for (value, expected) in [
            ("../../etc/passwd", "etc-passwd"),
            ("a b\u{0}c", "a-b-c"),
            ("温柔小妹", "温柔小妹"),
            ("..", "none"),
            ("v1.5", "v1.5"),
            ("CON", "CON_"),
            ("nul.txt", "nul.txt_"),
            ("-rf", "rf"),
        ] {
            assert_eq!(safe_name(value), expected);
        }
        assert_eq!(safe_name(&"é".repeat(99)).len(), MAX_VALUE_BYTES);
    }

    #[test]
    fn template_is_expanded_within_its_components() {
        let value = |name: &str| (name == "id").then(|| "7".to_owned());
        let expanded = |template: &str| expand(Path::new(template), &value);
        for (template, expected) in [
            ("a/{id}/x-{id}.mp4", "a/7/x-7.mp4"),
            ("{{id}}-{id}", "{id}-7"),
            ("./a.mp4", "./a.mp4"),
            ("{{{id}}}", "{7}"),
        ] {
            assert_eq!(
                expanded(template).unwrap(),
                Path::new(expected),
                "{template}"
            );
            let path = Path::new(template);
            assert_eq!(expand(&escape(path), &value).unwrap(), path);
        }
        for wrong in ["{", "}", "{}", "{id", "a/{/id}", "{a b}", "{id}}", "{no}"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
        assert_eq!(fixed_part(Path::new("a/{{b}}/{id}/c")), Path::new("a/{b}"));
    }
}
