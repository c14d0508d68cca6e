//! From what progenitor writes to what we publish: a few passes over the syntax tree, each by rule.
//! Requests are written, never read; answers are read; what nobody needs goes. Whether the result
//! is what the client relies on is [`check_text`](crate::check_text)'s to say.

mod calls;
mod choices;
mod docs;
mod inputs;
mod names;
pub(crate) mod shapes;
mod types;

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use serde_json::Value;
use syn::visit_mut::VisitMut;
use syn::{File, Item};

use crate::error::Error;
use shapes::Shapes;

/// A model, as the generated text needs it.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// Its place among all models, which its stand-in tells.
    pub place: usize,
    /// Its id.
    pub id: &'a str,
    /// The name of its input type.
    pub type_name: &'a str,
}

impl Model<'_> {
    /// The part of the id before the first slash.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}

/// The text of the calls and of what they send and receive, not yet formatted by rustfmt. `requests`
/// are the schemas that are sent.
///
/// # Errors
/// [`Error::Generator`] if progenitor's tokens are not Rust, or if a call cannot be rewritten.
pub fn calls(
    tokens: TokenStream,
    document: &Value,
    requests: &BTreeSet<String>,
) -> Result<String, Error> {
    let mut file = read(tokens)?;
    names::ShortPaths.visit_file_mut(&mut file);
    calls::rework(&mut file)?;
    for item in &mut file.items {
        if let Item::Mod(module) = item {
            module.attrs.retain(|attr| attr.path().is_ident("doc"));
            if let Some((_, items)) = &mut module.content {
                let is_request = |name: &str| requests.contains(name);
                let shapes = Shapes::new(items, document, str::to_owned, is_request);
                *items = types::rework(std::mem::take(items), &shapes);
            }
        }
    }
    docs::Lines.visit_file_mut(&mut file);
    Ok(prettyplease::unparse(&file))
}

/// The text of the inputs of a provider's models, not yet formatted by rustfmt.
///
/// # Errors
/// [`Error::Generator`] if progenitor's tokens are not Rust.
pub fn models(
    tokens: TokenStream,
    document: &Value,
    models: &[Model<'_>],
) -> Result<String, Error> {
    let mut file = read(tokens)?;
    let provider = models.first().map_or("", Model::provider);
    let short = |model: &Model<'_>| (model.place, crate::names::short(provider, model.type_name));
    let short: Vec<_> = models.iter().map(short).collect();
    let mut renames = names::Renames(&short);
    renames.apply(&mut file);
    names::ShortPaths.visit_file_mut(&mut file);
    let types = file.items.into_iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => module.content,
        _ => None,
    });
    let items = types.map(|(_, items)| items).unwrap_or_default();
    let name = |stand_in: &str| {
        renames
            .real(stand_in)
            .unwrap_or_else(|| stand_in.to_owned())
    };
    let shapes = Shapes::new(&items, document, name, |_| true);
    let mut items = choices::share(types::rework(items, &shapes), &shapes);
    items.extend(inputs::links(models, provider));
    let mut file = File {
        items,
        ..syn::parse_quote!()
    };
    docs::Lines.visit_file_mut(&mut file);
    Ok(prettyplease::unparse(&file))
}

fn read(tokens: TokenStream) -> Result<File, Error> {
    syn::parse2(tokens).map_err(|error| Error::Generator {
        at: "the generated text".into(),
        message: error.to_string(),
    })
}
