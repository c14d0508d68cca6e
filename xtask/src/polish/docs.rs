//! Doc comments: one `///` for each line, wrapped, as rustfmt leaves them alone on the stable
//! toolchain. What they say was settled before.

use syn::visit_mut::VisitMut;
use syn::{Attribute, Expr, Lit, Meta, parse_quote};

const WIDTH: usize = 90;

/// Splits every doc comment into lines.
pub(super) struct Lines;

impl VisitMut for Lines {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        if let Some(docs) = text(attrs) {
            set(attrs, &docs);
        }
    }
}

/// The text of the doc comment, if there is one.
pub(super) fn text(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attrs.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n").trim().to_owned())
}

/// Replaces the doc comment.
pub(super) fn set(attrs: &mut Vec<Attribute>, docs: &str) {
    attrs.retain(|attr| line(attr).is_none());
    attrs.splice(0..0, attributes(docs));
}

/// The attributes of a doc comment.
pub(super) fn attributes(docs: &str) -> Vec<Attribute> {
    wrap(docs)
        .into_iter()
        .map(|line| {
            if line.is_empty() {
                line
            } else {
                format!(" {line}")
            }
        })
        .map(|line| parse_quote!(#[doc = #line]))
        .collect()
}

fn line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attr.meta else {
        return None;
    };
    match &meta.value {
        Expr::Lit(literal) if meta.path.is_ident("doc") => match &literal.lit {
            Lit::Str(text) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}

fn wrap(docs: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in docs.lines() {
        // What continues an item of a list is indented like its text.
        let indent = if paragraph.starts_with("- ") {
            "  "
        } else {
            ""
        };
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let full = line.chars().count() + 1 + word.chars().count() > WIDTH;
            if full && !line.trim().is_empty() && !starts_a_block(word) {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Whether Markdown would read the word as the start of something else, were it the first one.
fn starts_a_block(word: &str) -> bool {
    let number = word.trim_end_matches(['.', ')']);
    word.starts_with(['#', '>', '-', '+', '*', '=', '|', '~'])
        || number != word && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_where_markdown_does_not_mind() {
        let words = "word ".repeat(17);
        let lines = wrap(&format!("{words}and 7. - more"));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("and 7. -"), "{lines:?}");
        assert_eq!(wrap("one\n\ntwo"), ["one", "", "two"]);
    }

    #[test]
    fn items_of_a_list_are_continued_with_an_indent() {
        let lines = wrap(&format!("- {}", "word ".repeat(20).trim()));
        assert!(lines[1].starts_with("  word"), "{lines:?}");
    }
}
