//! The way to progenitor and back: settings, its panics as errors, and what it may not need.
//! What goes in is [`transform`](crate::transform)'s, what becomes of the result
//! [`polish`](crate::polish)'s.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use openapiv3::OpenAPI;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, InterfaceStyle, TypeImpl};
use serde_json::{Map, Value, json};

use crate::document::reachable;
use crate::error::Error;
use crate::names;

/// Open enums and the hand-written types that stand in for them.
pub const OPEN_ENUMS: &[(&str, &str)] = &[("Status", "crate::status::Status")];

/// What progenitor makes of the calls of the transformed document.
///
/// # Errors
/// [`Error::Generator`], naming the schema or operation at work.
pub fn calls(document: &Value) -> Result<TokenStream, Error> {
    tokens(document, &[])
}

/// What progenitor makes of the inputs of some models. What they refer to is made with the calls.
///
/// # Errors
/// [`Error::Generator`], naming the schema at work.
pub fn inputs(document: &Value) -> Result<TokenStream, Error> {
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let names = schemas.into_iter().flatten().map(|(name, _)| name);
    let shared = names.filter(|name| names::stand_in(name).is_none());
    let shared: Vec<_> = shared
        .map(|name| (name.clone(), format!("crate::generated::types::{name}")))
        .collect();
    tokens(document, &shared)
}

fn tokens(document: &Value, shared: &[(String, String)]) -> Result<TokenStream, Error> {
    run(document, shared).map_err(|message| {
        let found = culprit(document, shared);
        let (at, message) = found.unwrap_or(("the whole document".into(), message));
        Error::Generator { at, message }
    })
}

fn run(document: &Value, shared: &[(String, String)]) -> Result<TokenStream, String> {
    let api: OpenAPI =
        serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let mut generator = Generator::new(&settings(shared));
    let tokens = quietly(|| {
        generator
            .generate_tokens(&api)
            .map_err(|error| error.to_string())
    })?;
    let types = generator.get_type_space();
    let needs = [
        ("chrono", types.uses_chrono()),
        ("uuid", types.uses_uuid()),
        ("regress", types.uses_regress()),
        ("futures", generator.uses_futures()),
        ("websockets", generator.uses_websockets()),
    ];
    match needs.iter().find(|(_, needed)| *needed) {
        Some((name, _)) => Err(format!(
            "the client would need {name}; remove `format` or `pattern`"
        )),
        None => Ok(tokens),
    }
}

fn settings(shared: &[(String, String)]) -> GenerationSettings {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_map_type("::std::collections::BTreeMap");
    for (name, path) in OPEN_ENUMS {
        let impls = [TypeImpl::Display, TypeImpl::FromStr];
        settings.with_replacement(name, path, impls.into_iter());
    }
    for (name, path) in shared {
        settings.with_replacement(name, path, std::iter::empty());
    }
    settings
}

/// progenitor and typify panic on much they do not support, which the user need not see twice.
fn quietly<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(text.unwrap_or("it panicked").to_owned())
    })
}

/// Runs each schema and each path alone, to say which one it is.
fn culprit(document: &Value, shared: &[(String, String)]) -> Option<(String, String)> {
    let schemas = document.pointer("/components/schemas")?.as_object()?;
    let alone = |paths: Map<String, Value>, schemas: Map<String, Value>| {
        let mut document = document.clone();
        document["paths"] = paths.into();
        document["components"]["schemas"] = schemas.into();
        run(&document, shared).err()
    };
    let schema = schemas.keys().find_map(|name| {
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        let needed = reachable(document, std::iter::once(&reference));
        let mut schemas = schemas.clone();
        schemas.retain(|name, _| needed.contains(name));
        Some((format!("schema {name}"), alone(Map::new(), schemas)?))
    });
    let paths = document["paths"].as_object()?;
    schema.or_else(|| {
        paths.iter().find_map(|(path, item)| {
            let paths = Map::from_iter([(path.clone(), item.clone())]);
            Some((format!("path {path}"), alone(paths, schemas.clone())?))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(paths: Value, schemas: Value) -> String {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "Test", "version": "1.0.0" },
            "paths": paths,
            "components": { "schemas": schemas },
        });
        calls(&document).unwrap_err().to_string()
    }

    #[test]
    fn a_panic_over_a_schema_names_it() {
        let good = json!({ "type": "object" });
        let bad = json!({ "type": "string", "enum": ["ab", "AB", "a-b"] });
        let error = stopped(json!({}), json!({ "Good": good, "Bad": bad }));
        assert!(
            error.starts_with("the generator stopped at schema Bad: "),
            "{error}"
        );
    }

    #[test]
    fn a_panic_over_an_operation_names_its_path() {
        let answer = json!({ "200": { "description": "", "content": { "application/json": {} } } });
        let call = json!({ "operationId": "get_it", "responses": answer });
        let error = stopped(json!({ "/it": { "get": call } }), json!({}));
        assert!(
            error.starts_with("the generator stopped at path /it: "),
            "{error}"
        );
    }

    #[test]
    fn a_type_that_needs_another_crate_is_refused() {
        let schema = json!({ "type": "string", "pattern": "^a$" });
        assert_eq!(
            stopped(json!({}), json!({ "Patterned": schema })),
            "the generator stopped at schema Patterned: the client would need regress; remove \
             `format` or `pattern`"
        );
    }
}
