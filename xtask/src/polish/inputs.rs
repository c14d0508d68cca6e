//! What a program fills in: `new` with what is required, the link from a type to its model, and the
//! modules where types are found by provider. All by rule, nothing by model.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Field, Item, ItemStruct, parse_quote};

use super::shapes::{Shapes, fields, wire_name};
use super::{Model, docs};
use crate::names;

/// More arguments than this are told apart by name only.
const MOST_ARGUMENTS: usize = 7;

/// The fields that must be given.
pub(super) fn required(item: &ItemStruct, shapes: &Shapes<'_>) -> Vec<Ident> {
    let schema = shapes.schema(&item.ident.to_string());
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    let is_required = |field: &&Field| {
        required.is_some_and(|names| names.iter().any(|name| *name == wire_name(field)))
    };
    fields(item)
        .filter(is_required)
        .filter_map(|field| field.ident.clone())
        .collect()
}

/// `new`, and the struct it takes if its arguments could be mixed up.
pub(super) fn constructor(item: &ItemStruct, required: &[Ident]) -> Vec<Item> {
    let name = &item.ident;
    let is_required = |field: &&Field| {
        field
            .ident
            .as_ref()
            .is_some_and(|ident| required.contains(ident))
    };
    let given: Vec<&Field> = fields(item).filter(is_required).collect();
    let types: BTreeSet<String> = given
        .iter()
        .map(|field| field.ty.to_token_stream().to_string())
        .collect();
    let others: Vec<_> = fields(item)
        .filter(|field| !is_required(field))
        .map(|field| (&field.ident, nothing(field)))
        .map(|(ident, value)| quote!(#ident: #value))
        .collect();
    let about = docs::attributes("The required inputs; the others are left to the vendor.");
    if types.len() == given.len() && given.len() <= MOST_ARGUMENTS {
        let arguments = given.iter().map(|field| argument(field));
        let values = given.iter().map(|field| value(field));
        return vec![parse_quote! {
            impl #name {
                #(#about)*
                #[must_use]
                pub fn new(#(#arguments),*) -> Self {
                    Self { #(#values,)* #(#others,)* }
                }
            }
        }];
    }
    let named = format_ident!("{name}Required");
    let title = docs::attributes(&format!(
        "What [`{name}::new`] takes: each input that is required, by its name."
    ));
    let public = given.iter().map(|field| {
        let (docs, ident, ty) = (docs_of(field), &field.ident, &field.ty);
        quote!(#(#docs)* pub #ident: #ty)
    });
    let idents: Vec<_> = given.iter().map(|field| &field.ident).collect();
    vec![
        parse_quote! {
            impl #name {
                #(#about)*
                #[must_use]
                pub fn new(required: #named) -> Self {
                    let #named { #(#idents),* } = required;
                    Self { #(#idents,)* #(#others,)* }
                }
            }
        },
        parse_quote! {
            #(#title)*
            #[derive(Clone, Debug, PartialEq)]
            pub struct #named { #(#public,)* }
        },
    ]
}

/// `ModelInput` for each model, and a module for each provider.
pub(super) fn modules(items: &[Item], shapes: &Shapes<'_>, models: &[Model<'_>]) -> Vec<Item> {
    let inputs = models.iter().map(|model| -> Item {
        let (id, name) = (model.id, format_ident!("{}", model.type_name));
        parse_quote! {
            impl crate::ModelInput for types::#name {
                const MODEL: &'static str = #id;
            }
        }
    });
    let mut providers: BTreeMap<&str, Vec<TokenStream>> = BTreeMap::new();
    for model in models {
        let provider = model.id.split('/').next().unwrap_or_default();
        providers.entry(provider).or_default().extend(exports(
            items,
            shapes,
            provider,
            model.type_name,
        ));
    }
    let providers = providers.into_iter().map(|(provider, exports)| {
        let module = format_ident!("{}", names::snake(provider));
        let about = docs::attributes(&format!("The models of {provider}."));
        quote! {
            #(#about)*
            pub mod #module {
                pub use super::super::types::{#(#exports),*};
            }
        }
    });
    let module: Item = parse_quote! {
        /// The inputs of the models, by provider.
        pub mod models {
            #(#providers)*
        }
    };
    inputs.chain([module]).collect()
}

/// The types of a model, under names without the provider's.
fn exports(items: &[Item], shapes: &Shapes<'_>, provider: &str, model: &str) -> Vec<TokenStream> {
    let prefix = names::type_name(provider);
    let mut exports = Vec::new();
    for item in items {
        let ident = match item {
            Item::Struct(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            _ => continue,
        };
        let name = ident.to_string();
        if shapes.owner(&name) != Some(model) {
            continue;
        }
        let short = name
            .strip_prefix(&prefix)
            .filter(|short| names::is_identifier(short));
        exports.push(match short.map(|short| format_ident!("{short}")) {
            Some(short) => quote!(#ident as #short),
            None => quote!(#ident),
        });
    }
    exports
}

fn argument(field: &Field) -> TokenStream {
    let (ident, ty) = (&field.ident, &field.ty);
    if is_string(field) {
        quote!(#ident: impl Into<String>)
    } else {
        quote!(#ident: #ty)
    }
}

fn value(field: &Field) -> TokenStream {
    let ident = &field.ident;
    if is_string(field) {
        quote!(#ident: #ident.into())
    } else {
        quote!(#ident)
    }
}

fn is_string(field: &Field) -> bool {
    field.ty == parse_quote!(String)
}

/// An optional input that is not sent.
fn nothing(field: &Field) -> TokenStream {
    let text = field.ty.to_token_stream().to_string();
    match text.split_whitespace().next() {
        Some("Option") => quote!(None),
        Some("Vec") => quote!(Vec::new()),
        _ => quote!(Default::default()),
    }
}

fn docs_of(field: &Field) -> Vec<syn::Attribute> {
    docs::attributes(&docs::text(&field.attrs).unwrap_or_default())
}
