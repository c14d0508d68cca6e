//! Lists of choices that several models of a provider share become one type, which each model calls
//! by a name of its own: a list that changes for one model later changes no name for the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quote::format_ident;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use syn::{Ident, Item, parse_quote};

use super::docs;
use super::shapes::Shapes;
use crate::names;
use crate::transform::VALUES;

/// The items with an alias for each enum that others have, too, and a module that holds one of them.
pub(super) fn share(items: Vec<Item>, shapes: &Shapes<'_>) -> Vec<Item> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in &items {
        if let Item::Enum(item) = item {
            let name = item.ident.to_string();
            if let Some(shared) = shared_name(&name, shapes) {
                lists.entry(shared).or_default().push(name);
            }
        }
    }
    lists.retain(|_, users| users.len() > 1);
    let mut first = BTreeMap::new();
    let mut shared_by: BTreeMap<String, &str> = BTreeMap::new();
    for (shared, users) in &lists {
        first.insert(users[0].clone(), shared.as_str());
        shared_by.extend(users.iter().map(|user| (user.clone(), shared.as_str())));
    }

    let (mut kept, mut moved) = (Vec::new(), Vec::new());
    for item in items {
        let Some(owner) = owner(&item) else {
            kept.push(item);
            continue;
        };
        let (moves, shared) = (first.get(&owner), shared_by.get(&owner));
        if let Item::Enum(item) = &item
            && let Some(shared) = shared
        {
            let (alias, shared) = (&item.ident, format_ident!("{shared}"));
            let about = docs::text(&item.attrs).unwrap_or_default();
            let about = docs::attributes(&about);
            kept.push(parse_quote!(#(#about)* pub type #alias = choices::#shared;));
        }
        match (moves, shared) {
            (Some(shared), _) => moved.push(renamed(item, shared)),
            (None, Some(_)) => {}
            (None, None) => kept.push(item),
        }
    }
    if !moved.is_empty() {
        kept.push(parse_quote! {
            /// Lists of choices that several models share. Each model has its own name for them,
            /// and that is the one to use: these change with the lists.
            pub mod choices {
                #(#moved)*
            }
        });
    }
    kept
}

/// The name of a list of choices: of its input and of what it holds.
fn shared_name(name: &str, shapes: &Shapes<'_>) -> Option<String> {
    let schema = shapes.schema(name)?;
    let property = shapes.input_of(name)?;
    let mut values: Vec<String> = schema[VALUES]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .map(|value| {
            format!(
                "{value:?} {} {}",
                names::variant(value, schema),
                schema["x-choice-names"][value]
            )
        })
        .collect();
    values.sort();
    let digest = Sha256::digest(values.join("\n"));
    let mut hash = String::new();
    for byte in &digest[..3] {
        let _ = write!(hash, "{byte:02x}");
    }
    Some(format!("{}X{hash}", names::pascal(property)))
}

/// The enum that an item is, or belongs to.
fn owner(item: &Item) -> Option<String> {
    match item {
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Impl(block) => match &*block.self_ty {
            syn::Type::Path(ty) => ty.path.get_ident().map(ToString::to_string),
            _ => None,
        },
        Item::Macro(call) => Some(call.mac.tokens.to_string()),
        _ => None,
    }
}

fn renamed(item: Item, name: &str) -> Item {
    let ident = Ident::new(name, proc_macro2::Span::call_site());
    match item {
        Item::Enum(mut item) => {
            item.ident = ident;
            docs::set(&mut item.attrs, "Choices that several models share.");
            Item::Enum(item)
        }
        Item::Impl(mut block) => {
            *block.self_ty = parse_quote!(#ident);
            Item::Impl(block)
        }
        Item::Macro(mut call) => {
            call.mac.tokens = quote::quote!(#ident);
            Item::Macro(call)
        }
        other => other,
    }
}
