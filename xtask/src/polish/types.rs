//! The generated types, each as its side of the wire needs it: what is sent is written only, what
//! is received is read and can be written again; what typify adds for its own use goes.

use std::collections::BTreeMap;

use serde_json::Value;
use syn::{Attribute, Expr, Fields, Ident, Item, ItemEnum, ItemStruct, Lit, Meta, parse_quote};

use super::shapes::{Shapes, fields, renamed, serde_metas, wire_name};
use super::{docs, inputs};

/// The items of the module `types`, reworked and sorted by name.
pub(super) fn rework(items: Vec<Item>, shapes: &Shapes<'_>) -> Vec<Item> {
    let mut sorted: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    let mut modules = Vec::new();
    for item in items {
        match item {
            Item::Struct(item) => {
                let name = item.ident.to_string();
                sorted
                    .entry(name)
                    .or_default()
                    .splice(0..0, structure(item, shapes));
            }
            Item::Enum(item) => {
                let name = item.ident.to_string();
                sorted
                    .entry(name)
                    .or_default()
                    .insert(0, Item::Enum(enumeration(item, shapes)));
            }
            Item::Impl(item) => {
                if let Some(owner) = text_conversion(&item, shapes) {
                    sorted
                        .entry(owner.to_string())
                        .or_default()
                        .push(Item::Impl(item));
                }
            }
            other => modules.push(other),
        }
    }
    sorted.into_values().flatten().chain(modules).collect()
}

fn structure(mut item: ItemStruct, shapes: &Shapes<'_>) -> Vec<Item> {
    let sent = shapes.is_request(&item.ident);
    let name = item.ident.to_string();
    if let Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            let wire = wire_name(field);
            serde_attribute(&mut field.attrs, sent);
            if docs::text(&field.attrs).is_none() {
                let schema = shapes.property(&name, &wire);
                let text = schema.and_then(|schema| schema.get("description")?.as_str());
                docs::set(&mut field.attrs, text.unwrap_or(&format!("`{wire}`.")));
            }
        }
    }
    order_fields(&mut item, shapes.schema(&name));
    let required = inputs::required(&item, shapes);
    let derives: Vec<Attribute> = match (sent, required.is_empty()) {
        (true, true) => parse_quote!(#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]),
        (true, false) => parse_quote!(#[derive(Clone, Debug, PartialEq, serde::Serialize)]),
        (false, _) => {
            parse_quote!(#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)])
        }
    };
    attributes(&mut item.attrs, derives);
    let constructor = if sent {
        inputs::constructor(&item, &required)
    } else {
        Vec::new()
    };
    std::iter::once(Item::Struct(item))
        .chain(constructor)
        .collect()
}

/// The order in which the spec shows the properties, which typify sorts by the alphabet.
fn order_fields(item: &mut ItemStruct, schema: Option<&Value>) {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let place = |name: &str| properties.and_then(|all| all.keys().position(|key| key == name));
    let mut sorted: Vec<_> = fields(item).cloned().collect();
    sorted.sort_by_key(|field| place(&wire_name(field)).unwrap_or(usize::MAX));
    if let Fields::Named(fields) = &mut item.fields {
        fields.named = sorted.into_iter().collect();
    }
}

fn enumeration(mut item: ItemEnum, shapes: &Shapes<'_>) -> ItemEnum {
    let schema = shapes.schema(&item.ident.to_string());
    let names = schema.and_then(|schema| schema.get("x-choice-names"));
    for variant in &mut item.variants {
        let value = renamed(&variant.attrs).unwrap_or_else(|| variant.ident.to_string());
        let shown = if value.is_empty() {
            "The empty string".into()
        } else {
            format!("`{value}`")
        };
        docs::set(
            &mut variant.attrs,
            &format!("{shown}{}", display_names(names, &value)),
        );
    }
    let derives = parse_quote!(
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
    );
    attributes(&mut item.attrs, derives);
    item
}

/// ` (en: Peppy, zh: 温柔小妹)`, or nothing.
fn display_names(names: Option<&Value>, value: &str) -> String {
    let names = names.and_then(|names| names.get(value)?.as_object());
    let names = names.into_iter().flatten();
    let named =
        names.filter_map(|(language, name)| Some(format!("{language}: {}", name.as_str()?)));
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join(", "))
    }
}

/// The owner of an implementation that is kept: an enum that is sent can be shown and parsed.
fn text_conversion(item: &syn::ItemImpl, shapes: &Shapes<'_>) -> Option<Ident> {
    let (path, _) = item.trait_.as_ref()?;
    let kept = ["Display", "FromStr"]
        .iter()
        .any(|name| path.segments.last().is_some_and(|last| last.ident == name));
    match item.self_ty.as_ref() {
        syn::Type::Path(owner) if kept => owner
            .path
            .get_ident()
            .filter(|owner| shapes.is_request(owner))
            .cloned(),
        _ => None,
    }
}

fn attributes(attrs: &mut Vec<Attribute>, derives: Vec<Attribute>) {
    attrs.retain(|attr| attr.path().is_ident("doc"));
    attrs.extend(derives);
    attrs.push(parse_quote!(#[non_exhaustive]));
}

/// Keeps of `#[serde(…)]` what the direction needs.
fn serde_attribute(attrs: &mut Vec<Attribute>, sent: bool) {
    let mut metas: Vec<Meta> = serde_metas(attrs).collect();
    let writes = ["rename", "skip_serializing_if", "flatten"];
    metas.retain(|meta| !sent || writes.iter().any(|name| meta.path().is_ident(name)));
    for meta in &mut metas {
        shorten(meta);
    }
    attrs.retain(|attr| !attr.path().is_ident("serde"));
    if !metas.is_empty() {
        attrs.push(parse_quote!(#[serde(#(#metas),*)]));
    }
}

/// `"::std::option::Option::is_none"` is as well said by `"Option::is_none"`.
fn shorten(meta: &mut Meta) {
    if let Meta::NameValue(pair) = meta
        && pair.path.is_ident("skip_serializing_if")
        && let Expr::Lit(literal) = &mut pair.value
        && let Lit::Str(text) = &literal.lit
    {
        let path = text.value();
        let short = path
            .trim_start_matches("::std::option::")
            .trim_start_matches("::std::vec::");
        literal.lit = Lit::Str(syn::LitStr::new(short, text.span()));
    }
}
