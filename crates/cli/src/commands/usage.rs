//! `wave usage`: the number of jobs and their cost.

use std::time::{Duration, SystemTime};

use wavespeed::{Usage, UsageError, UsageSum};

use crate::args::account::UsageArgs;
use crate::context::Context;
use crate::output::document::account::{SumDocument, UsageDocument};
use crate::output::document::rfc3339;
use crate::output::failure::Failure;
use crate::output::money::amount;
use crate::output::report::Report;
use crate::output::table::{answer, cell};

/// The longest period that the vendor reports usage of.
const MAX_PERIOD: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The period without `--since`.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The longest time between the parsing of `--since 31d` and this command.
const MINUTE: Duration = Duration::from_secs(60);

pub(super) async fn usage(args: &UsageArgs, context: &mut Context) -> Result<Report, Failure> {
    let period = &args.period;
    period.check()?;
    let until = period.until.map_or_else(SystemTime::now, SystemTime::from);
    let since = period.since.map_or(until - WEEK, SystemTime::from);
    // An age counts from the parsing of the command line, so `31d` is a little too long here.
    let earliest = until - MAX_PERIOD;
    // Only a difference of seconds is cut off. A longer period is an error of the user.
    let since = match since + MINUTE > earliest {
        true => since.max(earliest),
        false => since,
    };
    let client = context.client().await?;
    let usage = client.usage(since, until, period.model.as_deref()).await;
    let usage = usage.map_err(|error| match error {
        UsageError::Call(error) => Failure::asked("the usage", &error),
        error => Failure::usage(error).hint("use a time in the past, such as --since 31d"),
    })?;
    let header = ["MODEL OR DAY", "JOBS", "COMPLETED", "PAID"];
    Ok(answer(
        &header,
        rows(&usage),
        &document(&usage, since, until),
    ))
}

fn rows(usage: &Usage) -> Vec<Vec<String>> {
    let row = |name: &str, sum: &UsageSum| {
        vec![
            name.to_owned(),
            cell(sum.requests),
            cell(sum.completed),
            cell(sum.cost.map(|cost| amount(cost, "USD"))),
        ]
    };
    let named = usage.models.iter().chain(&usage.days);
    let mut rows: Vec<_> = named.map(|(name, sum)| row(name, sum)).collect();
    rows.push(row("all", &usage.total));
    rows
}

fn document(usage: &Usage, since: SystemTime, until: SystemTime) -> UsageDocument {
    let sums = |all: &[(String, UsageSum)]| {
        all.iter()
            .map(|(name, sum)| SumDocument::new(name, sum))
            .collect()
    };
    UsageDocument {
        since: rfc3339(since),
        until: rfc3339(until),
        total: SumDocument::new("all", &usage.total),
        models: sums(&usage.models),
        days: sums(&usage.days),
    }
}
