//! A guard over the documentation of `wavespeed`: every public function has an example, or its type has
//! one, or one of the two links to an example that uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Ident, ImplItem, Item, ItemImpl, Lit, Meta, Type, Visibility};

/// The handle of all calls. It has too many methods for an example of its type to show each of them.
const HANDLE: &str = "Wavespeed";

#[test]
fn every_public_function_has_an_example() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wavespeed/src");
    let mut docs = Docs::default();
    for path in sources(&source) {
        docs.read(&path);
    }
    // A parser that finds nothing would find no fault either.
    for known in [
        "Wavespeed::run",
        "blocking::Job::wait",
        "Job::wait",
        "Target::new",
        "check",
        "sign",
    ] {
        assert!(docs.functions.contains_key(known), "{known} is not found");
    }
    let without: Vec<&str> = docs.without_example().collect();
    assert!(
        without.is_empty(),
        "{} of {} public functions have no example; add one, add one to the type, or link to one \
         that uses the function, as in `[Builder] has an example.`:\n{}",
        without.len(),
        docs.functions.len(),
        without.join("\n")
    );
}

/// The documentation of the public items, by name.
#[derive(Default)]
struct Docs {
    /// Functions by `name`, and methods by `Type::name`.
    functions: BTreeMap<String, String>,
    types: BTreeMap<String, String>,
    /// Modules by `crate`, or `crate::name`.
    modules: BTreeMap<String, String>,
}

impl Docs {
    fn read(&mut self, path: &Path) {
        let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
        let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
        let module = match stem(path).as_str() {
            "lib" => "crate".to_owned(),
            "mod" => format!("crate::{}", stem(path.parent().unwrap())),
            name => format!("crate::{name}"),
        };
        self.modules.insert(module, text(&file.attrs));
        // The types of this module have the names of those of the async client.
        let is_blocking = path
            .parent()
            .is_some_and(|folder| folder.ends_with("blocking"));
        let scope = if is_blocking { "blocking::" } else { "" };
        let of_scope = |name: &Ident| format!("{scope}{name}");
        for item in &file.items {
            match item {
                Item::Fn(item) if is_public(&item.vis) => {
                    let name = item.sig.ident.to_string();
                    self.functions.insert(name, text(&item.attrs));
                }
                Item::Struct(item) => self.add_type(of_scope(&item.ident), &item.attrs),
                Item::Enum(item) => self.add_type(of_scope(&item.ident), &item.attrs),
                Item::Trait(item) => self.add_type(of_scope(&item.ident), &item.attrs),
                Item::Impl(item) if item.trait_.is_none() => self.read_methods(scope, item),
                _ => {}
            }
        }
    }

    fn add_type(&mut self, name: String, attrs: &[Attribute]) {
        self.types.insert(name, text(attrs));
    }

    fn read_methods(&mut self, scope: &str, block: &ItemImpl) {
        let Type::Path(ty) = &*block.self_ty else {
            return;
        };
        let ty = &ty.path.segments.last().unwrap().ident;
        for item in &block.items {
            if let ImplItem::Fn(method) = item
                && is_public(&method.vis)
            {
                let name = format!("{scope}{ty}::{}", method.sig.ident);
                self.functions.insert(name, text(&method.attrs));
            }
        }
    }

    /// The functions without an example, by name.
    fn without_example(&self) -> impl Iterator<Item = &str> {
        let functions = self.functions.iter();
        let without = functions.filter(|(name, docs)| {
            let (ty, method) = name.rsplit_once("::").unwrap_or(("", name));
            let type_name = ty.trim_start_matches("blocking::");
            let own_type = self.types.get(ty).filter(|_| ty != HANDLE);
            let has_one = |docs: &String, word: &str| {
                has_code(docs) || self.linked(docs, ty).any(|docs| uses(docs, word))
            };
            !(has_one(docs, method) || own_type.is_some_and(|docs| has_one(docs, type_name)))
        });
        without.map(|(name, _)| name.as_str())
    }

    /// The documentation that sentences such as "[`Next`](crate::Next) has an example" link to.
    fn linked(&self, docs: &str, ty: &str) -> impl Iterator<Item = &String> {
        let sentences = docs.split(". ").filter(|text| text.contains(" example"));
        let links = sentences.flat_map(|text| text.split('[').skip(1));
        let targets: Vec<String> = links
            .filter_map(|link| {
                let (label, rest) = link.split_once(']')?;
                let target = rest
                    .strip_prefix('(')
                    .and_then(|rest| rest.split(')').next());
                let target = target.unwrap_or(label).trim_matches('`');
                Some(target.replace("Self::", &format!("{ty}::")))
            })
            .collect();
        targets.into_iter().filter_map(|target| {
            let name = target
                .trim_start_matches("crate::")
                .trim_start_matches("media::");
            let item = self.functions.get(name).or_else(|| self.types.get(name));
            item.or_else(|| self.modules.get(&target))
        })
    }
}

fn has_code(docs: &str) -> bool {
    docs.contains("```")
}

/// Returns `true` if the code in these docs calls the function.
fn uses(docs: &str, function: &str) -> bool {
    let code = docs.split("```").skip(1).step_by(2);
    code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .any(|word| word == function)
}

/// The text of the doc comments.
fn text(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(line) => Some(line.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The Rust files in a folder and the folders in it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn a_function_without_an_example_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.rs");
    let code = r#"
        //! ```
        //! client.linked();
        //! ```
        impl Wavespeed {
            /// Does it.
            pub fn bare(&self) {}
            /// The [front page](crate) has an example.
            pub fn linked(&self) {}
            /// The [front page](crate) has an example.
            pub fn linked_in_vain(&self) {}
            pub(crate) fn private(&self) {}
        }
        /// [`Other`] has an example.
        pub struct Shown;
        impl Shown {
            pub fn shown(&self) {}
        }
        /// ```
        /// Shown
        /// ```
        pub struct Other;
        impl Other {
            pub fn new() -> Self {}
        }
        /// The client. ``` ```
        pub struct Wavespeed;
        pub fn bare() {}
    "#;
    std::fs::write(&path, code).unwrap();
    let mut docs = Docs::default();
    docs.read(&path);
    let without: Vec<&str> = docs.without_example().collect();
    assert_eq!(
        without,
        ["Wavespeed::bare", "Wavespeed::linked_in_vain", "bare"]
    );
}
