//! The facts of a file, compared with the limits of a model for its files.
//!
//! A fact that is unknown is no fault: the vendor accepts files that the reader does not understand.
//! Each check returns at most one [`Finding`], a message that begins with the name of the file.

use std::time::Duration;

use wavespeed_client::{Bounds, Media, MediaKind};

use crate::check::fault::{Finding, Severity};
use crate::check::rule::Rule;
use crate::media::container::Container;
use crate::media::facts::{Completeness, Facts, TrackKind};

/// The tolerance of durations. Frames and audio samples do not end exactly on a second, and a frame
/// lasts up to 42 ms at 24 frames per second.
const TOLERANCE: Duration = Duration::from_millis(50);

/// Compares the facts of a file of this size in bytes with the limits of a model. Messages call the
/// file by `name`.
pub(crate) fn check_facts(name: &str, facts: &Facts, size: u64, media: &Media) -> Vec<Finding> {
    if size == 0 {
        return vec![refusal(Rule::Size, format!("{name} is empty"))];
    }
    if let Some(finding) = check_container(name, facts, media) {
        // Other limits are those of the right kind of file and would only confuse.
        return vec![finding];
    }
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(check_size(name, size, &media.bytes));
    findings.extend(check_completeness(name, facts));
    if media.kind == MediaKind::Video {
        findings.extend(check_video_track(name, facts));
    }
    findings.extend(check_sides(name, facts, media));
    findings.extend(check_duration(name, facts, &media.seconds));
    findings
}

fn refusal(rule: Rule, message: String) -> Finding {
    (rule, Severity::Refusal, message)
}

fn check_container(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    // A model that lists no containers still takes only one kind of media.
    if let Some(kind) = media_kind(facts)
        && media.containers.is_empty()
        && kind != media.kind
    {
        let words = |kind: MediaKind| match kind {
            MediaKind::Video => "a video",
            MediaKind::Audio => "sound",
            MediaKind::Image => "a picture",
            _ => "something else",
        };
        let (container, expected) = (facts.container, words(media.kind));
        let message = format!(
            "{name} is {container}, {}, but the model takes {expected}",
            words(kind)
        );
        return Some(refusal(Rule::Container, message));
    }
    // Refused only if the file is certainly none of the containers; see `Container::is`.
    let mut matches = media.containers.iter().map(|kind| facts.container.is(kind));
    if media.containers.is_empty() || matches.any(|is| is != Some(false)) {
        return None;
    }
    let (container, expected) = (facts.container, media.containers.join(" or "));
    let message =
        format!("{name} is {container} by its content, but the model takes {expected}; convert it");
    Some(refusal(Rule::Container, message))
}

/// Returns the kind of media in a file, or `None` if the kind is uncertain.
fn media_kind(facts: &Facts) -> Option<MediaKind> {
    use Container as C;
    Some(match facts.container {
        C::Png | C::Jpeg | C::Gif | C::Webp | C::Heif => MediaKind::Image,
        C::Mp3 | C::Wav | C::Flac | C::Aac | C::M4a => MediaKind::Audio,
        // These may hold sound alone, so only a video track makes a video of them.
        C::Mp4 | C::Mov | C::Matroska | C::Avi | C::Flv | C::MpegTs | C::MpegPs | C::Asf => {
            facts.video().map(|_| MediaKind::Video)?
        }
        _ => return None,
    })
}

fn check_size(name: &str, size: u64, limits: &Bounds) -> Option<Finding> {
    let bytes = size as f64;
    if let Some(max) = limits.max.filter(|max| bytes > *max) {
        let message = format!(
            "{name} has {size} bytes, at most {max} are allowed; shorten it or lower its bit rate"
        );
        return Some(refusal(Rule::Size, message));
    }
    if let Some(min) = limits.min.filter(|min| bytes < *min) {
        let message = format!("{name} has {size} bytes, at least {min} are needed");
        return Some(refusal(Rule::Size, message));
    }
    let advised = limits.advised_max.filter(|advised| bytes > *advised)?;
    let message = format!("{name} has {size} bytes, at most {advised} are recommended");
    Some((Rule::Size, Severity::Warning, message))
}

fn check_completeness(name: &str, facts: &Facts) -> Option<Finding> {
    let message = match facts.completeness {
        Completeness::Truncated { expected } => format!(
            "{name} is truncated: it should extend to byte {expected}; copy or download it again"
        ),
        // Encoders write `moov` last, so a file without one comes from an encoder that was stopped.
        Completeness::NoTracks => format!(
            "{name} does not describe its tracks (no moov box): it was not finished; render it again"
        ),
        Completeness::InitSegment => format!(
            "{name} is the initialization segment of a stream alone, without pictures or sound; \
             join it with the other segments"
        ),
        Completeness::Complete | Completeness::Unknown => return None,
    };
    Some(refusal(Rule::Whole, message))
}

fn check_video_track(name: &str, facts: &Facts) -> Option<Finding> {
    // No tracks at all means that they are unknown, and a track of unknown kind may be the video.
    let mut kinds = facts.tracks.iter().map(|track| track.kind);
    let has_none = !kinds.any(|kind| matches!(kind, TrackKind::Video | TrackKind::Unknown));
    let message = format!("{name} has no video track");
    (has_none && !facts.tracks.is_empty()).then(|| refusal(Rule::Track, message))
}

/// Compares width and height with the limits of each side, of the aspect ratio, and with the
/// recommended resolutions, in this order, and returns the first finding.
fn check_sides(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    let (width, height) = match media.kind {
        MediaKind::Image => facts.picture?,
        _ => facts.video()?.size?,
    };
    let limits = &media.side_px;
    let is_within = |side: u32| {
        let side = f64::from(side);
        limits.min.is_none_or(|min| side >= min) && limits.max.is_none_or(|max| side <= max)
    };
    if !is_within(width) || !is_within(height) {
        let message = format!(
            "{name} is {width}x{height}, but each side must be {}; scale it",
            range(limits, " px")
        );
        return Some(refusal(Rule::Side, message));
    }
    let aspect = f64::from(width) / f64::from(height);
    let is_too_wide = media.aspect.max.is_some_and(|max| aspect > max);
    let is_too_tall = media.aspect.min.is_some_and(|min| aspect < min);
    if is_too_wide || is_too_tall {
        let message = format!(
            "{name} is {width}x{height}, but its width must be {} times its height; crop it",
            range(&media.aspect, "")
        );
        return Some(refusal(Rule::Side, message));
    }
    // The resolution of a video in portrait format is named by its shorter side as well.
    let (lines, advised) = (width.min(height), media.advised_lines);
    if advised.is_empty() || advised.contains(&lines) {
        return None;
    }
    let advised: Vec<String> = advised.iter().map(|lines| format!("{lines}p")).collect();
    let message = format!(
        "{name} is {width}x{height}, but {} is recommended",
        advised.join(" or ")
    );
    Some((Rule::Resolution, Severity::Warning, message))
}

/// Compares the durations of a file with the limits of a model.
///
/// A file states up to three durations, which may differ. The vendor does not document which of
/// them counts, so a file is refused only if all are out of range, and a warning is given if any is.
fn check_duration(name: &str, facts: &Facts, limits: &Bounds) -> Option<Finding> {
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
    Some((Rule::Duration, Severity::Warning, message))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Container, Track};

    /// Returns the limits of a model for its video.
    fn media() -> &'static Media {
        let model = wavespeed_client::model("kwaivgi/kling-lipsync/text-to-video").unwrap();
        model.input("video").unwrap().media.as_ref().unwrap()
    }

    fn milliseconds(time: u64) -> Option<Duration> {
        Some(Duration::from_millis(time))
    }

    fn clip(size: (u32, u32), video: u64, sound: u64, movie: u64) -> Facts {
        let track = |kind, size, time| Track {
            kind,
            enabled: true,
            codec: Some("avc1".into()),
            encrypted: false,
            size,
            stored_size: size,
            has_samples: Some(true),
            duration: milliseconds(time),
        };
        Facts {
            container: Container::Mp4,
            tracks: vec![
                track(TrackKind::Video, Some(size), video),
                track(TrackKind::Audio, None, sound),
            ],
            movie: milliseconds(movie),
            picture: None,
            completeness: Completeness::Complete,
            compressed_header: false,
        }
    }

    fn rules(facts: &Facts, size: u64) -> Vec<(Rule, Severity)> {
        let found = check_facts("it", facts, size, media());
        found
            .into_iter()
            .map(|(rule, severity, _)| (rule, severity))
            .collect()
    }

    #[test]
    fn sides_are_limited_and_lines_are_recommended() {
        for (size, expected) in [
            ((720, 720), None),
            ((1920, 1080), None),
            ((1080, 1920), None),
            ((719, 1280), Some((Rule::Side, Severity::Refusal))),
            ((1280, 719), Some((Rule::Side, Severity::Refusal))),
            ((1921, 1080), Some((Rule::Side, Severity::Refusal))),
            ((1280, 800), Some((Rule::Resolution, Severity::Warning))),
        ] {
            let found = rules(&clip(size, 5000, 5000, 5000), 1000);
            assert_eq!(found, Vec::from_iter(expected), "{size:?}");
        }
    }

    #[test]
    fn sides_and_aspect_of_pictures_are_limited() {
        let model = wavespeed_client::model("kwaivgi/kling-v1.6-i2v-pro").unwrap();
        let media = model.input("image").unwrap().media.as_ref().unwrap();
        for (size, refused) in [
            ((300, 300), false),
            ((750, 300), false),
            ((300, 750), false),
            ((299, 300), true),
            ((751, 300), true),
            ((300, 751), true),
        ] {
            let facts = Facts {
                container: Container::Png,
                tracks: Vec::new(),
                picture: Some(size),
                ..clip(size, 0, 0, 0)
            };
            let found = check_facts("it", &facts, 1000, media);
            assert_eq!(!found.is_empty(), refused, "{size:?} {found:?}");
        }
    }

    #[test]
    fn a_duration_is_refused_only_if_all_durations_are_out_of_range() {
        let (refused, warned) = (Severity::Refusal, Severity::Warning);
        for (lengths, expected) in [
            ([5000, 5000, 5000], None),
            ([1950, 1950, 1950], None),
            ([1949, 1900, 1949], Some(refused)),
            ([1900, 2100, 2100], Some(warned)),
            ([10_050, 10_050, 10_050], None),
            ([10_060, 10_060, 10_060], Some(warned)),
            ([9000, 11_000, 11_000], Some(warned)),
        ] {
            let [video, sound, movie] = lengths;
            let found = rules(&clip((1280, 720), video, sound, movie), 1000);
            let expected = expected.map(|severity| (Rule::Duration, severity));
            assert_eq!(found, Vec::from_iter(expected), "{lengths:?}");
        }
        let mut unknown = clip((1280, 720), 0, 0, 0);
        unknown.movie = None;
        unknown
            .tracks
            .iter_mut()
            .for_each(|track| track.duration = None);
        assert_eq!(rules(&unknown, 1000), []);
    }

    #[test]
    fn size_completeness_tracks_and_container_are_checked() {
        let fine = clip((1280, 720), 5000, 5000, 5000);
        let one = |rule| vec![(rule, Severity::Refusal)];
        assert_eq!(rules(&fine, 100_000_000), []);
        assert_eq!(rules(&fine, 100_000_001), [(Rule::Size, Severity::Warning)]);
        assert_eq!(rules(&fine, 104_857_601), one(Rule::Size));
        let with = |change: &dyn Fn(&mut Facts)| {
            let mut facts = fine.clone();
            change(&mut facts);
            rules(&facts, 1000)
        };
        assert_eq!(
            with(&|facts| facts.completeness = Completeness::Truncated { expected: 9 }),
            one(Rule::Whole)
        );
        assert_eq!(
            with(&|facts| facts.completeness = Completeness::NoTracks),
            one(Rule::Whole)
        );
        assert_eq!(
            with(&|facts| facts.completeness = Completeness::Unknown),
            []
        );
        assert_eq!(with(&|facts| _ = facts.tracks.remove(0)), one(Rule::Track));
        assert_eq!(with(&|facts| facts.tracks.clear()), []);
        assert_eq!(with(&|facts| facts.container = Container::Mov), []);
        assert_eq!(
            with(&|facts| facts.container = Container::Matroska),
            one(Rule::Container)
        );
        assert_eq!(
            with(&|facts| facts.container = Container::Unknown),
            one(Rule::Container)
        );
    }
}
