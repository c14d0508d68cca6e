//! How things are called: the written rules by which a model's id becomes a type name, and by
//! which typify turns values and properties into Rust names. The rule for type names never
//! changes, so that no later model can rename an earlier one.

use heck::{ToKebabCase, ToPascalCase, ToSnakeCase};

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

/// The operation id of a model's submit.
#[must_use]
pub fn operation_id(id: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("submit_{}", id.chars().map(word).collect::<String>())
}

/// A stand-in for the type name of the model at `index`. typify puts every name into its own camel
/// case (`V1_6` becomes `V16`, `AOTModel` becomes `AotModel`), so it is given names that this
/// cannot change; they end where the name of a nested type goes on, at a capital or a digit.
#[must_use]
pub fn placeholder(index: usize) -> String {
    let letter = |place: u32| {
        let digit = (index / 26_usize.pow(place)) % 26;
        char::from(b'a' + u8::try_from(digit).unwrap_or_default())
    };
    format!("Model{}{}{}{}", letter(3), letter(2), letter(1), letter(0))
}

/// The variant typify makes of an enum's value, the type it makes of a schema's name.
#[must_use]
pub fn pascal(text: &str) -> String {
    sanitize(text, "X", str::to_pascal_case)
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
    let name = match cased.chars().next() {
        Some(first) if first.is_alphabetic() => cased,
        _ => format!("{prefix}{cased}"),
    };
    if is_identifier(&name) && name != "gen" {
        name
    } else {
        format!("{name}_")
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
        }
    }

    #[test]
    fn values_become_the_variants_typify_makes() {
        for (value, variant) in [
            ("16:9", "X169"),
            ("+y", "Y"),
            ("", "X"),
            ("AOT", "Aot"),
            ("self", "Self_"),
        ] {
            assert_eq!(pascal(value), variant, "{value}");
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
