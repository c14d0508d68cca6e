//! `wave price` and `wave balance`.

use serde_json::json;
use wavespeed::{Faults, Files, Rule};

use super::dry_run::unseen;
use super::run::no_model;
use crate::args::input_values;
use crate::args::model::PriceArgs;
use crate::choose_model::choose;
use crate::context::Context;
use crate::output::document::price::QuoteDocument;
use crate::output::failure::Failure;
use crate::output::money::amount;
use crate::output::report::Report;

pub(super) async fn price(args: &PriceArgs, context: &mut Context) -> Result<Report, Failure> {
    let id = args.model.as_ref().ok_or_else(no_model)?;
    let chosen = choose(id, args.live.live, args.inputs.rest(), context).await?;
    let model = chosen.model;
    // The price depends on some of the inputs.
    let given = input_values::read(model, &args.inputs)?;
    // A missing input is left out of the price. An invalid one could not be run.
    let mut faults = chosen.check(&given.input, Files::UrlOrPath);
    faults.retain(|fault| !matches!(fault.rule, Rule::Required | Rule::Local));
    Faults::refused(faults).map_err(|faults| Failure::input(faults.into()))?;
    let client = context.client().await?;
    let quote = client.price_by(model, &given.input).await;
    let quote = quote.map_err(|error| Failure::asked("the price", &error))?;
    unseen(&quote).iter().for_each(|note| context.note(note));
    let lines = vec![amount(quote.price, &quote.currency)];
    Ok(Report::answer(lines, &QuoteDocument::from(&quote)))
}

pub(super) async fn balance(context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let balance = client.balance().await;
    let balance = balance.map_err(|error| Failure::asked("the balance", &error))?;
    let document = json!({ "balance": balance, "currency": "USD" });
    Ok(Report::answer(vec![amount(balance, "USD")], &document))
}
