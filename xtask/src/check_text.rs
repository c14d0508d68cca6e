//! Whether the text that came out is what the client relies on. A change of the generator, or a
//! construct nobody thought of, would not fail: it would come out as something else. So this reads
//! the text again and compares it with the bundle as the authors of the spec wrote it.

use std::collections::BTreeSet;

use quote::ToTokens;
use serde_json::Value;
use syn::{File, FnArg, ImplItem, Item, ItemImpl, Type, Visibility};

use crate::error::Error;
use crate::generate::OPEN_ENUMS;
use crate::polish::shapes::{Shapes, enums, fields, structs, wire_name};
use crate::{document, names};

/// Checks the client's generated file.
///
/// # Errors
/// [`Error::Text`] with every fault.
pub fn check(text: &str, bundle: &Value) -> Result<(), Error> {
    let mut faults = Vec::new();
    match syn::parse_file(text) {
        Ok(file) => {
            words(text, bundle, &mut faults);
            types(&file, bundle, &mut faults);
            models(&file, bundle, &mut faults);
            methods(&file, bundle, &mut faults);
        }
        Err(error) => faults.push(format!("generated.rs: it is not Rust: {error}")),
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::Text(faults))
    }
}

fn words(text: &str, bundle: &Value, faults: &mut Vec<String>) {
    if text.contains("deny_unknown_fields") {
        faults.push("generated.rs: deny_unknown_fields refuses what the vendor adds".to_owned());
    }
    let stand_ins = (0..document::model_types(bundle).len()).map(names::placeholder);
    for stand_in in stand_ins.filter(|stand_in| text.contains(stand_in)) {
        faults.push(format!(
            "generated.rs: {stand_in} was not given its real name"
        ));
    }
}

fn types(file: &File, bundle: &Value, faults: &mut Vec<String>) {
    let items = module(file, "types");
    for (name, path) in OPEN_ENUMS {
        let schemas = &bundle["components"]["schemas"];
        if schemas.get(name).is_some() && !replaced(items, name, path) {
            faults.push(format!(
                "types::{name}: {path} does not stand in for this open enum"
            ));
        }
    }
    let requests = document::request_schemas(bundle);
    let shapes = Shapes::new(items, bundle, str::to_owned, &requests);
    for item in structs(items).filter(|item| shapes.is_request(&item.ident)) {
        sent(&item.ident, &item.attrs, faults);
        let found: BTreeSet<String> = fields(item).map(wire_name).collect();
        let schema = shapes.schema(&item.ident.to_string());
        let properties = schema.and_then(|schema| schema["properties"].as_object());
        let wanted = properties.into_iter().flatten().map(|(name, _)| name);
        for name in wanted.filter(|name| !found.contains(*name)) {
            faults.push(format!(
                "types::{}: there is no field for `{name}`",
                item.ident
            ));
        }
        if fields(item).any(|field| has_word(&field.attrs, "default")) {
            faults.push(format!(
                "types::{}: a default would always be sent",
                item.ident
            ));
        }
    }
    for item in enums(items) {
        if shapes.is_request(&item.ident) {
            sent(&item.ident, &item.attrs, faults);
        } else {
            faults.push(format!("types::{}: a closed enum is received", item.ident));
        }
    }
}

/// What is sent is never read, and may get more inputs.
fn sent(name: &syn::Ident, attrs: &[syn::Attribute], faults: &mut Vec<String>) {
    if has_word(attrs, "Deserialize") {
        faults.push(format!("types::{name}: it is sent and derives Deserialize"));
    }
    if !has_word(attrs, "Serialize") {
        faults.push(format!(
            "types::{name}: it is sent and does not derive Serialize"
        ));
    }
    if !has_word(attrs, "non_exhaustive") {
        faults.push(format!("types::{name}: it is not #[non_exhaustive]"));
    }
}

fn models(file: &File, bundle: &Value, faults: &mut Vec<String>) {
    let types = document::model_types(bundle);
    for (id, name) in document::model_ids(bundle).iter().zip(&types) {
        if !structs(module(file, "types")).any(|item| item.ident == name) {
            faults.push(format!("types::{name}: the input of {id} is missing"));
        }
        let links = impls(file).filter(|block| is_model_input(block, name));
        let values: Vec<String> = links
            .map(|block| block.to_token_stream().to_string())
            .collect();
        if values.len() != 1 || !values[0].contains(&format!("= \"{id}\"")) {
            faults.push(format!("types::{name}: ModelInput does not lead to {id}"));
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
            if !answer.contains("ResponseValue<ByteStream>,Error<()>") {
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

    const GOOD: &str = r#"
        pub mod types {
            #[derive(serde::Serialize)]
            #[non_exhaustive]
            pub struct AB { pub text: String }
            pub struct Thing { pub status: crate::Status }
        }
        impl Client {
            pub async fn get_thing(&self) -> Result<ResponseValue<ByteStream>, Error<()>> {}
        }
        impl crate::ModelInput for types::AB { const MODEL: &'static str = "a/b"; }
    "#;

    fn faults(from: &str, to: &str) -> Vec<String> {
        assert!(GOOD.contains(from), "{from}");
        let answer = json!({ "200": { "description": "" } });
        let reference = json!({ "schema": { "$ref": "#/components/schemas/AB" } });
        let form = json!({ "content": { "multipart/form-data": {} } });
        let bundle = json!({
            "paths": {
                "/file": { "post": {
                    "operationId": "send_file", "requestBody": form, "responses": answer,
                } },
                "/thing": { "get": { "operationId": "get_thing", "responses": answer } },
                "/a/b": { "post": {
                    "operationId": "submit_a_b", "x-model": { "id": "a/b" }, "responses": answer,
                    "requestBody": { "content": { "application/json": reference } },
                } },
            },
            "components": { "schemas": {
                "AB": { "properties": { "text": {} } },
                "Thing": { "properties": { "status": {} } },
                "Status": {},
            } },
        });
        match check(&GOOD.replace(from, to), &bundle) {
            Ok(()) => Vec::new(),
            Err(Error::Text(faults)) => faults,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn good_text_has_no_fault() {
        assert_eq!(faults("AB", "AB"), [""; 0]);
    }

    #[test]
    fn each_fault_is_named() {
        for (from, to, fault) in [
            (
                "serde::Serialize",
                "Serialize, Deserialize",
                "types::AB: it is sent and derives Deserialize",
            ),
            (
                "serde::Serialize",
                "Clone",
                "types::AB: it is sent and does not derive Serialize",
            ),
            (
                "#[non_exhaustive]",
                "",
                "types::AB: it is not #[non_exhaustive]",
            ),
            (
                "pub text",
                "#[serde(default)] pub text",
                "types::AB: a default would always be sent",
            ),
            (
                "pub text",
                "pub txt",
                "types::AB: there is no field for `text`",
            ),
            (
                "#[non_exhaustive]",
                "#[non_exhaustive] #[serde(deny_unknown_fields)]",
                "generated.rs: deny_unknown_fields refuses what the vendor adds",
            ),
            (
                "crate::Status",
                "Status",
                "types::Status: crate::Status does not stand in for this open enum",
            ),
            (
                "pub struct Thing",
                "pub enum State {} pub struct Thing",
                "types::State: a closed enum is received",
            ),
            (
                "\"a/b\"",
                "\"a/c\"",
                "types::AB: ModelInput does not lead to a/b",
            ),
            (
                "ResponseValue<ByteStream>",
                "ResponseValue<types::Thing>",
                "Client::get_thing: it reads its answer into a type",
            ),
            (
                "pub struct Thing",
                "pub struct Modelaaaa; pub struct Thing",
                "generated.rs: Modelaaaa was not given its real name",
            ),
        ] {
            assert_eq!(faults(from, to), [fault], "{to}");
        }
        assert_eq!(
            faults("get_thing", "submit_a_b"),
            [
                "Client::submit_a_b: the spec has no such call",
                "Client::get_thing: this call is missing"
            ]
        );
        assert_eq!(
            faults("pub mod", "pub fn")[0].split(": ").nth(1),
            Some("it is not Rust")
        );
    }
}
