//! Names for what Rust could not tell apart. They are written into the file once and stay there: no
//! later choice and no later model renames what programs use already.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::mend::Mend;
use crate::lint::types_of;
use crate::names;

/// Gives the choices names that would become one variant. Those that `before` has keep their own.
pub(super) fn choices(
    model: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
    mends: &mut Vec<Mend>,
) {
    let before = before.cloned().map(Value::Object).unwrap_or_default();
    for (name, property) in properties(model) {
        schema(
            property,
            &before["properties"][&name],
            &format!("properties.{name}"),
            mends,
        );
    }
}

fn properties(schema: &mut Map<String, Value>) -> Vec<(String, &mut Value)> {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.into_iter().flatten();
    properties
        .map(|(name, schema)| (name.clone(), schema))
        .collect()
}

fn schema(value: &mut Value, before: &Value, place: &str, mends: &mut Vec<Mend>) {
    let Some(keys) = value.as_object_mut() else {
        return;
    };
    if keys.get("type").is_some_and(|kind| kind == "string") {
        name_choices(keys, before, place, mends);
    }
    if let Some(items) = keys.get_mut("items") {
        schema(items, &before["items"], &format!("{place}.items"), mends);
    }
    for (name, property) in properties(keys) {
        schema(
            property,
            &before["properties"][&name],
            &format!("{place}.properties.{name}"),
            mends,
        );
    }
}

fn name_choices(keys: &mut Map<String, Value>, before: &Value, place: &str, mends: &mut Vec<Mend>) {
    let values = keys
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let values: Vec<String> = values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let known = |value: &str| {
        let had = before["enum"]
            .as_array()
            .is_some_and(|all| all.iter().any(|v| v == value));
        had.then(|| names::variant(value, before))
    };
    let wanted = |value: &str| known(value).unwrap_or_else(|| names::choice(value));
    let count = |name: &str| values.iter().filter(|value| wanted(value) == name).count();
    let mut given = keys
        .get("x-variant-names")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    given.retain(|value, _| values.contains(value));
    let alone: BTreeSet<String> = values
        .iter()
        .map(|value| wanted(value))
        .filter(|name| count(name) == 1)
        .collect();
    let mut taken: BTreeSet<String> = values
        .iter()
        .filter_map(|value| known(value))
        .chain(alone)
        .chain([names::OTHER.to_owned()])
        .collect();
    for value in &values {
        let name = wanted(value);
        let clear = count(&name) < 2 && names::is_identifier(&name);
        if clear || given.contains_key(value) {
            continue;
        }
        let name = match known(value) {
            // It was there first. What looks like its rule may be what the others were named by.
            Some(name) => name,
            None => free(&spelled(value), &taken),
        };
        taken.insert(name.clone());
        if name != names::choice(value) {
            mends.push(Mend {
                rule: "choice-names",
                place: format!("{place}.enum"),
                what: format!("`{}` is called {name}", value.escape_debug()),
            });
            given.insert(value.clone(), name.into());
        }
    }
    keys.shift_remove("x-variant-names");
    if !given.is_empty() {
        keys.insert("x-variant-names".into(), given.into());
    }
}

/// A value with its signs in words.
fn spelled(value: &str) -> String {
    let sign = |c: char| match c {
        '+' => "Plus".to_owned(),
        '-' => "Minus".to_owned(),
        '_' => "Underscore".to_owned(),
        ' ' => "Space".to_owned(),
        '.' => "Dot".to_owned(),
        ':' => "Colon".to_owned(),
        '/' => "Slash".to_owned(),
        '*' => "Star".to_owned(),
        '\'' => "Quote".to_owned(),
        ',' => "Comma".to_owned(),
        c => format!("U{:X}", u32::from(c)),
    };
    let mut name = String::new();
    let mut start = true;
    for c in value.chars() {
        match c {
            c if c.is_ascii_alphanumeric() && start => name.extend(c.to_uppercase()),
            c if c.is_ascii_alphanumeric() => name.push(c),
            c => name.push_str(&sign(c)),
        }
        start = !c.is_ascii_alphanumeric();
    }
    if name.is_empty() {
        return "Empty".to_owned();
    }
    names::identifier(&name)
}

fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}N{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Gives a model a type name that nobody has, if the rule's is taken or none.
pub(super) fn type_name(
    id: &str,
    model: &mut Map<String, Value>,
    taken: &BTreeSet<String>,
    mends: &mut Vec<Mend>,
) {
    if model["x-model"].get("type_name").is_some() {
        return;
    }
    let ruled = names::type_name(id);
    let schema = Value::Object(model.clone());
    let is_free = |name: &String| {
        names::is_type_name(name)
            && types_of(name, &schema)
                .iter()
                .all(|name| !taken.contains(name))
    };
    if is_free(&ruled) {
        return;
    }
    let stem = match names::is_type_name(&ruled) {
        true => ruled.clone(),
        false => format!("Model{ruled}"),
    };
    let mut names =
        std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}N{number}")));
    let name = names.find(is_free).unwrap_or_default();
    mends.push(Mend {
        rule: "type-name",
        place: "x-model".into(),
        what: format!("`{ruled}` is taken or no name; its type is called {name}"),
    });
    model["x-model"]["type_name"] = json!(name);
}
