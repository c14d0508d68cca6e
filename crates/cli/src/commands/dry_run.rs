//! `--dry-run`: the request of a run, its price, and the balance.

use futures_util::future::join;
use serde_json::Value;
use wavespeed::reqwest::Url;
use wavespeed::{Model, Quote, Wavespeed, name_uploads};

use crate::output::document::FaultDocument;
use crate::output::document::price::{DryRunDocument, QuoteDocument, RequestDocument};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::money::amount;
use crate::output::report::Report;
use crate::output::shell::quoted;

/// The header with the API key, which is taken from the environment.
const KEY: &str = "Authorization: Bearer $WAVESPEED_API_KEY";
const JSON: &str = "Content-Type: application/json";

/// Reports the request of a checked input, its price, and the balance.
pub(super) async fn dry_run(
    client: &Wavespeed,
    model: &Model,
    input: &Value,
    webhook: Option<&str>,
    max: Option<f64>,
    warnings: Vec<FaultDocument>,
) -> Report {
    let request = request(client, model, input, webhook);
    // Both are requested at once. One that fails does not hide the other.
    let (quote, balance) = join(client.price_by(model, input), client.balance()).await;
    let quote = quote.map_err(|error| Failure::asked("the price", &error));
    let balance = balance.map_err(|error| Failure::asked("the balance", &error));
    let mut lines = request_lines(&request);
    lines.extend(cost_lines(&quote, &balance, max));
    lines.push("dry run: nothing was uploaded or submitted".to_owned());
    let document = DryRunDocument {
        request,
        quote: quote.as_ref().ok().map(QuoteDocument::from),
        balance: balance.as_ref().ok().copied(),
        warnings,
    };
    Report::answer(lines, &document).with_exit(exit(&quote, &balance, max))
}

type Answer<T> = Result<T, Failure>;

/// Returns the exit code that a run would have, as far as it is known.
fn exit(quote: &Answer<Quote>, balance: &Answer<f64>, max: Option<f64>) -> Exit {
    let failed = [quote.as_ref().err(), balance.as_ref().err()];
    let failed = failed.into_iter().flatten().map(Failure::exit);
    let lacks_credit =
        matches!((quote, balance), (Ok(quote), Ok(balance)) if *balance < quote.price);
    let is_above = matches!(quote, Ok(quote) if is_above(quote, max));
    failed
        .chain(lacks_credit.then_some(Exit::Key))
        .chain(is_above.then_some(Exit::RefusedHere))
        .max()
        .unwrap_or(Exit::Done)
}

/// Returns `true` if a price is above the limit, or cannot be compared with it.
fn is_above(quote: &Quote, max: Option<f64>) -> bool {
    max.is_some_and(|max| quote.price > max || quote.currency != "USD")
}

fn request_lines(request: &RequestDocument) -> Vec<String> {
    vec![
        format!("{} {}", request.method, request.url),
        KEY.to_owned(),
        JSON.to_owned(),
        String::new(),
        request.body.to_string(),
        String::new(),
        request.curl.clone(),
        String::new(),
    ]
}

fn cost_lines(quote: &Answer<Quote>, balance: &Answer<f64>, max: Option<f64>) -> Vec<String> {
    let mut lines = Vec::new();
    match quote {
        Ok(quote) => {
            lines.push(format!("price: {}", amount(quote.price, &quote.currency)));
            lines.extend(unseen(quote));
        }
        Err(failure) => lines.push(failure.message.to_string()),
    }
    lines.push(match balance {
        Ok(balance) => format!("balance: {}", amount(*balance, "USD")),
        Err(failure) => failure.message.to_string(),
    });
    if let (Ok(quote), Ok(balance)) = (quote, balance) {
        let left = balance - quote.price;
        lines.push(match left < 0.0 {
            true => "the balance is too low: the vendor would refuse the submit".to_owned(),
            false => format!("balance afterwards: {}", amount(left, "USD")),
        });
    }
    if let (Ok(quote), Some(max)) = (quote, max)
        && is_above(quote, Some(max))
    {
        lines.push(format!(
            "the price is above --max-price {max}: nothing would be submitted"
        ));
    }
    lines
}

/// Returns the request that a run would send. A local file has no URL yet.
fn request(
    client: &Wavespeed,
    model: &Model,
    input: &Value,
    webhook: Option<&str>,
) -> RequestDocument {
    let mut body = input.clone();
    // A placeholder shows where the URL goes.
    name_uploads(model, &mut body, |path| format!("<URL of {path}>"));
    let url = format!("{}/{}", client.account().base_url, model.id);
    let url = match webhook {
        Some(webhook) => {
            Url::parse_with_params(&url, [("webhook", webhook)]).map_or(url, String::from)
        }
        None => url,
    };
    // The key is in double quotes, so that the shell takes it from the environment.
    let curl = format!(
        "curl -X POST {} -H \"{KEY}\" -H '{JSON}' --data-raw {}",
        quoted(&url),
        quoted(&body.to_string())
    );
    RequestDocument {
        method: "POST".to_owned(),
        url,
        body,
        curl,
    }
}

/// Returns a note about the inputs that the vendor did not see.
pub(super) fn unseen(quote: &Quote) -> Option<String> {
    let names = quote.unseen.join(", ");
    let note = format!("priced without {names}: with it, the charge can be higher");
    (!names.is_empty()).then_some(note)
}
