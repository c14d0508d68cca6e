//! What is known of a file against what the model says of its files. What is not known is no fault.

use std::time::Duration;

use wavespeed_client::{Bounds, Media, MediaKind};

use crate::check::fault::Severity;
use crate::check::rule::Rule;
use crate::media::container::Container;
use crate::media::facts::{End, Facts, TrackKind};

/// Frames and samples do not end on the second.
const TOLERANCE: Duration = Duration::from_millis(50);

/// A rule that is broken, what follows, and what to say.
pub(crate) type Finding = (Rule, Severity, String);

/// The faults of a file of this size, by its name in a message.
pub(crate) fn check_facts(name: &str, facts: &Facts, size: u64, media: &Media) -> Vec<Finding> {
    if size == 0 {
        return vec![refusal(Rule::Size, format!("{name} is empty"))];
    }
    if let Some(found) = container(name, facts, media) {
        // What it has instead is of no matter then.
        return vec![found];
    }
    let mut found: Vec<Finding> = Vec::new();
    found.extend(self::size(name, size, &media.bytes));
    found.extend(end(name, facts));
    if media.kind == MediaKind::Video {
        found.extend(track(name, facts));
    }
    found.extend(sides(name, facts, media));
    found.extend(seconds(name, facts, &media.seconds));
    found
}

fn refusal(rule: Rule, message: String) -> Finding {
    (rule, Severity::Refusal, message)
}

fn container(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    if let Some(kind) = kind(facts)
        && media.containers.is_empty()
        && kind != media.kind
    {
        let words = |kind: MediaKind| match kind {
            MediaKind::Video => "a video",
            MediaKind::Audio => "sound",
            MediaKind::Image => "a picture",
            _ => "something else",
        };
        let (is, wanted) = (facts.container, words(media.kind));
        let message = format!("{name} is {is}, {}, but {wanted} is wanted", words(kind));
        return Some(refusal(Rule::Container, message));
    }
    let mut known = media.containers.iter().map(|kind| facts.container.is(kind));
    if media.containers.is_empty() || known.any(|is| is != Some(false)) {
        return None;
    }
    let (is, wanted) = (facts.container, media.containers.join(" or "));
    let message = format!("{name} is {is}, not {wanted}, whatever it is called; convert it");
    Some(refusal(Rule::Container, message))
}

/// What a file is, if that is known for sure. One with sound alone may be called a video by its
/// container.
fn kind(facts: &Facts) -> Option<MediaKind> {
    use Container as C;
    Some(match facts.container {
        C::Png | C::Jpeg | C::Gif | C::Webp | C::Heif => MediaKind::Image,
        C::Mp3 | C::Wav | C::Flac | C::Aac | C::M4a => MediaKind::Audio,
        C::Mp4 | C::Mov | C::Matroska | C::Avi | C::Flv | C::MpegTs | C::MpegPs | C::Asf => {
            facts.video().map(|_| MediaKind::Video)?
        }
        _ => return None,
    })
}

fn size(name: &str, size: u64, limits: &Bounds) -> Option<Finding> {
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
    let message = format!("{name} has {size} bytes, at most {advised} are advised");
    Some((Rule::Size, Severity::Warning, message))
}

fn end(name: &str, facts: &Facts) -> Option<Finding> {
    let message = match facts.end {
        End::CutOff { expected } => format!(
            "{name} was cut off: it should go on to byte {expected}; copy or download it again"
        ),
        End::NoTracks => format!(
            "{name} does not say what its tracks are (no moov): it was not finished; render it again"
        ),
        End::Whole | End::Unknown => return None,
    };
    Some(refusal(Rule::Whole, message))
}

fn track(name: &str, facts: &Facts) -> Option<Finding> {
    let mut tracks = facts.tracks.iter().map(|track| track.kind);
    let none = !tracks.any(|kind| matches!(kind, TrackKind::Video | TrackKind::Unknown));
    let message = format!("{name} has no video track");
    (none && !facts.tracks.is_empty()).then(|| refusal(Rule::Track, message))
}

fn sides(name: &str, facts: &Facts, media: &Media) -> Option<Finding> {
    let (width, height) = match media.kind {
        MediaKind::Image => facts.picture?,
        _ => facts.video()?.size?,
    };
    let limits = &media.side_px;
    let within = |side: u32| {
        let side = f64::from(side);
        limits.min.is_none_or(|min| side >= min) && limits.max.is_none_or(|max| side <= max)
    };
    if !within(width) || !within(height) {
        let message = format!(
            "{name} is {width}x{height}, but each side must be {}; scale it",
            range(limits, " px")
        );
        return Some(refusal(Rule::Side, message));
    }
    let aspect = f64::from(width) / f64::from(height);
    let too_flat = media.aspect.max.is_some_and(|max| aspect > max);
    if too_flat || media.aspect.min.is_some_and(|min| aspect < min) {
        let message = format!(
            "{name} is {width}x{height}, but its width must be {} times its height; crop it",
            range(&media.aspect, "")
        );
        return Some(refusal(Rule::Side, message));
    }
    // A clip that stands on its head side is called by its shorter side, too.
    let (lines, advised) = (width.min(height), media.advised_lines);
    if advised.is_empty() || advised.contains(&lines) {
        return None;
    }
    let advised: Vec<String> = advised.iter().map(|lines| format!("{lines}p")).collect();
    let message = format!(
        "{name} is {width}x{height}, but {} is advised",
        advised.join(" or ")
    );
    Some((Rule::Resolution, Severity::Warning, message))
}

/// A file states its length several times. Nobody knows which one the vendor looks at, so it is
/// refused only if all are out of range.
fn seconds(name: &str, facts: &Facts, limits: &Bounds) -> Option<Finding> {
    let stated = [
        (
            "its video track",
            facts.video().and_then(|video| video.duration),
        ),
        ("its longest track", facts.longest()),
        ("its header", facts.movie),
    ];
    let stated = stated
        .iter()
        .filter_map(|(what, time)| Some((*what, (*time)?)));
    let stated: Vec<(&str, Duration)> = stated.collect();
    let bad = |time: Duration| {
        let over = |max: f64| time > Duration::from_secs_f64(max) + TOLERANCE;
        let under = |min: f64| time + TOLERANCE < Duration::from_secs_f64(min);
        match limits {
            _ if limits.min.is_some_and(under) => Some(Severity::Refusal),
            _ if limits.max.is_some_and(over) => Some(Severity::Refusal),
            _ if limits.advised_max.is_some_and(over) => Some(Severity::Warning),
            _ => None,
        }
    };
    let (_, first) = *stated.first()?;
    let all = |severity| stated.iter().all(|(_, time)| bad(*time) == Some(severity));
    let message = match () {
        () if all(Severity::Refusal) => {
            let allowed = range(limits, " s");
            let message = format!(
                "{name} is {} long, but must be {allowed}; cut it",
                shown(first)
            );
            return Some(refusal(Rule::Duration, message));
        }
        () if all(Severity::Warning) => format!(
            "{name} is {} long; more than {} s is advised against, and may be cut",
            shown(first),
            limits.advised_max.unwrap_or_default()
        ),
        () if stated.iter().any(|(_, time)| bad(*time).is_some()) => {
            let each = stated
                .iter()
                .map(|(what, time)| format!("{what} {}", shown(*time)));
            let each: Vec<String> = each.collect();
            let allowed = range(limits, " s");
            format!(
                "{name} states several lengths ({}), of which not all are {allowed}",
                each.join(", ")
            )
        }
        () => return None,
    };
    Some((Rule::Duration, Severity::Warning, message))
}

fn shown(time: Duration) -> String {
    let seconds = format!("{:.2}", time.as_secs_f64());
    format!("{} s", seconds.trim_end_matches('0').trim_end_matches('.'))
}

/// What is allowed, or advised if nothing else is said.
fn range(limits: &Bounds, unit: &str) -> String {
    match (limits.min, limits.max.or(limits.advised_max)) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("at least {min}{unit}"),
        (None, Some(max)) => format!("at most {max}{unit}"),
        (None, None) => "another".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Container, Track};

    /// What the first model says of its video.
    fn media() -> &'static Media {
        let model = crate::model("kwaivgi/kling-lipsync/text-to-video").unwrap();
        model.input("video").unwrap().media.as_ref().unwrap()
    }

    fn milliseconds(time: u64) -> Option<Duration> {
        Some(Duration::from_millis(time))
    }

    fn clip(size: (u32, u32), video: u64, sound: u64, movie: u64) -> Facts {
        let track = |kind, size, time| Track {
            kind,
            enabled: true,
            codec: None,
            size,
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
            end: End::Whole,
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
    fn sides_are_a_rule_and_lines_an_advice() {
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
    fn pictures_have_sides_and_an_aspect() {
        let model = crate::model("kwaivgi/kling-v1.6-i2v-pro").unwrap();
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
    fn a_length_is_refused_only_if_all_that_are_stated_are_wrong() {
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
    fn sizes_ends_and_tracks() {
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
            with(&|facts| facts.end = End::CutOff { expected: 9 }),
            one(Rule::Whole)
        );
        assert_eq!(with(&|facts| facts.end = End::NoTracks), one(Rule::Whole));
        assert_eq!(with(&|facts| facts.end = End::Unknown), []);
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
