//! Whether the text that came out is what the client relies on. A change of the generator, or a
//! construct nobody thought of, would not fail: it would come out as something else. So this reads
//! the text again and compares it with the bundle as the authors of the spec wrote it.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use serde_json::Value;
use syn::visit::Visit;
use syn::{File, FnArg, ImplItem, Item, ItemImpl, Type, Visibility};

use crate::error::Error;
use crate::generate::OPEN_ENUMS;
use crate::polish::Model;
use crate::polish::shapes::{Shapes, enums, fields, structs};
use crate::{document, names};

/// Checks the file with the calls.
///
/// # Errors
/// [`Error::Text`] with every fault.
pub fn calls(text: &str, bundle: &Value) -> Result<(), Error> {
    let mut faults = Vec::new();
    match syn::parse_file(text) {
        Ok(file) => {
            words(text, &mut faults);
            let requests = document::request_schemas(bundle);
            let schemas = bundle["components"]["schemas"].as_object();
            let models = document::model_types(bundle);
            let names = schemas.into_iter().flatten().map(|(name, _)| name);
            let names = names.filter(|name| !models.contains(name));
            let named = names.map(|name| (name.clone(), name.clone())).collect();
            let items = module(&file, "types");
            for (name, path) in OPEN_ENUMS {
                if schemas.is_some_and(|all| all.contains_key(*name))
                    && !replaced(items, name, path)
                {
                    faults.push(format!(
                        "types::{name}: {path} does not stand in for this open enum"
                    ));
                }
            }
            types(
                items,
                bundle,
                &named,
                |name| requests.contains(name),
                &mut faults,
            );
            methods(&file, bundle, &mut faults);
        }
        Err(error) => faults.push(format!("it is not Rust: {error}")),
    }
    result("generated.rs", faults)
}

/// Checks the file with the inputs of a provider's models.
///
/// # Errors
/// [`Error::Text`] with every fault.
pub fn inputs(text: &str, bundle: &Value, models: &[Model<'_>]) -> Result<(), Error> {
    let mut faults = Vec::new();
    let provider = models.first().map_or("", Model::provider);
    match syn::parse_file(text) {
        Ok(file) => {
            words(text, &mut faults);
            let short = |model: &Model<'_>| {
                let name = model.type_name.to_owned();
                (name, names::short(provider, model.type_name))
            };
            let named = models.iter().map(short).collect();
            types(&file.items, bundle, &named, |_| true, &mut faults);
            open(&file, &mut faults);
            links(&file, models, &mut faults);
        }
        Err(error) => faults.push(format!("it is not Rust: {error}")),
    }
    result(&format!("models/{}.rs", names::snake(provider)), faults)
}

fn result(file: &str, faults: Vec<String>) -> Result<(), Error> {
    let faults: Vec<_> = faults
        .into_iter()
        .map(|fault| format!("{file}: {fault}"))
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Error::Text(faults)),
    }
}

fn words(text: &str, faults: &mut Vec<String>) {
    if text.contains("deny_unknown_fields") {
        faults.push("deny_unknown_fields refuses what the vendor adds".to_owned());
    }
}

/// The types of some schemas, which are `named` by what they are called in Rust.
fn types(
    items: &[Item],
    bundle: &Value,
    named: &BTreeMap<String, String>,
    is_request: impl Fn(&str) -> bool,
    faults: &mut Vec<String>,
) {
    let names: Vec<String> = named.keys().cloned().collect();
    let document = document::part(bundle, &names);
    let name = |schema: &str| named.get(schema).cloned().unwrap_or_default();
    let shapes = Shapes::new(items, &document, name, is_request);
    for item in structs(items).filter(|item| shapes.is_request(&item.ident)) {
        sent(&item.ident, &item.attrs, faults);
        let found = texts_in(items, &item.ident, "Serialize");
        if found.len() != fields(item).count() {
            faults.push(format!("{}: not every field is sent", item.ident));
        }
        if found != texts_in(items, &item.ident, "Deserialize") {
            faults.push(format!("{}: it is not read as it is sent", item.ident));
        }
        let schema = shapes.schema(&item.ident.to_string());
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        let wanted = properties.into_iter().flatten().map(|(name, _)| name);
        for name in wanted.filter(|name| !found.contains(*name)) {
            faults.push(format!("{}: there is no field for `{name}`", item.ident));
        }
    }
    for item in enums(items) {
        if shapes.is_request(&item.ident) {
            sent(&item.ident, &item.attrs, faults);
            let values = shapes
                .schema(&item.ident.to_string())
                .and_then(|schema| schema["enum"].as_array());
            let known = item.variants.iter().filter(|known| known.fields.is_empty());
            if values.is_some_and(|values| values.len() != known.count()) {
                faults.push(format!(
                    "{}: it has not as many variants as choices",
                    item.ident
                ));
            }
        } else {
            faults.push(format!("{}: a closed enum is received", item.ident));
        }
    }
}

/// Whether choices that come later can be sent: each enum has a variant for them, and `new` takes
/// strings.
fn open(file: &File, faults: &mut Vec<String>) {
    let shared = module(file, "choices");
    for item in enums(&file.items).chain(enums(shared)) {
        let others = item
            .variants
            .iter()
            .filter(|other| !other.fields.is_empty());
        if others.map(|other| &other.ident).ne([names::OTHER]) {
            faults.push(format!(
                "{}: it has no variant for other choices",
                item.ident
            ));
        }
    }
    let aliases = file.items.iter().filter_map(|item| match item {
        Item::Type(alias) => Some(&alias.ident),
        _ => None,
    });
    let choices: BTreeSet<String> = enums(&file.items)
        .map(|item| &item.ident)
        .chain(aliases)
        .map(ToString::to_string)
        .collect();
    let functions = impls(file).flat_map(|block| &block.items);
    let functions = functions.filter_map(|item| match item {
        ImplItem::Fn(function) => Some(&function.sig),
        _ => None,
    });
    for argument in functions.flat_map(|function| &function.inputs) {
        let FnArg::Typed(argument) = argument else {
            continue;
        };
        let ty = argument.ty.to_token_stream().to_string();
        if choices.contains(&ty) {
            faults.push(format!("{ty}: an argument takes it and no string"));
        }
    }
}

/// The texts in the code of a trait for a type: the names on the wire of its fields.
fn texts_in(items: &[Item], name: &syn::Ident, of: &str) -> BTreeSet<String> {
    struct Texts(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Texts {
        fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
            self.0.insert(text.value());
        }
    }
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) => Some(block),
        _ => None,
    });
    let is_wanted = |block: &&ItemImpl| {
        let path = block
            .trait_
            .as_ref()
            .and_then(|(path, _)| path.segments.last());
        path.is_some_and(|last| last.ident == of) && is(&block.self_ty, &name.to_string())
    };
    let mut texts = Texts(BTreeSet::new());
    for block in blocks.filter(is_wanted) {
        texts.visit_item_impl(block);
    }
    texts.0
}

/// What is sent may get more inputs, and shares the code that reads it.
fn sent(name: &syn::Ident, attrs: &[syn::Attribute], faults: &mut Vec<String>) {
    if has_word(attrs, "Deserialize") {
        faults.push(format!("{name}: it is sent and derives Deserialize"));
    }
    if !has_word(attrs, "non_exhaustive") {
        faults.push(format!("{name}: it is not #[non_exhaustive]"));
    }
}

fn links(file: &File, models: &[Model<'_>], faults: &mut Vec<String>) {
    for model in models {
        let (id, name) = (model.id, names::short(model.provider(), model.type_name));
        if !structs(&file.items).any(|item| item.ident == name) {
            faults.push(format!("{name}: the input of {id} is missing"));
        }
        let links = impls(file).filter(|block| is_model_input(block, &name));
        let values: Vec<String> = links
            .map(|block| block.to_token_stream().to_string())
            .collect();
        if values.len() != 1 || !values[0].contains(&format!("= \"{id}\"")) {
            faults.push(format!("{name}: ModelInput does not lead to {id}"));
        }
    }
}

fn methods(file: &File, bundle: &Value, faults: &mut Vec<String>) {
    let by_hand = |call: &Value| call.get("x-model").is_some() || document::is_form(call);
    let calls = document::operations(bundle).filter(|(_, call)| !by_hand(call));
    let mut wanted: BTreeSet<&str> = calls
        .filter_map(|(_, call)| call["operationId"].as_str())
        .collect();
    for block in impls(file).filter(|block| block.trait_.is_none() && is(&block.self_ty, "Client"))
    {
        for item in &block.items {
            let ImplItem::Fn(method) = item else { continue };
            let name = method.sig.ident.to_string();
            let is_call = matches!(method.vis, Visibility::Public(_))
                && matches!(method.sig.inputs.first(), Some(FnArg::Receiver(_)));
            if !is_call {
                continue;
            }
            if !wanted.remove(name.as_str()) {
                faults.push(format!("Client::{name}: the spec has no such call"));
            }
            let answer = method
                .sig
                .output
                .to_token_stream()
                .to_string()
                .replace(' ', "");
            if answer != "->Result<Answer,CallError>" {
                faults.push(format!("Client::{name}: it reads its answer into a type"));
            }
        }
    }
    faults.extend(
        wanted
            .iter()
            .map(|name| format!("Client::{name}: this call is missing")),
    );
}

/// Whether no type of this name was made, and the other one is used.
fn replaced(items: &[Item], name: &str, path: &str) -> bool {
    let made = structs(items).any(|item| item.ident == name)
        || enums(items).any(|item| item.ident == name);
    let types = structs(items)
        .flat_map(fields)
        .map(|field| field.ty.to_token_stream().to_string());
    let used = types
        .map(|ty| ty.replace(' ', ""))
        .any(|ty| ty.contains(path));
    !made && used
}

fn module<'a>(file: &'a File, name: &str) -> &'a [Item] {
    let found = file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == name => module.content.as_ref(),
        _ => None,
    });
    found.map_or(&[], |(_, items)| items)
}

fn impls(file: &File) -> impl Iterator<Item = &ItemImpl> {
    file.items.iter().filter_map(|item| match item {
        Item::Impl(block) => Some(block),
        _ => None,
    })
}

fn is_model_input(block: &ItemImpl, name: &str) -> bool {
    let is_trait = |path: &syn::Path| {
        path.segments
            .last()
            .is_some_and(|last| last.ident == "ModelInput")
    };
    block
        .trait_
        .as_ref()
        .is_some_and(|(path, _)| is_trait(path))
        && is(&block.self_ty, name)
}

fn is(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(ty) => ty
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == name),
        _ => false,
    }
}

fn has_word(attrs: &[syn::Attribute], word: &str) -> bool {
    let not_docs = attrs.iter().filter(|attr| !attr.path().is_ident("doc"));
    let is_word = |text: String| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|found| found == word)
    };
    not_docs
        .map(|attr| attr.to_token_stream().to_string())
        .any(is_word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALLS: &str = r#"
        pub mod types {
            #[non_exhaustive]
            pub struct NewThing { pub text: String }
            impl serde::Serialize for NewThing { const FIELDS: &[&str] = &["text"]; }
            impl serde::Deserialize<'_> for NewThing { const FIELDS: &[&str] = &["text"]; }
            pub struct Thing { pub status: crate::status::Status }
        }
        impl Client {
            pub async fn make_thing(&self) -> Result<Answer, CallError> {}
        }
    "#;

    const INPUTS: &str = r#"
        #[non_exhaustive]
        pub struct B { pub text: String, pub mode: BMode }
        impl B { pub fn new(mode: impl Into<BMode>) -> Self {} }
        impl serde::Serialize for B { const FIELDS: &[&str] = &["text", "mode"]; }
        impl serde::Deserialize<'_> for B { const FIELDS: &[&str] = &[ "text", "mode" ]; }
        #[non_exhaustive]
        pub enum BMode { X, Y, Other(String) }
        impl crate::model::ModelInput for B { const MODEL: &'static str = "a/b"; }
    "#;

    fn bundle() -> Value {
        let answer = json!({ "200": { "description": "" } });
        let body = |name: &str| {
            let reference = format!("#/components/schemas/{name}");
            json!({ "content": { "application/json": { "schema": { "$ref": reference } } } })
        };
        let form = json!({ "content": { "multipart/form-data": {} } });
        json!({
            "paths": {
                "/file": { "post": {
                    "operationId": "send_file", "requestBody": form, "responses": answer,
                } },
                "/thing": { "post": {
                    "operationId": "make_thing", "responses": answer,
                    "requestBody": body("NewThing"),
                } },
                "/a/b": { "post": {
                    "operationId": "submit_a_b", "x-model": { "id": "a/b" }, "responses": answer,
                    "requestBody": body("AB"),
                } },
            },
            "components": { "schemas": {
                "AB": { "properties": { "text": {}, "mode": { "enum": ["x", "y"] } } },
                "NewThing": { "properties": { "text": {} } },
                "Thing": { "properties": { "status": {} } },
                "Status": {},
            } },
        })
    }

    fn faults(result: Result<(), Error>) -> Vec<String> {
        match result {
            Ok(()) => Vec::new(),
            Err(Error::Text(faults)) => faults,
            Err(other) => panic!("{other}"),
        }
    }

    fn in_calls(from: &str, to: &str) -> Vec<String> {
        assert!(CALLS.contains(from), "{from}");
        faults(calls(&CALLS.replace(from, to), &bundle()))
    }

    fn in_inputs(from: &str, to: &str) -> Vec<String> {
        assert!(INPUTS.contains(from), "{from}");
        let model = Model {
            place: 0,
            id: "a/b",
            type_name: "AB",
        };
        faults(inputs(&INPUTS.replace(from, to), &bundle(), &[model]))
    }

    #[test]
    fn good_text_has_no_fault() {
        assert_eq!(in_calls("Thing", "Thing"), [""; 0]);
        assert_eq!(in_inputs("B", "B"), [""; 0]);
    }

    #[test]
    fn each_fault_of_calls_is_named() {
        for (from, to, fault) in [
            (
                "#[non_exhaustive]",
                "#[non_exhaustive] #[derive(Deserialize)]",
                "NewThing: it is sent and derives Deserialize",
            ),
            (
                "#[non_exhaustive]",
                "",
                "NewThing: it is not #[non_exhaustive]",
            ),
            (
                "pub text: String",
                "pub text: String, pub more: String",
                "NewThing: not every field is sent",
            ),
            (
                "\"text\"",
                "\"txt\"",
                "NewThing: there is no field for `text`",
            ),
            (
                "#[non_exhaustive]",
                "#[non_exhaustive] #[serde(deny_unknown_fields)]",
                "deny_unknown_fields refuses what the vendor adds",
            ),
            (
                "crate::status::Status",
                "Status",
                "types::Status: crate::status::Status does not stand in for this open enum",
            ),
            (
                "pub struct Thing",
                "pub enum State {} pub struct Thing",
                "State: a closed enum is received",
            ),
            (
                "Result<Answer",
                "Result<types::Thing",
                "Client::make_thing: it reads its answer into a type",
            ),
        ] {
            assert_eq!(
                in_calls(from, to),
                [format!("generated.rs: {fault}")],
                "{to}"
            );
        }
        assert_eq!(
            in_calls("make_thing", "submit_a_b"),
            [
                "generated.rs: Client::submit_a_b: the spec has no such call",
                "generated.rs: Client::make_thing: this call is missing"
            ]
        );
        assert_eq!(
            in_calls("pub mod", "pub fn")[0].split(": ").nth(1),
            Some("it is not Rust")
        );
    }

    #[test]
    fn each_fault_of_inputs_is_named() {
        for (from, to, fault) in [
            ("X, Y", "X", "BMode: it has not as many variants as choices"),
            (
                ", Other(String)",
                "",
                "BMode: it has no variant for other choices",
            ),
            (
                "impl Into<BMode>",
                "BMode",
                "BMode: an argument takes it and no string",
            ),
            ("\"mode\" ]", "]", "B: it is not read as it is sent"),
            ("\"a/b\"", "\"a/c\"", "B: ModelInput does not lead to a/b"),
            ("\"mode\"]", "]", "B: not every field is sent"),
        ] {
            let found = in_inputs(from, to);
            assert_eq!(found[0], format!("models/a.rs: {fault}"), "{to}");
        }
    }
}
