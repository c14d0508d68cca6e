//! The generated types, each as its side of the wire needs it: what is sent is written only, what
//! is received is read and can be written again; what typify adds for its own use goes.

use std::collections::BTreeMap;

use serde_json::Value;
use syn::{Attribute, Expr, Fields, Ident, Item, ItemEnum, ItemStruct, Lit, Meta, parse_quote};

use super::shapes::{Shapes, fields, serde_metas, wire_name};
use super::{docs, inputs};
use crate::names::{self, choice_index};
use crate::transform::VALUES;

/// The text about the variant of an enum for choices that are not known.
const ABOUT_OTHER: &str = "Any other choice, as it is sent. Strings that are known convert to the \
    variants above, and a value that is built with such a string equals that variant.";

/// The items of the module `types`, reworked and sorted by name.
pub(super) fn rework(items: Vec<Item>, shapes: &Shapes<'_>) -> Vec<Item> {
    let mut sorted: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for item in items {
        match item {
            Item::Struct(item) => {
                let name = item.ident.to_string();
                sorted.insert(name, structure(item, shapes));
            }
            Item::Enum(item) => {
                let name = item.ident.to_string();
                sorted.insert(name, enumeration(item, shapes));
            }
            // What typify adds for its own use.
            _ => {}
        }
    }
    sorted.into_values().flatten().collect()
}

fn structure(mut item: ItemStruct, shapes: &Shapes<'_>) -> Vec<Item> {
    let sent = shapes.is_request(&item.ident);
    let name = item.ident.to_string();
    if let Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            let wire = wire_name(field);
            serde_attribute(&mut field.attrs);
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
        (true, true) => parse_quote!(#[derive(Clone, Debug, Default, PartialEq)]),
        (true, false) => parse_quote!(#[derive(Clone, Debug, PartialEq)]),
        (false, _) => {
            parse_quote!(#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)])
        }
    };
    attributes(&mut item.attrs, derives);
    let mut more = Vec::new();
    if sent {
        more = inputs::constructor(&item, &required, shapes);
        more.extend(inputs::wire_form(&mut item));
    }
    std::iter::once(Item::Struct(item)).chain(more).collect()
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

/// An enum whose variants are named by our rule, and what every choice can do.
fn enumeration(mut item: ItemEnum, shapes: &Shapes<'_>) -> Vec<Item> {
    let name = item.ident.clone();
    let empty = Value::Null;
    let schema = shapes.schema(&name.to_string()).unwrap_or(&empty);
    let names = schema.get("x-choice-names");
    let mut values = Vec::new();
    for variant in &mut item.variants {
        let value = choice_index(&variant.ident.to_string());
        let value = value.and_then(|at| schema[VALUES][at].as_str());
        // Only an enum that is received has no stand-ins; it is refused by the check of the text.
        let Some(value) = value else { continue };
        let ident = Ident::new(&names::variant(value, schema), variant.ident.span());
        variant.ident = ident.clone();
        variant.attrs.clear();
        docs::set(&mut variant.attrs, &shown(value, names));
        values.push((ident, value.to_owned()));
    }
    // Equality and hash go by the value on the wire, which the macro adds.
    attributes(&mut item.attrs, parse_quote!(#[derive(Clone, Debug)]));
    let (idents, texts): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    let other = Ident::new(names::OTHER, name.span());
    let about = docs::attributes(ABOUT_OTHER);
    item.variants.push(parse_quote!(#(#about)* #other(String)));
    let every = docs::attributes("All known choices.");
    let wire = docs::attributes("Returns the choice as it is sent.");
    vec![
        Item::Enum(item),
        parse_quote! {
            impl #name {
                #(#wire)*
                #[must_use]
                pub const fn as_str(&self) -> &str {
                    match self {
                        #(Self::#idents => #texts,)*
                        Self::#other(value) => value.as_str(),
                    }
                }

                #(#every)*
                pub const ALL: &'static [Self] = &[#(Self::#idents),*];
            }
        },
        parse_quote!(crate::enums::open_enum!(#name);),
    ]
}

fn shown(value: &str, names: Option<&Value>) -> String {
    let code = match value {
        "" => "The empty string".to_owned(),
        // It cannot be told from code that ends.
        value if value.contains('`') || value.chars().any(char::is_control) => {
            crate::prose::rustdoc(&value.escape_debug().to_string().replace('`', "'"))
        }
        value => format!("`{value}`"),
    };
    format!("{code}{}", display_names(names, value))
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

fn attributes(attrs: &mut Vec<Attribute>, derives: Vec<Attribute>) {
    attrs.retain(|attr| attr.path().is_ident("doc"));
    attrs.extend(derives);
    attrs.push(parse_quote!(#[non_exhaustive]));
}

/// One attribute `#[serde(…)]`, with short paths.
fn serde_attribute(attrs: &mut Vec<Attribute>) {
    let mut metas: Vec<Meta> = serde_metas(attrs).collect();
    metas.iter_mut().for_each(shorten);
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
