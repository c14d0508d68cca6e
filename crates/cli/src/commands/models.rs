//! `wave models` and `wave schema`: what the catalogue holds.

use std::collections::BTreeSet;

use clap::ArgMatches;
use serde_json::Value;
use wavespeed::{CATALOGUE, Model, ModelId, nearest, request_schema};

use super::run::choose;
use crate::args::{self, inputs};
use crate::context::Context;
use crate::output::document::ModelDocument;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::table::answer;
use crate::output::terminal;

pub(super) async fn models(matches: &ArgMatches, context: &mut Context) -> Report {
    let mut documents: Vec<ModelDocument> = if matches.get_flag("live") {
        match context.live(None).await {
            Ok(list) => list.as_json().iter().filter_map(listed).collect(),
            Err(failure) => return Report::failed(failure),
        }
    } else {
        let document = |model: &Model| ModelDocument {
            id: model.id.to_owned(),
            name: model.name.to_owned(),
            kind: model.kind.to_owned(),
            description: model.about.to_owned(),
            docs: model.docs,
        };
        CATALOGUE.iter().map(document).collect()
    };
    documents.sort_by(|a, b| a.id.cmp(&b.id));
    let words = matches.get_many::<String>("query").into_iter().flatten();
    let words: Vec<String> = words.map(|word| word.to_lowercase()).collect();
    let given = |name| matches.get_one::<String>(name);
    let (kind, provider) = (given("type"), given("provider"));
    let kinds: BTreeSet<String> = documents.iter().map(|model| model.kind.clone()).collect();
    let providers: BTreeSet<String> = documents
        .iter()
        .map(|model| provider_of(&model.id).to_owned())
        .collect();
    documents.retain(|model| {
        let own = [&model.id, &model.name, &model.kind, &model.description];
        let text = own.map(|text| text.to_lowercase()).join(" ");
        kind.is_none_or(|kind| *kind == model.kind)
            && provider.is_none_or(|wanted| provider_of(&model.id).eq_ignore_ascii_case(wanted))
            && words.iter().all(|word| text.contains(word))
    });
    if documents.is_empty() && !context.global.quiet {
        let is_known = |all: &BTreeSet<String>, wanted: &String| {
            all.iter().any(|known| known.eq_ignore_ascii_case(wanted))
        };
        let of = |what: &str, all: &BTreeSet<String>| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            format!("no model is of this {what}; there are {}", all.join(", "))
        };
        let mut note = match (kind, provider) {
            (Some(kind), _) if !kinds.contains(kind) => of("type", &kinds),
            (_, Some(wanted)) if !is_known(&providers, wanted) => of("provider", &providers),
            _ => "no model is like that".to_owned(),
        };
        if !matches.get_flag("live") {
            note += "; --live looks at all that the vendor has";
        }
        terminal::note(&note);
    }
    let rows = documents
        .iter()
        .map(|model| vec![model.id.clone(), model.kind.clone(), model.name.clone()]);
    answer(&["MODEL", "TYPE", "NAME"], rows.collect(), &documents)
}

fn provider_of(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// An entry of the vendor's list.
fn listed(entry: &Value) -> Option<ModelDocument> {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().trim().to_owned();
    let id = entry["model_id"].as_str()?;
    Some(ModelDocument {
        id: id.to_owned(),
        name: text("name"),
        kind: text("type"),
        description: text("description"),
        docs: wavespeed::model(id).and_then(|model| model.docs),
    })
}

pub(super) async fn schema(matches: &ArgMatches, context: &mut Context) -> Report {
    let id: &String = matches.get_one("model").expect("it is required");
    let shown = async {
        let is_known = matches.get_flag("live") || wavespeed::model(id).is_some();
        if !is_known && id.parse::<ModelId>().is_ok() {
            let message = format!("the inputs of {id} are not in the catalogue");
            let near = nearest(id, args::model_ids());
            let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
            let hint = format!("{near}ask the vendor: wave schema {id} --live");
            return Err(Failure::usage(message).hint(hint));
        }
        let model = choose(id, matches, context).await?.model;
        let live = match matches.get_flag("live") {
            true => context
                .live(Some(id))
                .await?
                .entry(id)
                .and_then(request_schema)
                .cloned(),
            false => None,
        };
        Ok(Report::Answer {
            lines: describe(model),
            json: pretty(&live.unwrap_or_else(|| model.schema())),
            exit: Exit::Done,
        })
    };
    shown.await.unwrap_or_else(Report::failed)
}

/// A model and its inputs, for people.
fn describe(model: &Model) -> Vec<String> {
    let title = match model.kind {
        "" => model.id.to_owned(),
        kind => format!("{} ({kind})", model.id),
    };
    let mut lines = vec![title];
    let about = [model.about, model.docs.unwrap_or_default()];
    lines.extend(
        about
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
    );
    for input in model.inputs {
        lines.push(String::new());
        lines.push(format!("{} <{}>", input.name, inputs::value_name(input)));
        lines.push(format!("    {}", inputs::help(input).trim()));
        let choices = input.shape.choices().iter().map(|choice| {
            let names: Vec<&str> = choice.names.iter().map(|(_, name)| *name).collect();
            match names.is_empty() {
                true => choice.value.to_string(),
                false => format!("{} ({})", choice.value, names.join(", ")),
            }
        });
        let choices: Vec<String> = choices.collect();
        if !choices.is_empty() {
            lines.push(format!("    one of: {}", choices.join(", ")));
        }
    }
    lines
}
