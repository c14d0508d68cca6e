//! What the vendor's list says and the spec does not: every change once, with what it means for
//! programs that use the typed client. A change made by hand is none; that is told by the list of
//! the last import.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::import::{Listing, Outcome, plan};
use crate::yaml::{same, same_for};

/// A difference between the vendor's list and the spec.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Whether a program that was built with the spec of today has to be changed, or is refused
    /// what was accepted.
    pub breaking: bool,
    /// The model.
    pub model: String,
    /// The keys that lead to the place; empty for the model itself.
    pub place: String,
    /// What kind of change it is, in one word or two.
    pub kind: &'static str,
    /// What changed, in words.
    pub what: String,
}

/// All differences, and what could not be compared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Drift {
    /// The differences, the breaking ones first.
    pub changes: Vec<Change>,
    /// Entries that no model can be made of, with the reason.
    pub skipped: Vec<String>,
}

/// Compares the spec below `root` with a list.
///
/// # Errors
/// Those of [`plan`].
pub fn drift(root: &Path, listing: &Listing, like: &str) -> Result<Drift, Error> {
    let plan = plan(root, listing, like)?;
    let mut drift = Drift::default();
    for id in &plan.gone {
        let what = "the vendor no longer lists it".to_owned();
        drift
            .changes
            .push(change(true, id, "", "model removed", what));
    }
    for (id, outcome) in &plan.outcomes {
        match (&outcome.before, &outcome.after) {
            (before, Err(skip)) => {
                let what = format!("{}: {}", skip.rule, skip.what);
                if before.is_some() {
                    let what = format!("nobody knows what changed: {what}");
                    drift.changes.push(change(true, id, "", "left out", what));
                }
                drift.skipped.push(format!("{id}: {what}"));
            }
            (None, Ok(after)) => {
                let what = after["description"].as_str().unwrap_or_default().to_owned();
                drift
                    .changes
                    .push(change(false, id, "", "model added", what));
            }
            (Some(before), Ok(after)) => {
                Comparison {
                    model: id,
                    changes: &mut drift.changes,
                }
                .model(before, after);
                drift.changes.extend(kept(id, outcome));
            }
        }
    }
    // Breaking ones first, the rest by place.
    drift
        .changes
        .sort_by(|a, b| (!a.breaking, &a.model, &a.place).cmp(&(!b.breaking, &b.model, &b.place)));
    Ok(drift)
}

impl Drift {
    /// How many changes break programs.
    #[must_use]
    pub fn breaking(&self) -> usize {
        self.changes.iter().filter(|change| change.breaking).count()
    }

    /// A report to paste into a change.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let (breaking, all) = (self.breaking(), self.changes.len());
        if all == 0 && self.skipped.is_empty() {
            return "The spec says what the vendor's list says.\n".to_owned();
        }
        let mut text = format!(
            "## What the vendor changed\n\n{breaking} breaking, {} other changes.\n",
            all - breaking
        );
        for (title, wanted) in [("Breaking", true), ("Other", false)] {
            let mut rows = self
                .changes
                .iter()
                .filter(|change| change.breaking == wanted)
                .peekable();
            if rows.peek().is_some() {
                let _ = write!(
                    text,
                    "\n### {title}\n\n| model | place | change | |\n|---|---|---|---|\n"
                );
            }
            for row in rows {
                let place = match row.place.as_str() {
                    "" => String::new(),
                    place => format!("`{}`", cell(place)),
                };
                let _ = writeln!(
                    text,
                    "| {} | {place} | {} | {} |",
                    cell(&row.model),
                    row.kind,
                    cell(&row.what)
                );
            }
        }
        if !self.skipped.is_empty() {
            text.push_str("\n### Left out\n\n");
        }
        for line in &self.skipped {
            let _ = writeln!(text, "- {}", line.replace('\n', " "));
        }
        text
    }
}

/// What the vendor changed where the file stays as it was made by hand.
fn kept(id: &str, outcome: &Outcome) -> Vec<Change> {
    let mut vendor = Vec::new();
    if let Some((base, theirs)) = &outcome.vendor {
        let mut comparison = Comparison {
            model: id,
            changes: &mut vendor,
        };
        comparison.model(base, theirs);
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".into(), Value::to_string);
    let changes = outcome.kept.iter().map(|kept| {
        let graded = vendor
            .iter()
            .any(|change| change.breaking && change.place == kept.place);
        let (theirs, ours) = (shown(&kept.theirs), shown(&kept.ours));
        let what = format!("the vendor says {theirs}; the file keeps {ours}");
        change(graded, id, &kept.place, "kept by hand", what)
    });
    changes.collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn change(breaking: bool, model: &str, place: &str, kind: &'static str, what: String) -> Change {
    Change {
        breaking,
        model: model.to_owned(),
        place: place.to_owned(),
        kind,
        what,
    }
}

struct Comparison<'a> {
    model: &'a str,
    changes: &'a mut Vec<Change>,
}

impl Comparison<'_> {
    fn add(&mut self, breaking: bool, place: &str, kind: &'static str, what: String) {
        self.changes
            .push(change(breaking, self.model, place, kind, what));
    }

    fn model(&mut self, before: &Value, after: &Value) {
        for key in ["description", "x-model"] {
            self.words(&before[key], &after[key], key);
        }
        self.object(before, after, "");
    }

    fn words(&mut self, before: &Value, after: &Value, place: &str) {
        if !same_for(place.rsplit('.').next().unwrap_or_default(), before, after) {
            let shown = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), |text| text.trim().to_owned())
            };
            self.add(false, place, "words", format!("now: {}", shown(after)));
        }
    }

    /// The inputs of a model, or the fields of an object.
    fn object(&mut self, before: &Value, after: &Value, place: &str) {
        let place = join(place, "properties");
        let required = |schema: &Value, name: &str| {
            schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|n| n == name))
        };
        let empty = serde_json::Map::new();
        let inputs = |schema: &Value| {
            schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_else(|| empty.clone())
        };
        let (old, new) = (inputs(before), inputs(after));
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.add(
                true,
                &join(&place, name),
                "input removed",
                "the vendor no longer lists it".into(),
            );
        }
        for (name, schema) in &new {
            let (place, must) = (join(&place, name), required(after, name));
            let Some(before_input) = old.get(name) else {
                let what = if must { "required" } else { "optional" };
                self.add(must, &place, "input added", what.into());
                continue;
            };
            match (required(before, name), must) {
                (false, true) => self.add(true, &place, "required", "it was optional".into()),
                (true, false) => self.add(
                    true,
                    &place,
                    "optional",
                    "it was required: its field becomes an `Option`".into(),
                ),
                _ => {}
            }
            self.input(before_input, schema, &place);
        }
        let order = |all: &serde_json::Map<String, Value>,
                     others: &serde_json::Map<String, Value>|
         -> Vec<String> {
            all.keys()
                .filter(|name| others.contains_key(*name))
                .cloned()
                .collect()
        };
        if order(&old, &new) != order(&new, &old) {
            let given = |names: Vec<String>| -> Vec<String> {
                names
                    .into_iter()
                    .filter(|name| required(before, name) && required(after, name))
                    .collect()
            };
            let breaking = given(order(&old, &new)) != given(order(&new, &old));
            let what = format!(
                "now: {}",
                new.keys().cloned().collect::<Vec<_>>().join(", ")
            );
            self.add(breaking, &place, "order", what);
        }
    }

    fn input(&mut self, before: &Value, after: &Value, place: &str) {
        let kind = |schema: &Value| schema["type"].as_str().unwrap_or("any").to_owned();
        if kind(before) != kind(after) {
            let what = format!("{} was {}", kind(after), kind(before));
            self.add(true, &join(place, "type"), "type", what);
            return;
        }
        let flag = |schema: &Value, key: &str| schema[key] == true;
        if flag(before, "nullable") != flag(after, "nullable") {
            let what = if flag(after, "nullable") {
                "null is accepted"
            } else {
                "null is refused"
            };
            self.add(true, &join(place, "nullable"), "type", what.into());
        }
        for key in ["x-hidden", "deprecated"] {
            if flag(before, key) != flag(after, key) {
                self.add(
                    false,
                    &join(place, key),
                    "words",
                    format!("now: {}", flag(after, key)),
                );
            }
        }
        self.words(
            &before["description"],
            &after["description"],
            &join(place, "description"),
        );
        self.choices(
            &before["enum"],
            &after["enum"],
            &kind(before),
            &join(place, "enum"),
        );
        for (key, most) in [
            ("minimum", false),
            ("minLength", false),
            ("minItems", false),
            ("maximum", true),
            ("maxLength", true),
            ("maxItems", true),
        ] {
            self.limit(&before[key], &after[key], most, &join(place, key));
        }
        for key in ["multipleOf", "format"] {
            if !same(&before[key], &after[key]) {
                let breaking = !after[key].is_null();
                let what = format!("{} was {}", shown(&after[key]), shown(&before[key]));
                self.add(breaking, &join(place, key), "limit", what);
            }
        }
        if !same(&before["default"], &after["default"]) {
            let what = format!(
                "{} was {}",
                shown(&after["default"]),
                shown(&before["default"])
            );
            self.add(false, &join(place, "default"), "default", what);
        }
        for key in ["items", "additionalProperties"] {
            match (before[key].is_object(), after[key].is_object()) {
                (true, true) => self.input(&before[key], &after[key], &join(place, key)),
                (false, false) => {}
                _ => self.add(true, &join(place, key), "type", "what it holds".into()),
            }
        }
        self.object(before, after, place);
    }

    fn choices(&mut self, before: &Value, after: &Value, kind: &str, place: &str) {
        match (before.as_array(), after.as_array()) {
            (Some(before), Some(after)) => {
                let (old, new) = (set(before), set(after));
                let list = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
                    a.difference(b).cloned().collect::<Vec<_>>().join(", ")
                };
                let (gone, more) = (list(&old, &new), list(&new, &old));
                if !gone.is_empty() {
                    self.add(true, place, "choice removed", gone);
                }
                if !more.is_empty() {
                    self.add(false, place, "choice added", more);
                }
                if old == new && before != after {
                    self.add(
                        false,
                        place,
                        "order",
                        "the choices have another order".into(),
                    );
                }
            }
            (None, None) => {}
            // Whole numbers stay whole numbers; only more of them are refused, or fewer.
            (before, after) => {
                let breaking = kind == "string" || after.is_some();
                let shown = |list: Option<&Vec<Value>>| {
                    list.map_or("anything".to_owned(), |list| {
                        list.iter()
                            .map(Value::to_string)
                            .collect::<Vec<_>>()
                            .join(", ")
                    })
                };
                self.add(
                    breaking,
                    place,
                    "choices",
                    format!("{} was {}", shown(after), shown(before)),
                );
            }
        }
    }

    /// A limit is breaking if it became narrower.
    fn limit(&mut self, before: &Value, after: &Value, most: bool, place: &str) {
        if same(before, after) {
            return;
        }
        let breaking = match (before.as_f64(), after.as_f64()) {
            (Some(before), Some(after)) => (after < before) == most,
            (_, after) => after.is_some(),
        };
        self.add(
            breaking,
            place,
            "limit",
            format!("{} was {}", shown(after), shown(before)),
        );
    }
}

fn set(values: &[Value]) -> BTreeSet<String> {
    values.iter().map(Value::to_string).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => value.to_string(),
    }
}

fn join(place: &str, key: &str) -> String {
    match place {
        "" => key.to_owned(),
        place => format!("{place}.{key}"),
    }
}
