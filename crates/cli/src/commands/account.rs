//! `wave history` and `wave billings`: lists of the account.

use std::pin::pin;

use futures_util::{Stream, TryStreamExt as _};
use wavespeed::{FetchError, types};

use crate::args::account::{BillingsArgs, HistoryArgs, Period};
use crate::context::Context;
use crate::output::document::account::{BillingDocument, TaskDocument};
use crate::output::failure::Failure;
use crate::output::money::amount;
use crate::output::report::Report;
use crate::output::table::{answer, cell};

pub(super) async fn history(args: &HistoryArgs, context: &mut Context) -> Result<Report, Failure> {
    args.period.check()?;
    let (since, until) = times(&args.period);
    let mut filter = types::HistoryRequest::new();
    filter.model.clone_from(&args.period.model);
    filter.status.clone_from(&args.status);
    filter.created_after = since;
    filter.created_before = until;
    let client = context.client().await?;
    let jobs = client.history(filter);
    let jobs = first(jobs, args.limit.limit, context, "the history").await?;
    let documents: Vec<TaskDocument> = jobs.iter().map(TaskDocument::from).collect();
    let rows = documents.iter().map(|job| {
        vec![
            job.id.clone(),
            to_the_second(job.created_at.as_ref()),
            job.status.clone(),
            cell(job.model.as_ref()),
        ]
    });
    let header = ["ID", "CREATED", "STATUS", "MODEL"];
    Ok(answer(&header, rows.collect(), &documents))
}

pub(super) async fn billings(
    args: &BillingsArgs,
    context: &mut Context,
) -> Result<Report, Failure> {
    args.period.check()?;
    let (since, until) = times(&args.period);
    let mut filter = types::BillingsRequest::new();
    filter.billing_type = args.kind.map(|kind| kind.name().to_owned());
    filter.model_uuid.clone_from(&args.period.model);
    filter.start_time = since;
    filter.end_time = until;
    let client = context.client().await?;
    let records = client.billings(filter);
    let records = first(records, args.limit.limit, context, "the charges").await?;
    let documents: Vec<BillingDocument> = records.iter().map(BillingDocument::from).collect();
    let rows = documents.iter().map(|record| {
        vec![
            to_the_second(record.created_at.as_ref()),
            cell(record.kind.as_ref()),
            cell(record.price.map(|price| amount(price, "USD"))),
            cell(record.task.as_ref()),
            cell(record.model.as_ref()),
        ]
    });
    let header = ["AT", "TYPE", "AMOUNT", "JOB ID", "MODEL"];
    Ok(answer(&header, rows.collect(), &documents))
}

fn times(period: &Period) -> (Option<String>, Option<String>) {
    let text = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
    (text(period.since), text(period.until))
}

/// Returns a cell with a time of the vendor, without fractions of a second.
fn to_the_second(time: Option<&String>) -> String {
    let time = cell(time);
    // The vendor writes RFC 3339 in UTC, whose first 19 characters end with the seconds.
    match time.get(..19) {
        Some(seconds) => format!("{seconds}Z"),
        None => time,
    }
}

/// Returns at most `limit` items. Later pages are not fetched.
async fn first<T>(
    items: impl Stream<Item = Result<T, FetchError>>,
    limit: usize,
    context: &Context,
    what: &str,
) -> Result<Vec<T>, Failure> {
    let mut items = pin!(items);
    let mut first = Vec::new();
    while let Some(item) = items.try_next().await.transpose() {
        // One item more than the limit is read, to know whether there are more.
        if first.len() == limit {
            // An error behind the limit is no reason to show nothing.
            context.note(&format!(
                "there may be more than {limit}; --limit shows more"
            ));
            break;
        }
        first.push(item.map_err(|error| Failure::asked(what, &error))?);
    }
    if first.is_empty() {
        context.note("nothing was found");
    }
    Ok(first)
}
