//! What a run would send and cost: `wave price`, `wave balance`, and `--dry-run`.

use clap::ArgMatches;
use futures_util::future::join;
use serde_json::Value;
use wavespeed::reqwest::Url;
use wavespeed::{Faults, FetchError, Files, Model, Quote, Rule, Wavespeed, name_uploads};

use super::run::choose;
use crate::args::inputs;
use crate::context::Context;
use crate::output::document::{DryRunDocument, FaultDocument, QuoteDocument, RequestDocument};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::terminal;

/// Where the key goes, without showing it.
const KEY: &str = "Authorization: Bearer $WAVESPEED_API_KEY";
const JSON: &str = "Content-Type: application/json";

pub(super) async fn price(matches: &ArgMatches, context: &mut Context) -> Report {
    let asked = async {
        let id: Option<&String> = matches.get_one("model");
        let id = id.ok_or_else(|| {
            Failure::usage("no model is named").hint("see what there is: wave models")
        })?;
        let chosen = choose(id, matches, context).await?;
        let model = chosen.model;
        let given = inputs::read(model, matches)?;
        // What is missing is priced without it; what is wrong is no input that could be run.
        let mut faults = chosen.check(&given.input, Files::UrlOrPath);
        faults.retain(|fault| !matches!(fault.rule, Rule::Required | Rule::Local));
        Faults::refused(faults).map_err(|faults| Failure::input(faults.into()))?;
        let client = context.client().await?;
        let quote = client.price_by(model, &given.input).await;
        let quote = quote.map_err(|error| Failure::asked("the price", &error))?;
        if !context.global.quiet {
            unseen(&quote).iter().for_each(|note| terminal::note(note));
        }
        Ok(Report::Answer {
            lines: vec![amount(quote.price, &quote.currency)],
            json: pretty(&QuoteDocument::from(&quote)),
            exit: Exit::Done,
        })
    };
    asked.await.unwrap_or_else(Report::failed)
}

pub(super) async fn balance(context: &mut Context) -> Report {
    let asked = async {
        let client = context.client().await?;
        let balance = client.balance().await;
        let balance = balance.map_err(|error| Failure::asked("the balance", &error))?;
        Ok(Report::Answer {
            lines: vec![amount(balance, "USD")],
            json: pretty(&serde_json::json!({ "balance": balance, "currency": "USD" })),
            exit: Exit::Done,
        })
    };
    asked.await.unwrap_or_else(Report::failed)
}

/// What a run would do, of an input that was checked.
pub(super) async fn dry_run(
    client: &Wavespeed,
    model: &Model,
    input: &Value,
    webhook: Option<&str>,
    max: Option<f64>,
    warnings: Vec<FaultDocument>,
) -> Report {
    let request = request(client, model, input, webhook);
    let (quote, balance) = join(client.price_by(model, input), client.balance()).await;
    let mut exit = Exit::Done;
    let mut lines = vec![
        format!("{} {}", request.method, request.url),
        KEY.to_owned(),
        JSON.to_owned(),
        String::new(),
        request.body.to_string(),
        String::new(),
        request.curl.clone(),
        String::new(),
    ];
    let mut unknown = |what: &str, error: &FetchError| {
        let failure = Failure::asked(what, error);
        exit = exit.max(failure.exit);
        failure.message
    };
    lines.push(match &quote {
        Ok(quote) => format!("price: {}", amount(quote.price, &quote.currency)),
        Err(error) => unknown("the price", error),
    });
    lines.extend(quote.as_ref().map(unseen).unwrap_or_default());
    lines.push(match &balance {
        Ok(balance) => format!("balance: {}", amount(*balance, "USD")),
        Err(error) => unknown("the balance", error),
    });
    if let (Ok(quote), Ok(balance)) = (&quote, &balance) {
        let left = balance - quote.price;
        lines.push(match left < 0.0 {
            true => "the balance is not enough: a submit would be refused".to_owned(),
            false => format!("left after it: {}", amount(left, "USD")),
        });
        if left < 0.0 {
            exit = exit.max(Exit::Key);
        }
    }
    if let (Some(max), Ok(quote)) = (max, &quote)
        && (quote.price > max || quote.currency != "USD")
    {
        lines.push(format!(
            "that is more than --max-price {max}: nothing would be submitted"
        ));
        exit = exit.max(Exit::RefusedHere);
    }
    lines.push("dry run: nothing was uploaded or submitted".to_owned());
    let document = DryRunDocument {
        request,
        quote: quote.as_ref().ok().map(QuoteDocument::from),
        balance: balance.ok(),
        warnings,
    };
    Report::Answer {
        lines,
        json: pretty(&document),
        exit,
    }
}

/// The request as it would be sent. A local file has no URL yet.
fn request(
    client: &Wavespeed,
    model: &Model,
    input: &Value,
    webhook: Option<&str>,
) -> RequestDocument {
    let mut body = input.clone();
    name_uploads(model, &mut body, |path| format!("<URL of {path}>"));
    let url = format!("{}/{}", client.account().base_url, model.id);
    let url = match webhook {
        Some(webhook) => {
            Url::parse_with_params(&url, [("webhook", webhook)]).map_or(url, String::from)
        }
        None => url,
    };
    let curl = format!(
        "curl -X POST {} -H \"{KEY}\" -H '{JSON}' --data-raw {}",
        terminal::quoted(&url),
        terminal::quoted(&body.to_string())
    );
    RequestDocument {
        method: "POST".to_owned(),
        url,
        body,
        curl,
    }
}

/// What the vendor did not see of the inputs.
fn unseen(quote: &Quote) -> Vec<String> {
    let names = quote.unseen.join(", ");
    match names.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "priced without {names}: with it the charge can be higher"
        )],
    }
}

/// An amount of money, to a millionth, without noughts at its end.
pub(super) fn amount(amount: f64, currency: &str) -> String {
    let text = format!("{amount:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {currency}")
}
