//! The tracks of an mp4 or mov file: those that the model needs exist, have samples, and can be decoded.

use wavespeed_client::MediaKind;

use crate::check::fault::{Finding, refusal, warning};
use crate::check::rule::Rule;
use crate::media::codec::is_known;
use crate::media::facts::{Completeness, Facts, Track, TrackKind};

/// Checks the tracks of the kind that a model needs. The first finding that leaves nothing else to check
/// is the only one.
pub(super) fn check_tracks(name: &str, facts: &Facts, needed: MediaKind) -> Vec<Finding> {
    let (kind, kind_name, samples) = match needed {
        MediaKind::Video => (TrackKind::Video, "video", "pictures"),
        MediaKind::Audio => (TrackKind::Audio, "sound", "sound"),
        _ => return Vec::new(),
    };
    if !facts.container.is_box_file() {
        return Vec::new();
    }
    if let Some(finding) = check_list(name, facts) {
        return vec![finding];
    }
    // A track of unknown kind may be the one.
    let is_wanted = |track: &&Track| track.kind == kind || track.kind == TrackKind::Unknown;
    let wanted: Vec<&Track> = facts.tracks.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return vec![refusal(
            Rule::Track,
            format!("{name} has no {kind_name} track"),
        )];
    }
    if wanted.iter().all(|track| track.has_samples == Some(false)) {
        let message = format!("{name} has no {samples} in its {kind_name} track; render it again");
        return vec![refusal(Rule::Track, message)];
    }
    if wanted.iter().all(|track| track.kind != kind) {
        let message = format!("{name} does not say which of its tracks is the {kind_name}");
        return vec![warning(Rule::Track, message)];
    }
    Vec::from_iter(check_codec(name, &wanted, kind_name))
}

/// Checks that the list of tracks is known and not empty.
fn check_list(name: &str, facts: &Facts) -> Option<Finding> {
    if !facts.tracks.is_empty() {
        return None;
    }
    if facts.compressed_header {
        let message = format!(
            "{name} has a compressed movie header (cmov), so its tracks could not be checked; \
             save it anew with another program"
        );
        return Some(warning(Rule::Track, message));
    }
    Some(match facts.completeness {
        Completeness::Complete => refusal(Rule::Track, format!("{name} has no tracks")),
        _ => warning(
            Rule::Track,
            format!("the list of tracks of {name} was not found, so it could not be checked"),
        ),
    })
}

/// Checks that the samples of the tracks can be decoded.
fn check_codec(name: &str, tracks: &[&Track], kind_name: &str) -> Option<Finding> {
    if tracks.iter().all(|track| track.encrypted) {
        let message = format!(
            "{name} is encrypted, so its {kind_name} cannot be decoded; use a copy without protection"
        );
        return Some(refusal(Rule::Codec, message));
    }
    if tracks.iter().any(|track| track.encrypted) {
        let message = format!("{name} has several {kind_name} tracks, and one is encrypted");
        return Some(warning(Rule::Codec, message));
    }
    let codecs = || tracks.iter().map(|track| track.codec.as_deref());
    if codecs().flatten().any(is_known) {
        return None;
    }
    let codec = codecs().flatten().next().unwrap_or("unknown");
    let message = format!(
        "the codec of the {kind_name} of {name} is {codec}, which is not known here; \
         the vendor may not be able to decode it"
    );
    Some(warning(Rule::Codec, message))
}
