//! `wave stats`: the observed durations of jobs of a model, the polling schedule that follows from
//! them, and the polls that it saves.

use std::time::Duration;

use wavespeed::poll::{Fixed, PollContext, Schedule};
use wavespeed::{ModelId, Wavespeed};

use crate::args::catalogue::StatsArgs;
use crate::choose_model::did_you_mean;
use crate::context::Context;
use crate::output::document::stats::{CostDocument, ExpectedDocument, StatsDocument, seconds};
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::time::duration;

/// The number of lines of the histogram at most.
const MAX_LINES: usize = 10;
/// The length of the longest bar of the histogram, in characters.
const WIDTH: usize = 40;
/// The number of polls whose times are shown.
const SHOWN: usize = 8;

pub(super) async fn stats(args: &StatsArgs, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let document = document(&client, &args.model).await?;
    Ok(Report::answer(lines(&document), &document))
}

async fn document(client: &Wavespeed, id: &str) -> Result<StatsDocument, Failure> {
    let seen = client.observed_durations(id).await?;
    let model = wavespeed::model(id);
    // A model outside the catalogue has statistics once a job of it was observed.
    if seen.is_empty() && model.is_none() {
        let known = id.parse::<ModelId>().map_err(Failure::usage)?;
        let near = did_you_mean(id);
        let hint = format!("{near}durations are recorded by API key and base URL");
        return Err(Failure::usage(format!("no job of {known} was observed")).hint(hint));
    }
    let (durations, schedule) = (client.durations(id).await, client.schedule(id).await);
    let is_known = !seen.is_empty() || model.is_some_and(|model| model.seconds.is_some());
    let quantile = |part| seconds(durations.quantile(Duration::ZERO, part));
    let cost = durations.cost_of(&*schedule);
    Ok(StatsDocument {
        model: id.to_owned(),
        seen: seen.iter().map(|job| seconds(job.duration)).collect(),
        expected: is_known.then(|| ExpectedDocument {
            tenth: quantile(0.1),
            half: quantile(0.5),
            nine_tenths: quantile(0.9),
        }),
        asked_after: polls(&*schedule),
        schedule: cost.into(),
        fixed: durations
            .cost_of(&durations.fixed_interval(cost.delay))
            .into(),
        every_second: durations.cost_of(&Fixed(Duration::from_secs(1))).into(),
    })
}

/// Returns the times of the first polls of a job.
fn polls(schedule: &dyn Schedule) -> Vec<f64> {
    let mut at = Duration::ZERO;
    let next = |made: usize| {
        let made = u32::try_from(made).unwrap_or(u32::MAX);
        // 0.5 is the middle of the jitter.
        at = at.saturating_add(schedule.gap(PollContext::new(at, made), 0.5));
        seconds(at)
    };
    (0..SHOWN).map(next).collect()
}

fn lines(stats: &StatsDocument) -> Vec<String> {
    let mut lines = vec![stats.model.clone()];
    lines.push(match (stats.seen.len(), &stats.expected) {
        (0, None) => "no job was observed, and no durations are published".into(),
        (0, Some(_)) => "no job was observed; these are published durations:".into(),
        (1, _) => "1 job was observed".into(),
        (count, _) => format!("{count} jobs were observed"),
    });
    if let Some(expected) = &stats.expected {
        lines.push(format!(
            "half take less than {}; 10 % take less than {} and 10 % more than {}",
            duration(expected.half),
            duration(expected.tenth),
            duration(expected.nine_tenths),
        ));
    }
    if !stats.seen.is_empty() {
        lines.push(String::new());
        lines.extend(histogram(&stats.seen));
    }
    let times: Vec<String> = stats.asked_after.iter().map(|at| duration(*at)).collect();
    lines.push(String::new());
    lines.push(format!("polls after {}, …", times.join(", ")));
    if stats.expected.is_some() {
        lines.extend(cost_lines(stats));
    }
    lines
}

/// Compares the cost of the schedule with that of fixed intervals.
fn cost_lines(stats: &StatsDocument) -> Vec<String> {
    let CostDocument { polls, delay } = &stats.schedule;
    let mut lines = vec![format!(
        "on average {polls:.1} polls per job, and its end is noticed {} late",
        duration(*delay)
    )];
    for (what, cost) in [
        ("a fixed interval with the same delay", &stats.fixed),
        ("a poll every second", &stats.every_second),
    ] {
        let saved = (1.0 - polls / cost.polls) * 100.0;
        lines.push(format!(
            "{what}: {:.1} polls, {} late; {}",
            cost.polls,
            duration(cost.delay),
            match saved >= 0.0 {
                true => format!("the schedule saves {saved:.0} %"),
                false => "fewer than the schedule".to_owned(),
            }
        ));
    }
    lines
}

/// Returns the lines of a histogram whose steps grow with the duration.
fn histogram(seen: &[f64]) -> Vec<String> {
    // The steps are logarithmic, so the shortest duration must not be zero.
    let least = seen.iter().copied().fold(f64::INFINITY, f64::min).max(0.01);
    let most = seen.iter().copied().fold(0.0, f64::max).max(least * 1.2);
    // As many lines as the square root of the number of durations is a common choice.
    let lines = seen.len().isqrt().max(seen.len().min(3)).min(MAX_LINES);
    let step = (most / least).powf(1.0 / lines as f64);
    let line = |seconds: f64| ((seconds / least).ln() / step.ln()).max(0.0) as usize;
    let mut counts = vec![0_usize; lines];
    for seconds in seen {
        // The longest duration is at the upper end of the last line.
        let line = line(*seconds).min(counts.len() - 1);
        counts[line] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(1);
    // A bar is at least one character long, so that no duration is invisible.
    let bar = |count: usize| "█".repeat((count * WIDTH).div_ceil(highest));
    (0..)
        .zip(counts)
        .map(|(line, count)| {
            let from = duration(least * step.powi(line));
            let number = if count > 0 {
                format!(" {count}")
            } else {
                String::new()
            };
            format!("{from:>10}  {}{number}", bar(count))
        })
        .collect()
}
