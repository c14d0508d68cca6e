//! What a program fills in: `new` with what is required, the link from a type to its model, and the
//! modules where types are found by provider. All by rule, nothing by model.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Field, Item, ItemStruct, parse_quote};

use super::shapes::{Shapes, fields, serde_metas, wire_name};
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
pub(super) fn constructor(item: &ItemStruct, required: &[Ident], shapes: &Shapes<'_>) -> Vec<Item> {
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
        let arguments = given.iter().map(|field| argument(field, shapes));
        let values = given.iter().map(|field| value(field, shapes));
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

/// The code that writes and reads a struct, instead of what serde would derive from its attributes.
pub(super) fn wire_form(item: &mut ItemStruct) -> [Item; 2] {
    let name = &item.ident;
    let sent = fields(item).map(|field| {
        let (ident, wire) = (&field.ident, wire_name(field));
        match skipped(field).as_deref() {
            None => quote!(required(#wire, &self.#ident)),
            Some("Option::is_none") => quote!(optional(#wire, &self.#ident)),
            Some(_) => quote!(unless_empty(#wire, &self.#ident, self.#ident.is_empty())),
        }
    });
    let words: BTreeSet<&str> = fields(item)
        .map(|field| match skipped(field).as_deref() {
            None => "required",
            Some("Option::is_none") => "optional",
            Some(_) => "unless_empty",
        })
        .collect();
    let words = words.into_iter().map(|word| format_ident!("{word}"));
    let read = fields(item).map(|field| {
        let (ident, wire) = (&field.ident, wire_name(field));
        match skipped(field) {
            None => quote!(#ident: fields.required(#wire)?),
            Some(_) => quote!(#ident: fields.optional(#wire)?),
        }
    });
    let write = parse_quote! {
        impl serde::Serialize for #name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use crate::serialize::{#(#words,)* serialize_fields};
                serialize_fields(serializer, &[#(#sent),*])
            }
        }
    };
    // A closure that takes no field must not name its argument.
    let argument: syn::Pat = match fields(item).next() {
        Some(_) => parse_quote!(fields),
        None => parse_quote!(_),
    };
    let read = parse_quote! {
        impl<'de> serde::Deserialize<'de> for #name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                crate::deserialize::deserialize_fields(input, |#argument| Ok(Self { #(#read),* }))
            }
        }
    };
    if let syn::Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            field.attrs.retain(|attr| !attr.path().is_ident("serde"));
        }
    }
    [write, read]
}

/// What says of a field that it is not sent.
fn skipped(field: &Field) -> Option<String> {
    serde_metas(&field.attrs).find_map(|meta| match meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("skip_serializing_if") => {
            match pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

/// The link from each type to its model.
pub(super) fn links(models: &[Model<'_>], provider: &str) -> Vec<Item> {
    let links = models.iter().map(|model| -> Item {
        let name = format_ident!("{}", names::short(provider, model.type_name));
        let id = model.id;
        parse_quote! {
            impl crate::model::ModelInput for #name {
                const MODEL: &'static str = #id;
            }
        }
    });
    links.collect()
}

fn argument(field: &Field, shapes: &Shapes<'_>) -> TokenStream {
    let (ident, ty) = (&field.ident, &field.ty);
    if converts(field, shapes) {
        quote!(#ident: impl Into<#ty>)
    } else {
        quote!(#ident: #ty)
    }
}

fn value(field: &Field, shapes: &Shapes<'_>) -> TokenStream {
    let ident = &field.ident;
    if converts(field, shapes) {
        quote!(#ident: #ident.into())
    } else {
        quote!(#ident)
    }
}

/// Whether an argument for this field may be anything that converts into its type: a string, or an
/// enum, which strings convert into.
fn converts(field: &Field, shapes: &Shapes<'_>) -> bool {
    let is_enum = || {
        let name = field.ty.to_token_stream().to_string();
        shapes
            .schema(&name)
            .is_some_and(|schema| schema["enum"].is_array())
    };
    field.ty == parse_quote!(String) || is_enum()
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
