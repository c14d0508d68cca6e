//! From what progenitor writes to what we publish: a few passes over the syntax tree, each by rule.
//! Requests are written, never read; answers are read; what nobody needs goes. Whether the result
//! is what the client relies on is [`check_text`](crate::check_text)'s to say.

mod docs;
mod inputs;
mod names;
pub(crate) mod shapes;
mod types;

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use serde_json::Value;
use syn::visit_mut::VisitMut;
use syn::{File, ImplItem, Item, ItemImpl, Type};

use crate::error::Error;

/// A model, as the generated text needs it.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// Its id.
    pub id: &'a str,
    /// The name of its input type.
    pub type_name: &'a str,
}

/// What the passes work from.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The document progenitor was given.
    pub document: &'a Value,
    /// The models, in the order of the names that stand in for them.
    pub models: &'a [Model<'a>],
    /// The schemas that requests are made of.
    pub requests: &'a BTreeSet<String>,
}

/// The polished text, not yet formatted by rustfmt.
///
/// # Errors
/// [`Error::Generator`] if progenitor's tokens are not Rust.
pub fn polish(tokens: TokenStream, context: Context<'_>) -> Result<String, Error> {
    let mut file: File = syn::parse2(tokens).map_err(|error| Error::Generator {
        at: "the generated text".into(),
        message: error.to_string(),
    })?;
    let real: Vec<String> = context
        .models
        .iter()
        .map(|model| model.type_name.to_owned())
        .collect();
    let mut renames = names::Renames(&real);
    renames.apply(&mut file);
    names::ShortPaths.visit_file_mut(&mut file);

    let mut added = Vec::new();
    file.items
        .retain(|item| !matches!(item, Item::Mod(module) if module.ident == "prelude"));
    for item in &mut file.items {
        match item {
            Item::Mod(module) if module.ident == "types" => {
                module.attrs.retain(|attr| attr.path().is_ident("doc"));
                if let Some((_, items)) = &mut module.content {
                    let name = |stand_in: &str| {
                        renames
                            .real(stand_in)
                            .unwrap_or_else(|| stand_in.to_owned())
                    };
                    let shapes =
                        shapes::Shapes::new(items, context.document, name, context.requests);
                    *items = types::rework(std::mem::take(items), &shapes);
                    added = inputs::modules(items, &shapes, context.models);
                }
            }
            Item::Impl(block) => drop_constructor(block),
            _ => {}
        }
    }
    file.items.extend(added);
    docs::Lines.visit_file_mut(&mut file);
    Ok(prettyplease::unparse(&file))
}

/// `Client::new` builds an HTTP client with a time-out of its own and panics if it cannot.
fn drop_constructor(block: &mut ItemImpl) {
    let is_client = matches!(&*block.self_ty, Type::Path(ty) if ty.path.is_ident("Client"));
    if is_client && block.trait_.is_none() {
        block
            .items
            .retain(|item| !matches!(item, ImplItem::Fn(method) if method.sig.ident == "new"));
    }
}
