//! Which schema each generated type came from, and whether it is sent or received. Found by walking
//! both at once, so that no name has to be guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::names;
use crate::spec::resolve;
use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{
    Field, Fields, Ident, Item, ItemEnum, ItemStruct, Meta, Token, Type, punctuated::Punctuated,
};

/// The structs, and the enums, which have no fields to look at.
type Types<'i> = BTreeMap<String, Option<&'i ItemStruct>>;

/// The schemas of the generated types, by name.
pub(crate) struct Shapes<'a> {
    document: &'a Value,
    schemas: BTreeMap<String, &'a Value>,
    inputs: BTreeMap<String, String>,
    requests: BTreeSet<String>,
}

impl<'a> Shapes<'a> {
    /// Walks from the components, whose real names are `name`'s, and takes those that are `requests`
    /// as sent.
    pub(crate) fn new(
        items: &[Item],
        document: &'a Value,
        name: impl Fn(&str) -> String,
        requests: impl Fn(&str) -> bool,
    ) -> Self {
        let (schemas, inputs) = (BTreeMap::new(), BTreeMap::new());
        let mut shapes = Self {
            document,
            schemas,
            inputs,
            requests: BTreeSet::new(),
        };
        let found = structs(items).map(|item| (item.ident.to_string(), Some(item)));
        let known = enums(items).map(|item| (item.ident.to_string(), None));
        let types: Types<'_> = found.chain(known).collect();
        let components = document
            .pointer("/components/schemas")
            .and_then(Value::as_object);
        for (component, schema) in components.into_iter().flatten() {
            let sent = requests(component);
            shapes.walk(&types, &name(component), schema, sent);
        }
        shapes
    }

    pub(crate) fn schema(&self, ty: &str) -> Option<&'a Value> {
        self.schemas.get(ty).copied()
    }

    pub(crate) fn is_request(&self, ty: &Ident) -> bool {
        self.requests.contains(&ty.to_string())
    }

    /// The property that a type is the type of.
    pub(crate) fn input_of(&self, ty: &str) -> Option<&str> {
        self.inputs.get(ty).map(String::as_str)
    }

    /// The schema of a property, references followed. What is sent has lost its name on the wire.
    pub(crate) fn property(&self, ty: &str, name: &str) -> Option<&'a Value> {
        let all = self.schema(ty)?.get("properties")?.as_object()?;
        let by_field = || {
            all.iter()
                .find(|(property, _)| names::snake(property) == name)
        };
        let schema = all
            .get(name)
            .or_else(|| by_field().map(|(_, schema)| schema));
        Some(resolve(self.document, schema?))
    }

    fn walk(&mut self, types: &Types<'_>, ty: &str, schema: &'a Value, sent: bool) {
        let schema = resolve(self.document, schema);
        let known = self.schemas.insert(ty.to_owned(), schema).is_some();
        let newly_sent = sent && self.requests.insert(ty.to_owned());
        if known && !newly_sent {
            return;
        }
        let Some(Some(found)) = types.get(ty) else {
            return;
        };
        for field in fields(found) {
            let Some(property) = self.property(ty, &wire_name(field)) else {
                continue;
            };
            for nested in generated_types(types, &field.ty) {
                let schema = self.element(property);
                self.inputs.insert(nested.clone(), wire_name(field));
                self.walk(types, &nested, schema, sent);
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
fn generated_types(types: &Types<'_>, ty: &Type) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visit<'_> for Names {
        fn visit_path(&mut self, path: &syn::Path) {
            self.0.extend(path.get_ident().map(ToString::to_string));
            visit::visit_path(self, path);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_type(ty);
    names.0.retain(|name| types.contains_key(name));
    names.0
}
