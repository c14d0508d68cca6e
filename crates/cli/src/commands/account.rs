//! `wave history`, `wave delete`, `wave usage` and `wave billings`: what the account has done and
//! paid, as the vendor has it.

use std::io::{IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use clap::ArgMatches;
use futures_util::{Stream, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use wavespeed::{DeleteError, FetchError, JobNumber, PredictionId, UsageError, UsageSum, types};

use super::jobs;
use super::price::amount;
use crate::context::Context;
use crate::output::document::{
    BillingDocument, DeletedDocument, Kind, SumDocument, TaskDocument, UsageDocument,
};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::table::answer;
use crate::output::terminal;

/// How far back `wave usage` looks.
/// The longest time that usage is told of.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(super) async fn history(matches: &ArgMatches, context: &mut Context) -> Report {
    let asked = async {
        let mut filter = types::HistoryRequest::new();
        filter.model = matches.get_one("model").cloned();
        filter.status = matches.get_one("status").cloned();
        filter.created_after = time(matches, "since").map(|time| time.to_string());
        filter.created_before = time(matches, "until").map(|time| time.to_string());
        let client = context.client().await?;
        let tasks = taken(
            client.history(filter),
            matches,
            context.global.quiet,
            "the history",
        )
        .await?;
        let documents: Vec<TaskDocument> = tasks.iter().map(TaskDocument::from).collect();
        let rows = documents.iter().map(|task| {
            let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let at = cell(&task.created_at);
            let at = at
                .get(..19)
                .map_or(at.clone(), |seconds| format!("{seconds}Z"));
            vec![task.id.clone(), at, task.status.clone(), cell(&task.model)]
        });
        Ok(answer(
            &["ID", "CREATED", "STATUS", "MODEL"],
            rows.collect(),
            &documents,
        ))
    };
    asked.await.unwrap_or_else(Report::failed)
}

pub(super) async fn billings(matches: &ArgMatches, context: &mut Context) -> Report {
    let asked = async {
        let mut filter = types::BillingsRequest::new();
        filter.billing_type = matches.get_one("type").cloned();
        filter.model_uuid = matches.get_one("model").cloned();
        filter.start_time = time(matches, "since").map(|time| time.to_string());
        filter.end_time = time(matches, "until").map(|time| time.to_string());
        let client = context.client().await?;
        let records = taken(
            client.billings(filter),
            matches,
            context.global.quiet,
            "what was paid",
        )
        .await?;
        let documents: Vec<BillingDocument> = records.iter().map(BillingDocument::from).collect();
        let rows = documents.iter().map(|record| {
            let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let at = cell(&record.created_at);
            let at = at
                .get(..19)
                .map_or(at.clone(), |seconds| format!("{seconds}Z"));
            let price = record
                .price
                .map_or("-".to_owned(), |price| amount(price, "USD"));
            vec![
                at,
                cell(&record.kind),
                price,
                cell(&record.task),
                cell(&record.model),
            ]
        });
        Ok(answer(
            &["AT", "TYPE", "AMOUNT", "TASK", "MODEL"],
            rows.collect(),
            &documents,
        ))
    };
    asked.await.unwrap_or_else(Report::failed)
}

pub(super) async fn usage(matches: &ArgMatches, context: &mut Context) -> Report {
    let asked = async {
        let moment = |name| time(matches, name).map(SystemTime::from);
        let to = moment("until").unwrap_or_else(SystemTime::now);
        let from = moment("since").unwrap_or(to - WEEK);
        // An age is counted from when the command line was read.
        let most = to - LONGEST;
        let from = if from + MINUTE > most {
            from.max(most)
        } else {
            from
        };
        let model: Option<&String> = matches.get_one("model");
        let client = context.client().await?;
        let usage = client.usage(from, to, model.map(String::as_str)).await;
        let usage = usage.map_err(|error| match error {
            UsageError::Call(error) => Failure::asked("the usage", &error),
            error => Failure::usage(error).hint("name a time in the past, as in --since 31d"),
        })?;
        let row = |name: &str, sum: &UsageSum| {
            let count =
                |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
            let cost = sum.cost.map_or("-".to_owned(), |cost| amount(cost, "USD"));
            vec![
                name.to_owned(),
                count(sum.requests),
                count(sum.completed),
                cost,
            ]
        };
        let named = usage.models.iter().chain(&usage.days);
        let mut rows: Vec<_> = named.map(|(name, sum)| row(name, sum)).collect();
        rows.push(row("all", &usage.total));
        let sums = |all: &[(String, UsageSum)]| {
            all.iter()
                .map(|(name, sum)| SumDocument::new(name, sum))
                .collect()
        };
        let document = UsageDocument {
            since: stamp(from),
            until: stamp(to),
            total: SumDocument::new("all", &usage.total),
            models: sums(&usage.models),
            days: sums(&usage.days),
        };
        Ok(answer(
            &["MODEL OR DAY", "TASKS", "COMPLETED", "PAID"],
            rows,
            &document,
        ))
    };
    asked.await.unwrap_or_else(Report::failed)
}

pub(super) async fn delete(matches: &ArgMatches, context: &mut Context) -> Report {
    let asked = async {
        let client = context.client().await?;
        let named: Vec<&String> = matches.get_many("id").into_iter().flatten().collect();
        let mut ids: Vec<PredictionId> = Vec::new();
        for text in named {
            let id = match text.parse::<JobNumber>() {
                Err(_) => text.parse().map_err(Failure::usage)?,
                Ok(number) => jobs::find(&client, text).await?.id.ok_or_else(|| {
                    Failure::usage(format!(
                        "{number} has no id yet: there is nothing to delete"
                    ))
                })?,
            };
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let what = match ids.len() {
            1 => format!("the prediction {} and its outputs", ids[0]),
            many => format!("{many} predictions and their outputs"),
        };
        confirm(matches, &what)?;
        let deleted = client.delete(&ids, matches.get_flag("force")).await;
        let deleted = deleted.map_err(|error| refused(&error))?;
        let document = DeletedDocument {
            asked: ids.len() as u64,
            deleted,
        };
        if deleted < document.asked && !context.global.quiet {
            terminal::warning(&format!(
                "{} of {} were not deleted: they still run, or the vendor does not have them",
                document.asked - deleted,
                document.asked
            ));
        }
        Ok(Report::Answer {
            lines: vec![format!("deleted: {deleted} of {}", document.asked)],
            json: pretty(&json!(document)),
            exit: if deleted < document.asked {
                Exit::RefusedThere
            } else {
                Exit::Done
            },
        })
    };
    asked.await.unwrap_or_else(Report::failed)
}

fn refused(error: &DeleteError) -> Failure {
    match error {
        DeleteError::Open { job, .. } => Failure::usage(format!("{error}; nothing was deleted"))
            .hint(format!(
                "save them first: wave resume {job}; or delete it all the same: --force"
            )),
        DeleteError::OutcomeUnknown { job } => {
            Failure::usage(format!("{error}; nothing was deleted")).hint(format!(
                "find out first: wave resume {job}; or delete it all the same: --force"
            ))
        }
        DeleteError::Call { error: cause, .. } => Failure {
            message: error.to_string(),
            ..Failure::asked("the deletion", cause)
        },
        error => Failure::new(Exit::RefusedHere, Kind::Journal, error),
    }
}

/// Asks a person; who is not there has to say it beforehand.
fn confirm(matches: &ArgMatches, what: &str) -> Result<(), Failure> {
    if matches.get_flag("yes") {
        return Ok(());
    }
    let no = || Failure::usage("nothing was deleted").hint("to delete without a question: --yes");
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(no());
    }
    let question =
        format!("delete {what} at the vendor? What is deleted cannot be had again. [y/N] ");
    _ = write!(anstream::stderr(), "{question}");
    let mut line = String::new();
    _ = std::io::stdin().read_line(&mut line);
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(no()),
    }
}

/// As many items as are wanted. Pages behind them are not asked for.
async fn taken<T>(
    items: impl Stream<Item = Result<T, FetchError>>,
    matches: &ArgMatches,
    quiet: bool,
    what: &str,
) -> Result<Vec<T>, Failure> {
    let limit: usize = *matches.get_one("limit").expect("it has a default");
    let mut items = pin!(items);
    let mut taken = Vec::new();
    while let Some(item) = items.try_next().await.transpose() {
        if taken.len() == limit {
            // Also if it is not known: that is no reason to show nothing.
            if !quiet {
                terminal::note(&format!(
                    "there may be more than {limit}; --limit shows more"
                ));
            }
            break;
        }
        taken.push(item.map_err(|error| Failure::asked(what, &error))?);
    }
    if taken.is_empty() && !quiet {
        terminal::note("there is nothing like that");
    }
    Ok(taken)
}

fn time(matches: &ArgMatches, name: &str) -> Option<Timestamp> {
    matches.get_one(name).copied()
}

fn stamp(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
