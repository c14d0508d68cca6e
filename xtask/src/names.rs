//! How things are called: the written rules by which a model's id becomes a type name, and by
//! which typify turns values and properties into Rust names. The rule for type names never
//! changes, so that no later model can rename an earlier one.

use heck::{ToKebabCase, ToPascalCase, ToSnakeCase};
use serde_json::Value;

use crate::spec::Model;

/// The type name of a model: the id is split at every character that is neither a letter nor a
/// digit, the first letter of each part is capitalised, and the parts are joined; between two
/// digits a `_` remains, so that `v1-6` and `v16` differ.
#[must_use]
pub fn type_name(id: &str) -> String {
    let mut name = String::new();
    for part in id
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
    {
        let first = part.chars().next().unwrap_or_default();
        if first.is_ascii_digit() && name.ends_with(|c: char| c.is_ascii_digit()) {
            name.push('_');
        }
        name.extend(first.to_uppercase());
        name.push_str(&part[first.len_utf8()..]);
    }
    name
}

/// The operation id of a model's submit: of its id, or of the type name that it was given.
#[must_use]
pub fn operation_id(model: &Model) -> String {
    let id = match model.type_name == type_name(&model.id) {
        true => &model.id,
        false => &model.type_name,
    };
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("submit_{}", id.chars().map(word).collect::<String>())
}

/// A stand-in for the type name of the model at `index`. typify puts every name into its own camel
/// case (`V1_6` becomes `V16`, `AOTModel` becomes `AotModel`), so it is given names that this
/// cannot change; they end where the name of a nested type goes on, at a capital or a digit.
#[must_use]
pub fn placeholder(index: usize) -> String {
    format!("Model{}", letters(index))
}

/// A stand-in for the choice at `index`.
#[must_use]
pub fn choice_placeholder(index: usize) -> String {
    format!("Choice{}", letters(index))
}

/// The index of the choice that a stand-in stands for.
#[must_use]
pub fn choice_index(name: &str) -> Option<usize> {
    name.strip_prefix("Choice").and_then(index)
}

fn letters(index: usize) -> String {
    let letter = |place: u32| {
        let digit = (index / 26_usize.pow(place)) % 26;
        char::from(b'a' + u8::try_from(digit).unwrap_or_default())
    };
    (0..4).rev().map(letter).collect()
}

fn index(letters: &str) -> Option<usize> {
    let digit = |byte: u8| byte.is_ascii_lowercase().then(|| usize::from(byte - b'a'));
    letters
        .bytes()
        .try_fold(0, |index, byte| Some(index * 26 + digit(byte)?))
}

/// The index of the model whose stand-in the name of a type begins with, and the rest of the name.
#[must_use]
pub fn stand_in(name: &str) -> Option<(usize, &str)> {
    let (letters, rest) = name.strip_prefix("Model")?.split_at_checked(4)?;
    let ends = !rest.starts_with(char::is_lowercase);
    Some((index(letters).filter(|_| ends)?, rest))
}

/// A name without the provider's, as it is called in the provider's own module.
#[must_use]
pub fn short(provider: &str, type_name: &str) -> String {
    let short = type_name.strip_prefix(&self::type_name(provider));
    let usable = |short: &&str| is_type_name(short) && !TAKEN.contains(short);
    short.filter(usable).unwrap_or(type_name).to_owned()
}

/// Names that generated code uses for something else.
pub const TAKEN: &[&str] = &[
    "Option", "String", "Vec", "Result", "Some", "None", "Ok", "Err", "Self", "Box",
];

/// The variant typify makes of an enum's value, the type it makes of a schema's name.
#[must_use]
pub fn pascal(text: &str) -> String {
    sanitize(text, "X", str::to_pascal_case)
}

/// The variant of each enum for the choices that are not known.
pub const OTHER: &str = "Other";

/// The variant of a choice by the rule.
#[must_use]
pub fn choice(value: &str) -> String {
    match pascal(value) {
        name if name == OTHER => format!("{OTHER}_"),
        name => name,
    }
}

/// The variant of a choice: the one its schema names, or by the rule.
#[must_use]
pub fn variant(value: &str, schema: &Value) -> String {
    let named = schema["x-variant-names"][value].as_str();
    named.map_or_else(|| choice(value), str::to_owned)
}

/// The field typify makes of a property, the method progenitor makes of an operation.
#[must_use]
pub fn snake(text: &str) -> String {
    sanitize(text, "x", str::to_snake_case)
}

/// The flag of an input: its name in kebab-case, or `input-NAME` where that is taken.
#[must_use]
pub fn flag(property: &str, reserved: &[String]) -> String {
    let flag = property.to_kebab_case();
    if reserved.contains(&flag) {
        format!("input-{flag}")
    } else {
        flag
    }
}

/// Whether the text can be the name of a type.
#[must_use]
pub fn is_type_name(text: &str) -> bool {
    text.starts_with(char::is_uppercase) && is_identifier(text)
}

/// Whether Rust can use the text as a name.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    syn::parse_str::<syn::Ident>(text).is_ok()
}

/// What typify's own `sanitize` does.
fn sanitize(text: &str, prefix: &str, case: fn(&str) -> String) -> String {
    let cased = match text {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        _ => case(
            &text
                .replace('\'', "")
                .replace(|c: char| !c.is_alphanumeric() && c != '_', "-"),
        ),
    };
    match cased.chars().next() {
        Some(first) if first.is_alphabetic() => identifier(&cased),
        _ => identifier(&format!("{prefix}{cased}")),
    }
}

/// The text, or what Rust takes instead of it.
#[must_use]
pub fn identifier(text: &str) -> String {
    match text.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("X{text}"),
        false if is_identifier(text) && text != "gen" => text.to_owned(),
        false => format!("{text}_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_follow_the_written_rule() {
        for (id, name) in [
            (
                "kwaivgi/kling-lipsync/text-to-video",
                "KwaivgiKlingLipsyncTextToVideo",
            ),
            ("kwaivgi/kling-v1-6", "KwaivgiKlingV1_6"),
            ("kwaivgi/kling-v16", "KwaivgiKlingV16"),
            ("alibaba/wan-2.5/t2v-480p", "AlibabaWan2_5T2v480p"),
            ("a/AOT_x--y", "AAOTXY"),
        ] {
            assert_eq!(type_name(id), name, "{id}");
        }
    }

    #[test]
    fn placeholders_differ_and_survive_camel_case() {
        let names: std::collections::BTreeSet<_> = (0..3000).map(placeholder).collect();
        assert_eq!(names.len(), 3000);
        for suffix in ["", "_voice_id", "_480p", "_x"] {
            let name = pascal(&format!("{}{suffix}", placeholder(27)));
            assert!(name.starts_with("Modelaabb"), "{name}");
            assert_eq!(stand_in(&name).unwrap().0, 27, "{name}");
        }
    }

    #[test]
    fn names_are_short_where_that_is_a_name() {
        for (provider, name, short_name) in [
            ("kwaivgi", "KwaivgiKlingV1", "KlingV1"),
            ("a-b", "ABOption", "ABOption"),
            ("302", "302model", "302model"),
            ("a", "Given", "Given"),
        ] {
            assert_eq!(short(provider, name), short_name);
        }
        assert_eq!(stand_in("Modellingish"), None);
    }

    #[test]
    fn values_become_the_variants_typify_makes() {
        for (value, variant) in [
            ("16:9", "X169"),
            ("+y", "Y"),
            ("", "X"),
            ("AOT", "Aot"),
            ("self", "Self_"),
            ("other", "Other_"),
            ("others", "Others"),
        ] {
            assert_eq!(choice(value), variant, "{value}");
        }
    }

    #[test]
    fn a_reserved_flag_steps_aside() {
        let reserved = ["output".to_owned()];
        assert_eq!(flag("output", &reserved), "input-output");
        assert_eq!(flag("voiceSpeed", &reserved), "voice-speed");
        assert_eq!(flag("voice_id", &reserved), "voice-id");
    }
}
