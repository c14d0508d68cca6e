//! `wave schema`: the inputs of a model.

use wavespeed::{Input, Model, ModelId, request_schema};

use crate::args::catalogue::SchemaArgs;
use crate::args::inputs;
use crate::choose_model::{choose, did_you_mean};
use crate::context::Context;
use crate::output::failure::Failure;
use crate::output::report::Report;

pub(super) async fn schema(args: &SchemaArgs, context: &mut Context) -> Result<Report, Failure> {
    let (id, live) = (&args.model, args.live.live);
    let is_known = live || wavespeed::model(id).is_some();
    if !is_known && id.parse::<ModelId>().is_ok() {
        let message = format!("the inputs of {id} are not in the catalogue");
        let near = did_you_mean(id);
        let hint = format!("{near}read them from the vendor with: wave schema {id} --live");
        return Err(Failure::usage(message).hint(hint));
    }
    let model = choose(id, live, None, context).await?.model;
    // The vendor's own schema is printed unchanged, with everything that the catalogue leaves out.
    let vendors = match live {
        true => {
            let list = context.live(Some(id)).await?;
            list.entry(id).and_then(request_schema).cloned()
        }
        false => None,
    };
    let schema = vendors.unwrap_or_else(|| model.schema());
    Ok(Report::answer(describe(model), &schema))
}

/// Describes a model and its inputs.
fn describe(model: &Model) -> Vec<String> {
    let title = match model.kind {
        "" => model.id.to_owned(),
        kind => format!("{} ({kind})", model.id),
    };
    let about = [model.about, model.docs.unwrap_or_default()];
    let about = about.into_iter().filter(|text| !text.is_empty());
    let mut lines = vec![title];
    lines.extend(about.map(str::to_owned));
    model
        .inputs
        .iter()
        .for_each(|input| lines.extend(describe_input(input)));
    lines
}

fn describe_input(input: &Input) -> Vec<String> {
    let choices = input.shape.choices().iter().map(|choice| {
        let names: Vec<&str> = choice.names.iter().map(|(_, name)| *name).collect();
        match names.is_empty() {
            true => choice.value.to_string(),
            false => format!("{} ({})", choice.value, names.join(", ")),
        }
    });
    let choices: Vec<String> = choices.collect();
    let mut lines = vec![
        String::new(),
        format!("{} <{}>", input.name, inputs::value_name(input)),
        format!("    {}", inputs::help(input).trim()),
    ];
    if !choices.is_empty() {
        lines.push(format!("    one of: {}", choices.join(", ")));
    }
    lines
}
