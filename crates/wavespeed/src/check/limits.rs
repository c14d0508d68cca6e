//! Sides, aspect ratio and duration of a file, compared with the limits of a model.

use std::time::Duration;

use wavespeed_client::{Bounds, Media, MediaKind};

use crate::check::fault::{Finding, Severity, refusal, warning};
use crate::check::rule::Rule;
use crate::media::facts::Facts;

/// The tolerance of durations. Frames and audio samples do not end exactly on a second, and a frame
/// lasts up to 42 ms at 24 frames per second.
const TOLERANCE: Duration = Duration::from_millis(50);

/// A size that a file states, and its source.
type Size = (&'static str, (u32, u32));

/// Returns the sizes that a file states, each with its source, the displayed size first.
fn stated_sizes(facts: &Facts, media: &Media) -> Vec<Size> {
    if media.kind == MediaKind::Image {
        return Vec::from_iter(facts.picture.map(|size| ("its header", size)));
    }
    let Some(video) = facts.video() else {
        return Vec::new();
    };
    let stored = video
        .stored_size
        .filter(|_| video.stored_size != video.size);
    let sources = [("its track header", video.size), ("its pictures", stored)];
    let sizes = sources.into_iter();
    sizes
        .filter_map(|(source, size)| Some((source, size?)))
        .collect()
}

/// Compares width and height with the limits of each side, of the aspect ratio, and with the
/// recommended resolutions, in this order, and returns the first finding.
pub(super) fn check_sides(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    let sizes = stated_sizes(facts, media);
    let (_, (width, height)) = *sizes.first()?;
    let limits = &media.side_px;
    let is_within = |side: u32| {
        let side = f64::from(side);
        limits.min.is_none_or(|min| side >= min) && limits.max.is_none_or(|max| side <= max)
    };
    let has_sides = |(_, (width, height)): &Size| is_within(*width) && is_within(*height);
    let has_aspect = |(_, (width, height)): &Size| {
        let aspect = f64::from(*width) / f64::from(*height);
        media.aspect.max.is_none_or(|max| aspect <= max)
            && media.aspect.min.is_none_or(|min| aspect >= min)
    };
    if !sizes.iter().any(has_sides) {
        let message = format!(
            "{name} is {width}x{height}, but each side must be {}; scale it",
            range(limits, " px")
        );
        return Some(refusal(Rule::Side, message));
    }
    if !sizes.iter().any(has_aspect) {
        let message = format!(
            "{name} is {width}x{height}, but its width must be {} times its height; crop it",
            range(&media.aspect, "")
        );
        return Some(refusal(Rule::Side, message));
    }
    let is_allowed = sizes.iter().all(|size| has_sides(size) && has_aspect(size));
    if !is_allowed || contradict_each_other(&sizes) {
        return Some(warning(Rule::Side, several_sizes(name, &sizes)));
    }
    // The resolution of a video in portrait format is named by its shorter side as well.
    let advised = media.advised_lines;
    let is_advised = |(_, (width, height)): &Size| advised.contains(width.min(height));
    if advised.is_empty() || sizes.iter().any(is_advised) {
        return None;
    }
    let advised: Vec<String> = advised.iter().map(|lines| format!("{lines}p")).collect();
    let message = format!(
        "{name} is {width}x{height}, but {} is recommended",
        advised.join(" or ")
    );
    Some(warning(Rule::Resolution, message))
}

/// Returns `true` if both sides of two sizes differ. Pixels that are not square make only one of them
/// longer.
fn contradict_each_other(sizes: &[Size]) -> bool {
    let differs = |one: u32, other: u32| one.abs_diff(other) > other.div_ceil(50);
    match sizes {
        [(_, one), (_, other)] => differs(one.0, other.0) && differs(one.1, other.1),
        _ => false,
    }
}

fn several_sizes(name: &str, sizes: &[Size]) -> String {
    let sizes = sizes.iter();
    let each = sizes.map(|(source, (width, height))| format!("{source} {width}x{height}"));
    let each: Vec<String> = each.collect();
    format!(
        "{name} states several sizes ({}), and the vendor may use any of them",
        each.join(", ")
    )
}

/// Returns a warning for each fact that is unknown although the model has a limit for it.
pub(super) fn unknown_facts(name: &str, facts: &Facts, media: &Media) -> Vec<Finding> {
    let is_bounded = |limits: &Bounds| *limits != Bounds::default();
    let has_sides = media.kind != MediaKind::Audio;
    let limits_sides =
        is_bounded(&media.side_px) || is_bounded(&media.aspect) || !media.advised_lines.is_empty();
    let mut findings = Vec::new();
    if has_sides && limits_sides && stated_sizes(facts, media).is_empty() {
        let allowed = match is_bounded(&media.side_px) {
            true => format!("; each side must be {}", range(&media.side_px, " px")),
            false => String::new(),
        };
        let message = format!("the width and height of {name} could not be determined{allowed}");
        findings.push(warning(Rule::Side, message));
    }
    let has_length = media.kind != MediaKind::Image;
    if has_length && is_bounded(&media.seconds) && stated_durations(facts).is_empty() {
        let allowed = range(&media.seconds, " s");
        let message = format!("the length of {name} could not be determined; it must be {allowed}");
        findings.push(warning(Rule::Duration, message));
    }
    findings
}

/// Compares the durations of a file with the limits of a model.
///
/// A file states up to three durations, which may differ. The vendor does not document which of
/// them counts, so a file is refused only if all are out of range, and a warning is given if any is.
pub(super) fn check_duration(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    let limits = &media.seconds;
    let durations = stated_durations(facts);
    // The duration of the video track is listed first, and named in messages.
    let (_, first) = *durations.first()?;
    let all = |severity| {
        let mut severities = durations
            .iter()
            .map(|(_, duration)| severity_of(*duration, limits));
        severities.all(|other| other == Some(severity))
    };
    let any = durations
        .iter()
        .any(|(_, duration)| severity_of(*duration, limits).is_some());
    if all(Severity::Refusal) {
        let allowed = range(limits, " s");
        let message = format!(
            "{name} is {} long, but must be {allowed}; cut it",
            shown(first)
        );
        return Some(refusal(Rule::Duration, message));
    }
    let message = if all(Severity::Warning) {
        format!(
            "{name} is {} long; at most {} s are recommended, and the rest may be cut off",
            shown(first),
            limits.advised_max.unwrap_or_default()
        )
    } else if any {
        let each = durations
            .iter()
            .map(|(source, duration)| format!("{source} {}", shown(*duration)));
        let each: Vec<String> = each.collect();
        let allowed = range(limits, " s");
        format!(
            "{name} states several durations ({}), of which not all are {allowed}",
            each.join(", ")
        )
    } else {
        return None;
    };
    Some(warning(Rule::Duration, message))
}

/// Returns the durations that a file states, each with its source.
fn stated_durations(facts: &Facts) -> Vec<(&'static str, Duration)> {
    let sources = [
        (
            "its video track",
            facts.video().and_then(|video| video.duration),
        ),
        ("its longest track", facts.longest()),
        ("its header", facts.movie),
    ];
    sources
        .into_iter()
        .filter_map(|(source, duration)| Some((source, duration?)))
        .collect()
}

/// Returns the severity of a duration that is out of range.
fn severity_of(duration: Duration, limits: &Bounds) -> Option<Severity> {
    let is_over = |max: f64| duration > Duration::from_secs_f64(max) + TOLERANCE;
    // The tolerance is added on this side, as a duration cannot be negative.
    let is_under = |min: f64| duration + TOLERANCE < Duration::from_secs_f64(min);
    if limits.min.is_some_and(is_under) || limits.max.is_some_and(is_over) {
        Some(Severity::Refusal)
    } else if limits.advised_max.is_some_and(is_over) {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// Returns a duration in seconds with at most two decimals, such as `4.5 s`.
fn shown(duration: Duration) -> String {
    let seconds = format!("{:.2}", duration.as_secs_f64());
    format!("{} s", seconds.trim_end_matches('0').trim_end_matches('.'))
}

/// Returns limits in words. The recommended maximum stands in for a maximum.
fn range(limits: &Bounds, unit: &str) -> String {
    match (limits.min, limits.max.or(limits.advised_max)) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("at least {min}{unit}"),
        (None, Some(max)) => format!("at most {max}{unit}"),
        // Only a value that breaks a limit is described by its limits.
        (None, None) => String::new(),
    }
}
