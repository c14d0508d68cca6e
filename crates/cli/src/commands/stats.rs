//! `wave stats`: how long tasks of a model took, as the journal has it, when they are asked about
//! because of it, and what that saves.

use std::time::Duration;

use clap::ArgMatches;
use wavespeed::poll::{Fixed, PollContext, Schedule};
use wavespeed::{ModelId, nearest};

use crate::args;
use crate::context::Context;
use crate::output::document::{CostDocument, ExpectedDocument, StatsDocument, seconds};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::terminal::time;

/// How many lines the histogram has at most, and how wide its longest bar is.
const LINES: usize = 10;
const WIDTH: usize = 40;
/// How many times of polls are shown.
const SHOWN: usize = 8;

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    let id: &String = matches.get_one("model").expect("it has a default");
    stats(id, context).await.unwrap_or_else(Report::failed)
}

async fn stats(id: &str, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let seen = client.observed_durations(id).await?;
    if seen.is_empty() && wavespeed::model(id).is_none() {
        let known = id.parse::<ModelId>().map_err(Failure::usage)?;
        let near = nearest(id, args::model_ids());
        let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
        let hint = format!("{near}What is learned belongs to the key and the base URL");
        return Err(Failure::usage(format!("no task of {known} was seen here")).hint(hint));
    }
    let (durations, schedule) = (client.durations(id).await, client.schedule(id).await);
    let is_known =
        !seen.is_empty() || wavespeed::model(id).is_some_and(|model| model.seconds.is_some());
    let part = |part| seconds(durations.quantile(Duration::ZERO, part));
    let cost = durations.cost_of(&*schedule);
    let document = StatsDocument {
        model: id.to_owned(),
        seen: seen.iter().map(|took| seconds(took.duration)).collect(),
        expected: is_known.then(|| ExpectedDocument {
            tenth: part(0.1),
            half: part(0.5),
            nine_tenths: part(0.9),
        }),
        asked_after: polls(&*schedule),
        schedule: cost.into(),
        fixed: durations
            .cost_of(&durations.fixed_interval(cost.delay))
            .into(),
        every_second: durations.cost_of(&Fixed(Duration::from_secs(1))).into(),
    };
    Ok(Report::Answer {
        lines: lines(&document),
        json: pretty(&document),
        exit: Exit::Done,
    })
}

/// The first times at which a task is asked about.
fn polls(schedule: &dyn Schedule) -> Vec<f64> {
    let mut at = Duration::ZERO;
    let next = |made: usize| {
        let made = u32::try_from(made).unwrap_or(u32::MAX);
        at = at.saturating_add(schedule.gap(PollContext::new(at, made), 0.5));
        seconds(at)
    };
    (0..SHOWN).map(next).collect()
}

fn lines(stats: &StatsDocument) -> Vec<String> {
    let mut lines = vec![stats.model.clone()];
    let known = stats.expected.as_ref().map(|expected| {
        format!(
            "half take less than {}; of ten, one takes less than {} and one more than {}",
            time(expected.half),
            time(expected.tenth),
            time(expected.nine_tenths),
        )
    });
    let seen = match (stats.seen.len(), &known) {
        (0, None) => "no task was seen here, and nothing is published of how long they take".into(),
        (0, Some(_)) => "no task was seen here; this is what is published:".into(),
        (1, _) => "1 task was seen here".into(),
        (count, _) => format!("{count} tasks were seen here"),
    };
    lines.push(seen);
    lines.extend(known.clone());
    if !stats.seen.is_empty() {
        lines.push(String::new());
        lines.extend(histogram(&stats.seen));
    }
    let times: Vec<String> = stats.asked_after.iter().map(|at| time(*at)).collect();
    let CostDocument { polls, delay } = &stats.schedule;
    lines.push(String::new());
    lines.push(format!("asked about after {}, …", times.join(", ")));
    if known.is_none() {
        return lines;
    }
    lines.push(format!(
        "that is {polls:.1} times for each task, and its end is noticed {} late, on average",
        time(*delay)
    ));
    for (what, cost) in [
        ("a fixed interval that is as soon", &stats.fixed),
        ("every second", &stats.every_second),
    ] {
        let saved = (1.0 - polls / cost.polls) * 100.0;
        lines.push(format!(
            "{what}: {:.1} times, {} late; {}",
            cost.polls,
            time(cost.delay),
            match saved >= 0.0 {
                true => format!("{saved:.0} % of that is saved"),
                false => "less than here".to_owned(),
            }
        ));
    }
    lines
}

/// How many took how long, by steps that grow with the time.
fn histogram(seen: &[f64]) -> Vec<String> {
    let least = seen.iter().copied().fold(f64::INFINITY, f64::min).max(0.01);
    let most = seen.iter().copied().fold(0.0, f64::max).max(least * 1.2);
    let lines = seen.len().isqrt().max(seen.len().min(3)).min(LINES);
    let step = (most / least).powf(1.0 / lines as f64);
    let line = |seconds: f64| ((seconds / least).ln() / step.ln()).max(0.0) as usize;
    let mut counts = vec![0_usize; lines];
    for seconds in seen {
        let line = line(*seconds).min(counts.len() - 1);
        counts[line] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(1);
    let bar = |count: usize| "█".repeat((count * WIDTH).div_ceil(highest));
    (0..)
        .zip(counts)
        .map(|(line, count)| {
            let from = time(least * step.powi(line));
            let number = if count > 0 {
                format!(" {count}")
            } else {
                String::new()
            };
            format!("{from:>10}  {}{number}", bar(count))
        })
        .collect()
}
