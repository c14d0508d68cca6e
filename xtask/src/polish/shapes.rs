//! Which schema each generated type came from, and whether it is sent or received. Found by walking
//! both at once, so that no name has to be guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::spec::resolve;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{
    Field, Fields, Ident, Item, ItemEnum, ItemStruct, Meta, Token, Type, punctuated::Punctuated,
};

/// The schemas of the generated types, by name.
pub(crate) struct Shapes<'a> {
    document: &'a Value,
    schemas: BTreeMap<String, &'a Value>,
    owners: BTreeMap<String, String>,
    requests: BTreeSet<String>,
}

impl<'a> Shapes<'a> {
    /// Walks from the components, whose real names are `name`'s, and takes those in `requests` as
    /// sent.
    pub(crate) fn new(
        items: &[Item],
        document: &'a Value,
        name: impl Fn(&str) -> String,
        requests: &BTreeSet<String>,
    ) -> Self {
        let (schemas, owners) = (BTreeMap::new(), BTreeMap::new());
        let mut shapes = Self {
            document,
            schemas,
            owners,
            requests: BTreeSet::new(),
        };
        let components = document
            .pointer("/components/schemas")
            .and_then(Value::as_object);
        for (component, schema) in components.into_iter().flatten() {
            let (owner, sent) = (name(component), requests.contains(component));
            shapes.walk(items, &owner, &owner, schema, sent);
        }
        shapes
    }

    pub(crate) fn schema(&self, ty: &str) -> Option<&'a Value> {
        self.schemas.get(ty).copied()
    }

    pub(crate) fn is_request(&self, ty: &Ident) -> bool {
        self.requests.contains(&ty.to_string())
    }

    /// The component that a type, or the struct of its required inputs, is part of.
    pub(crate) fn owner(&self, ty: &str) -> Option<&str> {
        let found = self
            .owners
            .get(ty)
            .or_else(|| self.owners.get(ty.strip_suffix("Required")?));
        found.map(String::as_str)
    }

    /// The schema of a property, references followed.
    pub(crate) fn property(&self, ty: &str, name: &str) -> Option<&'a Value> {
        Some(resolve(
            self.document,
            self.schema(ty)?.get("properties")?.get(name)?,
        ))
    }

    fn walk(&mut self, items: &[Item], owner: &str, ty: &str, schema: &'a Value, sent: bool) {
        let schema = resolve(self.document, schema);
        if ty.starts_with(owner) {
            self.owners.insert(ty.to_owned(), owner.to_owned());
        }
        let known = self.schemas.insert(ty.to_owned(), schema).is_some();
        let newly_sent = sent && self.requests.insert(ty.to_owned());
        if known && !newly_sent {
            return;
        }
        let Some(found) = structs(items).find(|item| item.ident == ty) else {
            return;
        };
        for field in fields(found) {
            let Some(property) = self.property(ty, &wire_name(field)) else {
                continue;
            };
            for nested in generated_types(items, &field.ty) {
                let schema = self.element(property);
                self.walk(items, owner, &nested, schema, sent);
            }
        }
    }

    /// What an array or a map holds; the schema itself if it is neither.
    fn element(&self, schema: &'a Value) -> &'a Value {
        let schema = resolve(self.document, schema);
        let inner = schema
            .get("items")
            .or_else(|| schema.get("additionalProperties"));
        match inner.filter(|inner| inner.is_object()) {
            Some(inner) if schema.get("properties").is_none() => self.element(inner),
            _ => schema,
        }
    }
}

pub(crate) fn structs(items: &[Item]) -> impl Iterator<Item = &ItemStruct> {
    items.iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item),
        _ => None,
    })
}

pub(crate) fn enums(items: &[Item]) -> impl Iterator<Item = &ItemEnum> {
    items.iter().filter_map(|item| match item {
        Item::Enum(item) => Some(item),
        _ => None,
    })
}

/// The named fields.
pub(crate) fn fields(item: &ItemStruct) -> impl Iterator<Item = &Field> {
    let named = match &item.fields {
        Fields::Named(fields) => Some(&fields.named),
        _ => None,
    };
    named.into_iter().flatten()
}

/// The name of a field or variant on the wire.
pub(crate) fn renamed(attrs: &[syn::Attribute]) -> Option<String> {
    serde_metas(attrs).find_map(|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident("rename") => match pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

pub(crate) fn wire_name(field: &Field) -> String {
    let own = field
        .ident
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    renamed(&field.attrs).unwrap_or(own)
}

/// What stands in the `#[serde(…)]` attributes.
pub(crate) fn serde_metas(attrs: &[syn::Attribute]) -> impl Iterator<Item = Meta> {
    let serde = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
    serde.flat_map(move |attr| attr.parse_args_with(parse).into_iter().flatten())
}

/// The types of the module that a type is made of.
fn generated_types(items: &[Item], ty: &Type) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visit<'_> for Names {
        fn visit_path(&mut self, path: &syn::Path) {
            self.0.extend(path.get_ident().map(ToString::to_string));
            visit::visit_path(self, path);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_type(ty);
    let known = |name: &String| {
        structs(items).any(|item| item.ident == name) || enums(items).any(|item| item.ident == name)
    };
    names.0.retain(known);
    names.0
}
