//! Writing YAML in the style of the spec, and changing a file that a person wrote: what did not
//! change stays as it stands, to the letter, and with it every comment.
//!
//! No library does this: those that write YAML know no comments, and those that keep comments know
//! no style.

use serde_json::{Map, Value};

/// Lines are not longer than this, where they can be broken.
const WIDTH: usize = 100;
const STEP: usize = 2;
/// The key whose text may end with a line end, or not.
const FOLDED: &str = "description";

/// Whether two values say the same: `2` and `2.0` do.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let found =
                |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| same_for(key, a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        (a, b) => a == b,
    }
}

/// Whether two values of a key say the same. A description that is folded ends with a line end.
#[must_use]
pub fn same_for(key: &str, a: &Value, b: &Value) -> bool {
    match (key, a, b) {
        (FOLDED, Value::String(a), Value::String(b)) => a.trim_end() == b.trim_end(),
        _ => same(a, b),
    }
}

/// A mapping as a file of the spec.
#[must_use]
pub fn write(mapping: &Map<String, Value>) -> String {
    let mut text = String::new();
    block(mapping, 0, &mut text);
    text
}

/// The text of a file, changed so that it says `new`, in the order of `new`. `old` is what it says.
#[must_use]
pub fn rewrite(text: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (entries, rest) = entries(&lines, 0);
    let mut out = String::new();
    // What stands above the first key is about the file, whatever the first key is.
    let (head, entries) = without_head(entries);
    push(&mut out, &head);
    change(&entries, old, new, 0, &mut out);
    push(&mut out, rest);
    out
}

/// A key of a block mapping, with its lines.
#[derive(Clone, Debug)]
struct Entry<'a> {
    key: String,
    /// Comments and empty lines above it.
    before: Vec<&'a str>,
    /// Its own lines.
    lines: &'a [&'a str],
}

fn without_head<'a>(mut entries: Vec<Entry<'a>>) -> (Vec<&'a str>, Vec<Entry<'a>>) {
    let head = entries
        .first_mut()
        .map(|first| std::mem::take(&mut first.before))
        .unwrap_or_default();
    (head, entries)
}

/// The entries of a block mapping that is indented by `indent`, and the lines behind the last one.
fn entries<'a>(lines: &'a [&'a str], indent: usize) -> (Vec<Entry<'a>>, &'a [&'a str]) {
    let mut found: Vec<Entry<'a>> = Vec::new();
    let mut above = 0;
    let mut at = 0;
    while at < lines.len() {
        let Some(key) = key(lines[at], indent) else {
            at += 1;
            continue;
        };
        let end = end(lines, at, indent);
        found.push(Entry {
            key,
            before: lines[above..at].to_vec(),
            lines: &lines[at..end],
        });
        (above, at) = (end, end);
    }
    (found, &lines[above..])
}

/// Where the value ends whose key stands at `at`: before the comments above the next key.
fn end(lines: &[&str], at: usize, indent: usize) -> usize {
    let scalar = is_block_scalar(lines[at]);
    let belongs = |line: &str| {
        let deep = depth(line) > indent;
        let item = depth(line) == indent && line.trim_start().starts_with("- ");
        deep || item
    };
    let mut end = at + 1;
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        let empty = line.trim().is_empty();
        let comment = !scalar && line.trim_start().starts_with('#');
        if !empty && !comment {
            if !belongs(line) {
                break;
            }
            end = index + 1;
        }
    }
    end
}

fn is_block_scalar(line: &str) -> bool {
    let header = without_comment(line).trim_end();
    let indicator = header.trim_end_matches(['-', '+', '1', '2', '3', '4']);
    indicator.ends_with(": >") || indicator.ends_with(": |")
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The key that a line begins with, at just this depth.
fn key(line: &str, indent: usize) -> Option<String> {
    let text = (depth(line) == indent).then(|| &line[indent..])?;
    let (key, rest) = match text.chars().next()? {
        '#' | '-' => return None,
        quote @ ('\'' | '"') => {
            let end = closing(text, quote)?;
            (unquote(&text[..=end])?, &text[end + 1..])
        }
        _ => {
            let end = text
                .find(": ")
                .or_else(|| text.strip_suffix(':').map(str::len))?;
            (text[..end].to_owned(), &text[end..])
        }
    };
    rest.starts_with(':').then_some(key)
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            c if c == quote
                && quote == '\''
                && chars.peek().is_some_and(|(_, next)| *next == quote) =>
            {
                chars.next();
            }
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unquote(text: &str) -> Option<String> {
    match text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    {
        Some(inner) => Some(inner.replace("''", "'")),
        None => serde_json::from_str(text).ok(),
    }
}

/// A line up to the comment behind its value, if it has one.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut last = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if last == ' ' => return &line[..at],
            (None, '\'' | '"') if " [{,".contains(last) => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        last = c;
    }
    line
}

/// Writes the entries of `new`, those that stayed as they are.
fn change(
    entries: &[Entry<'_>],
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    indent: usize,
    out: &mut String,
) {
    for (key, value) in new {
        let entry = entries.iter().find(|entry| entry.key == *key);
        match (entry, old.get(key)) {
            (Some(entry), Some(old)) => {
                push(out, &entry.before);
                if same_for(key, old, value) {
                    push(out, entry.lines);
                } else {
                    replace(entry, old, value, indent, out);
                }
            }
            _ => pair(key, value, indent, out),
        }
    }
}

fn replace(entry: &Entry<'_>, old: &Value, new: &Value, indent: usize, out: &mut String) {
    let opens = without_comment(entry.lines[0]).trim_end().ends_with(':');
    let first = entry.lines[1..].iter().find(|line| is_content(line));
    let inner = first.map_or(indent, |line| depth(line));
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if opens && inner > indent && !new.is_empty() => {
            push(out, &entry.lines[..1]);
            let (entries, rest) = entries(&entry.lines[1..], inner);
            change(&entries, old, new, inner, out);
            push(out, rest);
        }
        (Value::Array(old), Value::Array(new)) if opens && !new.is_empty() => {
            push(out, &entry.lines[..1]);
            items(&entry.lines[1..], old, new, inner, out);
        }
        _ => {
            let mut text = String::new();
            pair(&entry.key, new, indent, &mut text);
            let comment = &entry.lines[0][without_comment(entry.lines[0]).len()..];
            // Behind more than one line a comment would not be about all of them.
            if text.lines().count() == 1 && !comment.is_empty() {
                text = format!("{} {comment}\n", text.trim_end());
            }
            out.push_str(&text);
        }
    }
}

/// The items of a block sequence, those that stayed with their comments.
fn items(lines: &[&str], old: &[Value], new: &[Value], indent: usize, out: &mut String) {
    let mut pieces: Vec<Vec<&str>> = vec![Vec::new()];
    for line in lines {
        let piece = pieces.last_mut().expect("there is always one");
        piece.push(line);
        if depth(line) == indent && line.trim_start().starts_with("- ") {
            pieces.push(Vec::new());
        }
    }
    let rest = pieces.pop().unwrap_or_default();
    let simple = pieces.len() == old.len() && !rest.iter().any(|line| is_content(line));
    for value in new {
        let known = old
            .iter()
            .position(|old| same(old, value))
            .filter(|_| simple);
        match known {
            Some(at) => push(out, &pieces[at]),
            None => item(value, indent, out),
        }
    }
    if simple {
        push(out, &rest);
    }
}

fn is_content(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

fn push(out: &mut String, lines: &[&str]) {
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
}

fn block(mapping: &Map<String, Value>, indent: usize, out: &mut String) {
    for (key, value) in mapping {
        pair(key, value, indent, out);
    }
}

fn pair(key: &str, value: &Value, indent: usize, out: &mut String) {
    let head = format!("{:indent$}{}:", "", scalar(key, true));
    let shown = match value {
        Value::String(text) => scalar(text, false),
        other => flow(other),
    };
    let line = format!("{head} {shown}");
    let fits = line.chars().count() <= WIDTH;
    match value {
        Value::Object(mapping) if !(mapping.is_empty() || fits && is_small(key, mapping)) => {
            out.push_str(&head);
            out.push('\n');
            block(mapping, indent + STEP, out);
        }
        Value::Array(values) if !(values.is_empty() || fits && values.iter().all(is_scalar)) => {
            out.push_str(&head);
            out.push('\n');
            values
                .iter()
                .for_each(|value| item(value, indent + STEP, out));
        }
        Value::String(text) if !fits && key == FOLDED && folds(text) => {
            out.push_str(&head);
            out.push_str(" >\n");
            fold(text, indent + STEP, out);
        }
        _ => {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// Mappings that read better on one line: `items: { type: string }` and the like.
fn is_small(key: &str, mapping: &Map<String, Value>) -> bool {
    ["items", "x-media"].contains(&key) && mapping.values().all(is_scalar)
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn item(value: &Value, indent: usize, out: &mut String) {
    out.push_str(&format!("{:indent$}- {}\n", "", flow(value)));
}

/// Whether a text comes back as it was from lines that are broken at its spaces.
fn folds(text: &str) -> bool {
    let text = text.trim_end();
    let words = text.split(' ');
    !text.is_empty()
        && words.clone().all(|word| !word.is_empty())
        && !text.contains(|c: char| c.is_control())
}

fn fold(text: &str, indent: usize, out: &mut String) {
    let mut line = String::new();
    for word in text.trim_end().split(' ') {
        let length = indent + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > WIDTH {
            out.push_str(&format!("{:indent$}{line}\n", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&format!("{:indent$}{line}\n", ""));
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text, true),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(flow).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(mapping) if mapping.is_empty() => "{}".to_owned(),
        Value::Object(mapping) => {
            let pairs = mapping
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key, true), flow(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text as it can stand in a line, or `inside` of brackets: plain if no reader of YAML takes it
/// for anything else.
fn scalar(text: &str, inside: bool) -> String {
    if is_plain(text) && !(inside && text.contains([',', '[', ']', '{', '}'])) {
        text.to_owned()
    } else if text.contains(|c: char| c.is_control() || is_special(c)) {
        escaped(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// What YAML does not print, or reads as a line end.
fn is_special(c: char) -> bool {
    matches!(
        c,
        '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || is_special(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let safe = |c: char| c.is_alphanumeric() || " _-./,;:()[]%&!?='\"+*<>$~’‘“”–".contains(c);
    text.starts_with(char::is_alphabetic)
        && !text.ends_with([' ', ':'])
        && text.chars().all(safe)
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.contains(&text.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::spec::parse;

    fn map(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    /// What became of the text, after it was seen that it says `new`.
    fn rewritten(text: &str, new: &Value) -> String {
        let text = rewrite(text, map(&parse(text).unwrap()), map(new));
        assert!(same(&parse(&text).unwrap(), new), "{text}");
        text
    }

    const FILE: &str = "\
# Source: a page.
type: object
description: >
  Long.
# Both are needed.
required: [a, b]
properties:
  a:
    type: string   # words
    # Only in prose.
    maxLength: 5
    enum:
      - x
      # The second.
      - y # why
  # About b.
  'b:c': { type: integer }

# The end.
";

    #[test]
    fn what_did_not_change_stays_to_the_letter() {
        assert_eq!(rewritten(FILE, &parse(FILE).unwrap()), FILE);
    }

    #[test]
    fn a_change_touches_its_own_lines() {
        for (from, to, change) in [
            ("maxLength: 5", "maxLength: 7", json!({ "maxLength": 7 })),
            (
                "string   # words",
                "integer # words",
                json!({ "type": "integer" }),
            ),
            (
                "      - x\n",
                "      - z, 1\n      - x\n",
                json!({ "enum": ["z, 1", "x", "y"] }),
            ),
            ("      - x\n", "", json!({ "enum": ["y"] })),
        ] {
            let mut new = parse(FILE).unwrap();
            for (key, value) in map(&change) {
                new["properties"]["a"][key] = value.clone();
            }
            let to = to.replace("z, 1", "'z, 1'");
            assert_eq!(rewritten(FILE, &new), FILE.replace(from, &to), "{change}");
        }
    }

    #[test]
    fn what_goes_takes_its_comments_along() {
        let mut new = parse(FILE).unwrap();
        let properties = new["properties"].as_object_mut().unwrap();
        properties.shift_remove("b:c");
        properties.insert(
            "d".into(),
            json!({ "type": "string", "description": "yes" }),
        );
        let text = rewritten(FILE, &new);
        let end = "      - y # why\n  d:\n    type: string\n    description: 'yes'\n\n# The end.\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn texts_are_plain_quoted_or_folded() {
        let long = "word ".repeat(40);
        let text = write(map(&json!({
            "a": "Max, [1] e.g. x", "b": "16:9", "c": "no", "d": "it's: so", "e": "a\u{85}\tb",
            "description": long.trim(), "g": ["a, b", "+x", ""], "h": { "i": {} }, "j": "2024-01-01",
        })));
        let start = "a: Max, [1] e.g. x\nb: '16:9'\nc: 'no'\nd: 'it''s: so'\n";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.contains("e: \"a\\u0085\\tb\"\ndescription: >\n  word word"),
            "{text}"
        );
        assert!(
            text.ends_with("g: ['a, b', '+x', '']\nh:\n  i: {}\nj: '2024-01-01'\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[a-z:# '\",\\[\\]{}|>&*!%@`~?.0-9-]{0,12}",
            "([a-z]{1,9} ){10,40}[a-z]",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            // A text ends with its last line: that is what a folded one can say.
            text.clone()
                .prop_map(|text| Value::from(text.trim_end_matches('\n'))),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                object(inner),
            ]
        })
    }

    fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        let key = prop_oneof!["[a-d]", "description", "[a-z' :#-]{1,6}", any::<String>()];
        prop::collection::vec((key, inner), 0..6)
            .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(new in object(value())) {
            let text = write(map(&new));
            let read = if text.is_empty() { json!({}) } else { parse(&text).unwrap() };
            prop_assert!(same(&read, &new), "{text}");
        }

        #[test]
        fn whatever_is_changed_comes_out(old in object(value()), new in object(value())) {
            let text = write(map(&old));
            prop_assert_eq!(&rewrite(&text, map(&old), map(&old)), &text);
            let changed = rewrite(&text, map(&old), map(&new));
            let read = if changed.is_empty() { json!({}) } else { parse(&changed).unwrap() };
            prop_assert!(same(&read, &new), "{text}\nbecame\n{changed}");
        }
    }
}
