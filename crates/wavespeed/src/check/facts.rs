//! The facts of a file, compared with the limits of a model for its files.
//!
//! What is known to be unusable is refused. A fact that is unknown is a warning if the model has a limit
//! for it: the vendor accepts files that the reader does not understand. A file states some facts in
//! several places; it is refused only if all of them break the limit, and a warning is given if any does.
//! Each check returns at most one [`Finding`], a message that begins with the name of the file.

use wavespeed_client::{Bounds, Media, MediaKind};

use crate::check::fault::{Finding, refusal, warning};
use crate::check::limits::{check_duration, check_sides, unknown_facts};
use crate::check::rule::Rule;
use crate::check::tracks::check_tracks;
use crate::media::container::Container;
use crate::media::facts::{Completeness, Facts};

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
    if let Some(finding) = unknown_container(name, facts) {
        findings.push(finding);
        return findings;
    }
    let incomplete = check_completeness(name, facts);
    let tracks = match incomplete {
        // The tracks of an incomplete file are those that are left.
        Some(_) => Vec::new(),
        None => check_tracks(name, facts, media.kind),
    };
    // Without tracks the facts below are unknown, and that was said.
    let are_facts_known =
        incomplete.is_none() && !tracks.iter().any(|(rule, ..)| *rule == Rule::Track);
    findings.extend(incomplete);
    findings.extend(tracks);
    findings.extend(check_sides(name, facts, media));
    findings.extend(check_duration(name, facts, media));
    if are_facts_known {
        findings.extend(unknown_facts(name, facts, media));
    }
    findings
}

/// Returns a warning if the kind of the file is unknown.
fn unknown_container(name: &str, facts: &Facts) -> Option<Finding> {
    let message = format!("{name} is of an unknown kind, so its content could not be checked");
    (facts.container == Container::Unknown).then(|| warning(Rule::Container, message))
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
    Some(warning(Rule::Size, message))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::fault::Severity;
    use crate::media::{Container, Track, TrackKind};

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
        assert_eq!(rules(&unknown, 1000), [(Rule::Duration, warned)]);
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
            with(&|facts| facts.completeness = Completeness::InitSegment),
            one(Rule::Whole)
        );
        assert_eq!(
            with(&|facts| facts.completeness = Completeness::Unknown),
            []
        );
        assert_eq!(with(&|facts| _ = facts.tracks.remove(0)), one(Rule::Track));
        assert_eq!(with(&|facts| facts.tracks.clear()), one(Rule::Track));
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
    /// Changes a fine clip, and checks it.
    fn changed(change: impl Fn(&mut Facts)) -> Vec<(Rule, Severity)> {
        let mut facts = clip((1280, 720), 5000, 5000, 5000);
        change(&mut facts);
        rules(&facts, 1000)
    }

    #[test]
    fn what_cannot_be_determined_is_a_warning() {
        let warned = |rule| vec![(rule, Severity::Warning)];
        let no_list = |facts: &mut Facts| {
            facts.tracks.clear();
            facts.completeness = Completeness::Unknown;
        };
        assert_eq!(changed(no_list), warned(Rule::Track));
        let compressed = |facts: &mut Facts| {
            facts.tracks.clear();
            facts.movie = None;
            facts.compressed_header = true;
        };
        assert_eq!(changed(compressed), warned(Rule::Track));
        let no_size = |facts: &mut Facts| {
            facts.tracks[0].size = None;
            facts.tracks[0].stored_size = None;
        };
        assert_eq!(changed(no_size), warned(Rule::Side));
        let no_kind = |facts: &mut Facts| facts.tracks[0].kind = TrackKind::Unknown;
        assert_eq!(changed(no_kind), warned(Rule::Track));
        for codec in [None, Some("new1".to_owned()), Some("\\xff1".to_owned())] {
            let with = |facts: &mut Facts| facts.tracks[0].codec.clone_from(&codec);
            assert_eq!(changed(with), warned(Rule::Codec), "{codec:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let refused = |rule| vec![(rule, Severity::Refusal)];
        let empty = |facts: &mut Facts| facts.tracks[0].has_samples = Some(false);
        assert_eq!(changed(empty), refused(Rule::Track));
        let unread = |facts: &mut Facts| facts.tracks[0].has_samples = None;
        assert_eq!(changed(unread), []);
        let encrypted = |facts: &mut Facts| facts.tracks[0].encrypted = true;
        assert_eq!(changed(encrypted), refused(Rule::Codec));
        assert!(Rule::Codec.can_be_overridden() && Rule::Track.can_be_overridden());
    }

    #[test]
    fn a_size_is_refused_only_if_all_sizes_are_out_of_range() {
        let (refused, warned) = (Severity::Refusal, Severity::Warning);
        for (displayed, stored, expected) in [
            ((1280, 720), (1280, 720), None),
            // Pixels that are not square.
            ((1280, 720), (960, 720), None),
            ((320, 240), (1280, 720), Some(warned)),
            ((1280, 720), (320, 240), Some(warned)),
            ((1920, 1080), (1280, 720), Some(warned)),
            ((320, 240), (640, 480), Some(refused)),
        ] {
            let found = changed(|facts| {
                facts.tracks[0].size = Some(displayed);
                facts.tracks[0].stored_size = Some(stored);
            });
            let expected = expected.map(|severity| (Rule::Side, severity));
            assert_eq!(found, Vec::from_iter(expected), "{displayed:?} {stored:?}");
        }
    }
}
