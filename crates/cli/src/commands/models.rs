//! `wave models`: lists models.

use std::collections::BTreeSet;

use wavespeed::CATALOGUE;

use crate::args::catalogue::ModelsArgs;
use crate::context::Context;
use crate::output::document::models::ModelDocument;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::table::answer;

pub(super) async fn models(args: &ModelsArgs, context: &mut Context) -> Result<Report, Failure> {
    let mut all: Vec<ModelDocument> = match args.live.live {
        true => {
            let list = context.live(None).await?;
            let entries = list.as_json().iter();
            entries.filter_map(ModelDocument::from_entry).collect()
        }
        false => CATALOGUE.iter().map(ModelDocument::from).collect(),
    };
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let words: Vec<String> = args.query.iter().map(|word| word.to_lowercase()).collect();
    let found: Vec<&ModelDocument> = all
        .iter()
        .filter(|model| is_wanted(model, args, &words))
        .collect();
    // An empty table alone would not say whether the filter or the list is the reason.
    if found.is_empty() {
        context.note(&not_found(&all, args));
    }
    let rows = found
        .iter()
        .map(|model| vec![model.id.clone(), model.kind.clone(), model.name.clone()]);
    Ok(answer(&["MODEL", "TYPE", "NAME"], rows.collect(), &found))
}

/// Returns `true` if a model has the type, the provider and all words, in any letter case.
fn is_wanted(model: &ModelDocument, args: &ModelsArgs, words: &[String]) -> bool {
    let is = |wanted: Option<&String>, value: &str| {
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let text = [&model.id, &model.name, &model.kind, &model.description];
    let text = text.map(|text| text.to_lowercase()).join(" ");
    is(args.kind.as_ref(), &model.kind)
        && is(args.provider.as_ref(), model.provider())
        && words.iter().all(|word| text.contains(word))
}

/// Returns the note for an empty list, which lists the types or providers if an unknown one was given.
fn not_found(all: &[ModelDocument], args: &ModelsArgs) -> String {
    let unknown = |name: &str, wanted: Option<&String>, value: fn(&ModelDocument) -> &str| {
        let values: BTreeSet<&str> = all.iter().map(value).collect();
        let is_known = |wanted: &&String| {
            let mut values = values.iter();
            values.any(|value| value.eq_ignore_ascii_case(wanted))
        };
        let wanted = wanted.filter(|wanted| !is_known(wanted))?;
        let values: Vec<&str> = values.iter().copied().collect();
        let values = values.join(", ");
        Some(format!(
            "no model has the {name} {wanted}; the {name}s are {values}"
        ))
    };
    // An unknown type or provider is the likelier mistake, so it is named first.
    let kind = unknown("type", args.kind.as_ref(), |model| &model.kind);
    let provider = || unknown("provider", args.provider.as_ref(), ModelDocument::provider);
    let note = kind
        .or_else(provider)
        .unwrap_or_else(|| "no model was found".to_owned());
    match args.live.live {
        true => note,
        false => format!("{note}; --live searches all models of the vendor"),
    }
}
