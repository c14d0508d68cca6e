//! Snapshots of the public API of the generated client: the types, fields and signatures without their
//! bodies, so that a review shows every change of the API.

use std::path::Path;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, ItemImpl, Visibility};

#[test]
fn generated_public_api_matches_the_snapshot() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/client/src");
    let read = |path: &Path| {
        let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
        outline(&file.items).join("\n")
    };
    insta::assert_snapshot!(read(&client.join("generated.rs")));
    for entry in std::fs::read_dir(client.join("models")).unwrap() {
        let path = entry.unwrap().path();
        let provider = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(format!("outline-{provider}"), read(&path));
    }
}

/// The lines of all public items.
fn outline(items: &[Item]) -> Vec<String> {
    items.iter().flat_map(item).collect()
}

/// The lines of one item: its head, and its public parts indented.
fn item(item: &Item) -> Vec<String> {
    let (head, below) = match item {
        Item::Struct(item) if is_public(&item.vis) => {
            let fields = match &item.fields {
                Fields::Named(fields) => fields.named.iter().collect(),
                _ => Vec::new(),
            };
            let public = fields.into_iter().filter(|field| is_public(&field.vis));
            let fields = public.map(|field| format!("{}: {}", show(&field.ident), show(&field.ty)));
            (
                format!("{}struct {}", modifiers(&item.attrs), item.ident),
                fields.collect(),
            )
        }
        Item::Enum(item) if is_public(&item.vis) => {
            let variants = item
                .variants
                .iter()
                .map(|variant| format!("{}{}", variant.ident, show(&variant.fields)))
                .collect();
            (
                format!("{}enum {}", modifiers(&item.attrs), item.ident),
                variants,
            )
        }
        Item::Mod(item) if is_public(&item.vis) => {
            let items = item.content.as_ref().map(|(_, items)| outline(items));
            (format!("mod {}", item.ident), items.unwrap_or_default())
        }
        Item::Use(item) if is_public(&item.vis) => {
            (format!("pub use {}", show(&item.tree)), Vec::new())
        }
        Item::Type(item) if is_public(&item.vis) => (
            format!("type {} = {}", item.ident, show(&item.ty)),
            Vec::new(),
        ),
        Item::Impl(item) => return implementation(item),
        _ => return Vec::new(),
    };
    [head]
        .into_iter()
        .chain(below.iter().map(|line| format!("    {line}")))
        .collect()
}

/// The line of a trait implementation, or the lines of all public methods.
fn implementation(item: &ItemImpl) -> Vec<String> {
    let ty = show(&item.self_ty);
    if let Some((path, _)) = &item.trait_ {
        return vec![format!("impl {} for {ty}", show(path))];
    }
    let methods = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) if is_public(&method.vis) => Some(&method.sig),
        _ => None,
    });
    methods
        .map(|method| format!("{ty}: {}", show(method)))
        .collect()
}

/// The attributes that belong to the API: `derive` and `non_exhaustive`.
fn modifiers(attrs: &[syn::Attribute]) -> String {
    let known = ["derive", "non_exhaustive"];
    let kept = attrs
        .iter()
        .filter(|attr| known.iter().any(|name| attr.path().is_ident(name)));
    kept.map(|attr| format!("{} ", show(&attr.meta))).collect()
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The text of tokens, without the unusual spaces that the token printer inserts.
fn show(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" :", ":"),
        (" ;", ";"),
        ("< ", "<"),
        (" <", "<"),
        (",)", ")"),
        ("{ ", "{"),
        (", }", "}"),
        (" }", "}"),
    ] {
        text = text.replace(from, to);
    }
    text
}
