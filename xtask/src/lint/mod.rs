//! The rules a spec must obey before anything is made of it. Most mistakes in a spec would not fail
//! by themselves: they would be ignored, or turn into types that lose a paid answer. Every finding
//! of every file is reported at once, each with its place and its mend.

mod api;
mod choices;
mod document;
mod keywords;
mod media;
mod naming;
mod schema;
mod walk;

#[cfg(test)]
mod testing;

use serde_json::Value;

use crate::error::Finding;
use crate::spec::{self, Spec};
pub(crate) use choices::has_type;
pub(crate) use naming::types_of;
pub(crate) use schema::misfit;
use walk::Place;

/// Every broken rule, sorted by file and place.
#[must_use]
pub fn lint(spec: &Spec) -> Vec<Finding> {
    let bundle = spec::bundle(spec);
    let schemas = walk::schemas(spec, &bundle);
    let mut report = Report::default();
    for at in &schemas {
        keywords::check_schema(at, &mut report);
        schema::check(at, &bundle, &mut report);
        choices::check(at, &mut report);
        media::check(at, &mut report);
        naming::check_schema(at, &spec.reserved_flags, &mut report);
    }
    document::check(&spec.api, &mut report);
    api::check(spec, &bundle, &mut report);
    for model in &spec.models {
        api::check_model(model, &mut report);
    }
    naming::check_types(spec, &mut report);
    let mut findings = report.findings;
    findings.sort();
    findings.dedup();
    findings
}

/// Collects what is found.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, place: &Place, problem: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding {
            file: place.file.clone(),
            place: place.keys.clone(),
            problem: problem.into(),
            mend: mend.into(),
        });
    }
}

/// Shows a value as it stands in JSON.
fn code(value: &Value) -> String {
    format!("`{value}`")
}

/// ` did you mean …?`, or what else to do, for a word that is not one of `known`.
fn suggest(word: &str, known: &[&str], otherwise: &str) -> String {
    let distance = |other: &&&str| strsim::damerau_levenshtein(word, other);
    let near = known
        .iter()
        .filter(|other| distance(other) <= 2 || is_same(word, other));
    match near.min_by_key(distance) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}

fn is_same(word: &str, other: &str) -> bool {
    word.replace(['-', '_'], "")
        .eq_ignore_ascii_case(&other.replace(['-', '_'], ""))
}
