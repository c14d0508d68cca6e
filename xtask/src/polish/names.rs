//! Names in the generated text: the stand-ins get their real names back, and the long paths of the
//! standard library become the short ones a reader expects.

use proc_macro2::Ident;
use syn::visit_mut::{self, VisitMut};
use syn::{File, LitStr, Path};

use crate::names;

/// The types that stand-ins stand for, by the place of the model among all.
pub(super) struct Renames<'a>(pub(super) &'a [(usize, String)]);

impl Renames<'_> {
    /// The real name of a type whose name starts with a stand-in.
    pub(super) fn real(&self, name: &str) -> Option<String> {
        let (place, nested) = names::stand_in(name)?;
        let at = self
            .0
            .binary_search_by_key(&place, |(place, _)| *place)
            .ok()?;
        Some(format!("{}{nested}", self.0[at].1))
    }

    pub(super) fn apply(&mut self, file: &mut File) {
        self.visit_file_mut(file);
    }
}

impl VisitMut for Renames<'_> {
    fn visit_ident_mut(&mut self, ident: &mut Ident) {
        if let Some(name) = self.real(&ident.to_string()) {
            *ident = Ident::new(&name, ident.span());
        }
    }

    /// typify documents a type without a description by its name.
    fn visit_lit_str_mut(&mut self, text: &mut LitStr) {
        if let Some(name) = self.real(text.value().trim_matches('`')) {
            *text = LitStr::new(&format!("`{name}`"), text.span());
        }
    }
}

/// Shortens `::std::option::Option` and its like.
pub(super) struct ShortPaths;

const SHORT: &[(&[&str], usize)] = &[
    (&["std", "option", "Option"], 1),
    (&["std", "result", "Result"], 1),
    (&["std", "string", "String"], 1),
    (&["std", "vec", "Vec"], 1),
    (&["std", "str", "FromStr"], 3),
    (&["std", "fmt", "Display"], 3),
];

impl VisitMut for ShortPaths {
    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        let known = SHORT.iter().find(|(long, _)| *long == names);
        if let (Some((_, kept)), true) = (known, path.leading_colon.is_some()) {
            let skipped = names.len() - kept;
            path.segments = path.segments.iter().skip(skipped).cloned().collect();
        }
        path.leading_colon = None;
    }
}
