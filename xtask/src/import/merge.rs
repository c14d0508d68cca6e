//! Three texts become one: what the vendor said at the last import, what the file says now, what
//! the vendor says now. What only one of them changed is taken; where both did, the file stays.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::yaml::same_for;

/// Where the file and the vendor say different things, and the file stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The keys that lead to the place.
    pub place: String,
    /// What the file says.
    pub ours: Option<Value>,
    /// What the vendor says.
    pub theirs: Option<Value>,
}

/// The file's text after the vendor's changes. Without a `base` all that the file says was put there
/// by hand.
pub(super) fn merge(
    base: Option<&Map<String, Value>>,
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
    kept: &mut Vec<Kept>,
) -> Map<String, Value> {
    let empty = Map::new();
    let mut merger = Merger { kept };
    let mut merged = merger.mapping(base.unwrap_or(&empty), ours, theirs, "");
    prune(&mut merged);
    merged
}

/// Takes out what was written by hand to something that is gone: names of choices, a requirement,
/// the input that says the language.
fn prune(schema: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let inputs: Option<BTreeSet<String>> = properties.map(|all| all.keys().cloned().collect());
    let choices = schema.get("enum").and_then(Value::as_array).cloned();
    if let (Some(choices), Some(Value::Object(names))) = (choices, schema.get_mut("x-choice-names"))
    {
        names.retain(|name, _| choices.iter().any(|choice| choice == name));
    }
    if let (Some(inputs), Some(Value::Array(required))) = (&inputs, schema.get_mut("required")) {
        required.retain(|name| name.as_str().is_some_and(|name| inputs.contains(name)));
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let fields = properties.into_iter().flatten().map(|(_, field)| field);
    for field in fields.filter_map(Value::as_object_mut) {
        let language = field.get("x-choice-language").and_then(Value::as_str);
        if language.is_some_and(|name| inputs.as_ref().is_some_and(|all| !all.contains(name))) {
            field.shift_remove("x-choice-language");
        }
        prune(field);
    }
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        prune(items);
    }
    schema.retain(|key, value| match (key.as_str(), value) {
        ("x-choice-names", Value::Object(names)) => !names.is_empty(),
        ("required", Value::Array(names)) => !names.is_empty(),
        _ => true,
    });
}

struct Merger<'a> {
    kept: &'a mut Vec<Kept>,
}

impl Merger<'_> {
    fn mapping(
        &mut self,
        base: &Map<String, Value>,
        ours: &Map<String, Value>,
        theirs: &Map<String, Value>,
        place: &str,
    ) -> Map<String, Value> {
        let values = keys(base, ours, theirs).into_iter().filter_map(|key| {
            let place = match place {
                "" => key.clone(),
                place => format!("{place}.{key}"),
            };
            let value = self.value(base.get(&key), ours.get(&key), theirs.get(&key), &place);
            value.map(|value| (key, value))
        });
        values.collect()
    }

    fn value(
        &mut self,
        base: Option<&Value>,
        ours: Option<&Value>,
        theirs: Option<&Value>,
        place: &str,
    ) -> Option<Value> {
        let key = place.rsplit('.').next().unwrap_or_default();
        let equal = |a: Option<&Value>, b: Option<&Value>| match (a, b) {
            (Some(a), Some(b)) => same_for(key, a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let empty = Map::new();
        match (base, ours, theirs) {
            _ if equal(ours, theirs) || equal(base, theirs) => ours.cloned(),
            _ if equal(base, ours) => theirs.cloned(),
            (base, Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
                let base = base.and_then(Value::as_object).unwrap_or(&empty);
                Some(self.mapping(base, ours, theirs, place).into())
            }
            (Some(Value::Array(base)), Some(Value::Array(ours)), Some(Value::Array(theirs)))
                if is_set(place) =>
            {
                Some(set(base, ours, theirs).into())
            }
            // An input that is gone goes, with what was written to it: sent, it would be dropped
            // in silence and the task billed.
            (Some(_), Some(Value::Object(_)), None) => None,
            _ => {
                self.kept.push(Kept {
                    place: place.to_owned(),
                    ours: ours.cloned(),
                    theirs: theirs.cloned(),
                });
                ours.cloned()
            }
        }
    }
}

/// The vendor's order, unless the file has one of its own. What is only in the file stays behind
/// the key that it follows there.
fn keys(
    base: &Map<String, Value>,
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Vec<String> {
    let common = |of: &Map<String, Value>, with: &Map<String, Value>| -> Vec<String> {
        of.keys()
            .filter(|key| with.contains_key(*key))
            .cloned()
            .collect()
    };
    let reordered = common(ours, base) != common(base, ours);
    let (first, second) = match reordered || base.is_empty() {
        true => (ours, theirs),
        false => (theirs, ours),
    };
    let mut keys: Vec<String> = first.keys().cloned().collect();
    let mut after = 0;
    for key in second.keys() {
        match keys.iter().position(|known| known == key) {
            Some(at) => after = at + 1,
            None => {
                keys.insert(after, key.clone());
                after += 1;
            }
        }
    }
    keys
}

/// Lists in which each value stands for itself.
fn is_set(place: &str) -> bool {
    place.ends_with(".enum") || place == "required" || place.ends_with(".required")
}

/// The vendor's values, without those that were taken out by hand, and those that were added.
fn set(base: &[Value], ours: &[Value], theirs: &[Value]) -> Vec<Value> {
    let removed = |value: &&Value| base.contains(value) && !ours.contains(value);
    let added = |value: &&Value| !base.contains(value) && !theirs.contains(value);
    let stay = theirs.iter().filter(|value| !removed(value));
    stay.chain(ours.iter().filter(added)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml::same;

    fn merged(base: &Value, ours: &Value, theirs: &Value) -> (Value, Vec<String>) {
        let mut kept = Vec::new();
        let map = |value: &Value| value.as_object().cloned().unwrap();
        let base = base.as_object();
        let all = merge(base, &map(ours), &map(theirs), &mut kept);
        (
            all.into(),
            kept.into_iter().map(|kept| kept.place).collect(),
        )
    }

    #[test]
    fn each_side_changes_what_the_other_left() {
        let base = json!({ "type": "string", "default": "x", "enum": ["x", "y"], "maximum": 1 });
        let ours = json!({
            "type": "string", "maxLength": 5, "default": "x", "enum": ["x", "mine"], "maximum": 2,
        });
        let theirs = json!({ "type": "string", "default": "y", "enum": ["new", "x", "y"] });
        let nest = |value: &Value| json!({ "in": value });
        let (all, kept) = merged(&nest(&base), &nest(&ours), &nest(&theirs));
        let wanted = json!({
            "type": "string", "maxLength": 5, "default": "y", "enum": ["new", "x", "mine"],
            "maximum": 2,
        });
        assert_eq!(all.to_string(), nest(&wanted).to_string());
        assert_eq!(
            kept,
            ["in.maximum"],
            "the vendor dropped what was changed by hand"
        );
    }

    #[test]
    fn what_was_never_imported_is_by_hand() {
        let ours = json!({ "description": "Mine.", "properties": { "a": { "maxLength": 1 } } });
        let theirs = json!({ "description": "Theirs.", "properties": { "a": {}, "b": {} } });
        let (all, kept) = merged(&Value::Null, &ours, &theirs);
        let wanted = json!({
            "description": "Mine.", "properties": { "a": { "maxLength": 1 }, "b": {} },
        });
        assert_eq!((all, kept), (wanted, vec!["description".to_owned()]));
    }

    #[test]
    fn an_input_that_is_gone_goes() {
        let base = json!({ "a": { "type": "string" }, "b": {} });
        let ours = json!({ "a": { "type": "string", "x-media": { "kind": "video" } }, "b": {} });
        let (all, kept) = merged(&base, &ours, &json!({ "b": {} }));
        assert_eq!((all, kept), (json!({ "b": {} }), vec![]));
    }

    #[test]
    fn the_order_is_the_vendors() {
        let base = json!({ "a": 1, "b": 1 });
        let (all, _) = merged(
            &base,
            &json!({ "a": 1, "x": 1, "b": 1 }),
            &json!({ "c": 1, "b": 1, "a": 1 }),
        );
        assert_eq!(all.to_string(), r#"{"c":1,"b":1,"a":1,"x":1}"#);
        let (all, _) = merged(
            &base,
            &json!({ "b": 1, "a": 1 }),
            &json!({ "a": 1, "c": 1, "b": 1 }),
        );
        assert_eq!(all.to_string(), r#"{"b":1,"a":1,"c":1}"#);
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..3i64).prop_map(Value::from),
            prop::collection::vec((0..4i64).prop_map(Value::from), 0..4).prop_map(Value::from),
        ];
        let object = |inner| {
            prop::collection::vec(("[a-c]|enum", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
        };
        object(leaf.prop_recursive(3, 16, 4, object).boxed())
    }

    proptest! {
        #[test]
        fn what_one_side_left_alone_is_the_others(base in object(), other in object()) {
            prop_assert!(same(&merged(&base, &base, &other).0, &other));
            prop_assert!(same(&merged(&base, &other, &base).0, &other));
            prop_assert!(same(&merged(&base, &other, &other).0, &other));
        }

        #[test]
        fn a_second_merge_changes_nothing(base in object(), ours in object(), theirs in object()) {
            let (once, _) = merged(&base, &ours, &theirs);
            let (twice, kept) = merged(&theirs, &once, &theirs);
            prop_assert_eq!((once.to_string(), kept), (twice.to_string(), vec![]));
        }
    }
}
