//! The boxes of a movie, interpreted: its tracks and durations.
//!
//! The [`Reader`](crate::media::Reader) finds the boxes and passes them to [`Movie`] in file order.
//! A movie is either plain, with all samples described in `moov`, or fragmented (`mvex`), with a
//! `moov` that may describe no samples at all and `moof` boxes that describe the samples piece by
//! piece. Their durations are stated in different places; see [`Movie::track_duration`].

use std::time::Duration;

use crate::media::boxes::{BoxReader, BoxType};
use crate::media::codec;
use crate::media::facts::Track;
use crate::media::fragments::Fragments;
use crate::media::track::{TrackBoxes, to_duration};

/// The number of tracks that are read. It bounds the memory; players offer fewer.
const MAX_TRACKS: usize = 32;

/// The values of a movie's boxes.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// `true` once `moov` was read to its end.
    pub(super) moov_is_complete: bool,
    /// Ticks per second of the durations in `mvhd`, `mehd` and `elst`.
    timescale: u32,
    /// The duration in `mvhd`, in ticks.
    duration: Option<u64>,
    /// The duration in `mehd`, in ticks: that of `moov` and all fragments.
    fragmented_duration: Option<u64>,
    /// `true` if there are fragments (`moof`), or may be (`mvex`).
    is_fragmented: bool,
    /// `true` if `moov` is or was entered.
    has_moov: bool,
    /// `true` if there is a fragment (`moof`).
    has_fragments: bool,
    /// `true` if there is media data (`mdat`).
    has_media_data: bool,
    /// `true` if the tracks are in a compressed box (`cmov`), which is not read.
    pub(super) is_compressed: bool,
    tracks: Vec<TrackBoxes>,
    fragments: Fragments,
}

impl Movie {
    /// Returns `true` if the walk enters this box.
    pub(super) fn has_children(&self, parent: Option<BoxType>, box_type: BoxType) -> bool {
        match (parent.as_ref(), &box_type) {
            (Some(b"moov"), b"trak") => self.tracks.len() < MAX_TRACKS,
            // Of several the first counts, as for players.
            (None, b"moov") => !self.has_moov,
            (None, b"moof")
            | (Some(b"moov"), b"mvex")
            | (Some(b"trak"), b"mdia" | b"edts")
            | (Some(b"mdia"), b"minf")
            | (Some(b"minf"), b"stbl")
            | (Some(b"moof"), b"traf") => true,
            _ => false,
        }
    }

    /// Returns `true` if the content of this box is parsed.
    pub(super) fn is_parsed(parent: Option<BoxType>, box_type: BoxType) -> bool {
        // With the parent, as a type alone is ambiguous: QuickTime has an `hdlr` of the data handler
        // in `minf` too, which would hide the media handler in `mdia`.
        matches!(
            (parent.as_ref(), &box_type),
            (Some(b"moov"), b"mvhd")
                | (Some(b"trak"), b"tkhd")
                | (Some(b"mdia"), b"mdhd" | b"hdlr")
                | (Some(b"stbl"), b"stsd" | b"stts" | b"stsz" | b"stz2")
                | (Some(b"edts"), b"elst")
                | (Some(b"mvex"), b"mehd" | b"trex")
                | (Some(b"traf"), b"tfhd" | b"trun")
        )
    }

    /// Notes that the walk enters a box.
    pub(super) fn enter(&mut self, box_type: BoxType) {
        match &box_type {
            b"trak" => self.tracks.push(TrackBoxes::default()),
            b"moov" => self.has_moov = true,
            b"mvex" => self.is_fragmented = true,
            b"moof" => (self.is_fragmented, self.has_fragments) = (true, true),
            b"traf" => self.fragments.enter(),
            _ => {}
        }
    }

    /// Notes that a box exists whose content is not read.
    pub(super) fn note(&mut self, parent: Option<BoxType>, box_type: BoxType) {
        let track = self.tracks.last_mut();
        match (parent.as_ref(), &box_type) {
            (None, b"mdat") => self.has_media_data = true,
            (Some(b"moov"), b"cmov") => self.is_compressed = true,
            (Some(b"minf"), b"vmhd" | b"smhd") => {
                _ = track.map(|track| track.note_media_header(box_type));
            }
            _ => {}
        }
    }

    /// Returns `true` if the boxes so far may be a whole movie: the tracks and their media data.
    pub(super) fn may_be_whole(&self) -> bool {
        self.moov_is_complete && (self.has_media_data || self.has_fragments)
    }

    /// Returns `true` if the movie consists of fragments and none was found, nor any other sample.
    pub(super) fn is_init_segment(&self) -> bool {
        let mut tracks = self.tracks.iter();
        self.is_fragmented && !self.has_fragments && !tracks.any(TrackBoxes::has_samples)
    }

    /// Notes that the walk leaves a box. `is_complete` is `false` if the file ends within the box.
    pub(super) fn leave(&mut self, box_type: BoxType, is_complete: bool) {
        match &box_type {
            b"moov" => self.moov_is_complete = is_complete,
            b"traf" => self.fragments.leave(),
            _ => {}
        }
    }

    /// Parses the content of a box, without its header. A malformed box leaves the values unknown
    /// that follow the malformed place.
    pub(super) fn parse(&mut self, box_type: BoxType, content: BoxReader<'_>) {
        _ = match &box_type {
            b"mvhd" => self.mvhd(content),
            b"mehd" => self.mehd(content),
            b"trex" | b"tfhd" | b"trun" => self.fragments.parse(box_type, content),
            // All other boxes are in `trak`, and the last one is the one that is open.
            _ => self
                .tracks
                .last_mut()
                .and_then(|track| track.parse(box_type, content)),
        };
    }

    /// Parses the movie header: version and flags, creation and modification time, timescale (32
    /// bits), duration.
    fn mvhd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (version, _) = content.version_and_flags()?;
        content.skip_times(2, version)?;
        self.timescale = content.u32()?;
        self.duration = content.duration(version);
        Some(())
    }

    /// Parses the movie extends header: version and flags, duration with all fragments.
    fn mehd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (version, _) = content.version_and_flags()?;
        self.fragmented_duration = content.duration(version);
        Some(())
    }

    /// Returns the tracks, and the duration that the header states for the whole movie.
    /// `all_boxes_read` is `true` if the walk reached the end of the file.
    pub(super) fn facts(&self, all_boxes_read: bool) -> (Vec<Track>, Option<Duration>) {
        // A `moov` that is cut short may lack tracks, and the video track may be among them.
        let tracks = self.tracks.iter().filter(|_| self.moov_is_complete);
        let tracks = tracks.map(|track| Track {
            kind: track.kind(),
            enabled: track.enabled,
            codec: track.codec.map(|codec| codec.escape_ascii().to_string()),
            encrypted: track.codec.as_ref().is_some_and(codec::is_encrypted),
            size: track.size(),
            stored_size: track.stored_size(),
            has_samples: self.has_samples(track, all_boxes_read),
            duration: self.track_duration(track, all_boxes_read),
        });
        // In a fragmented movie `mvhd` covers only the samples of `moov`, so `mehd` counts.
        let movie = if self.is_fragmented {
            self.fragmented_duration
        } else {
            self.duration
        };
        (
            tracks.collect(),
            movie.and_then(|ticks| to_duration(ticks, self.timescale)),
        )
    }

    /// Returns `true` if a track has samples, `false` if it certainly has none.
    fn has_samples(&self, track: &TrackBoxes, all_boxes_read: bool) -> Option<bool> {
        if track.has_samples() || self.fragments.sample_count(track.id) > 0 {
            return Some(true);
        }
        // Fragments that were not reached may have some.
        (all_boxes_read || !self.is_fragmented).then_some(false)
    }

    /// Returns the duration of a track, as played, from the first place that states it.
    fn track_duration(&self, track: &TrackBoxes, all_boxes_read: bool) -> Option<Duration> {
        let in_movie = |ticks: Option<u64>| to_duration(ticks?, self.timescale);
        let in_track = |ticks: Option<u64>| to_duration(ticks?, track.timescale);
        let is_known = |duration: &Duration| !duration.is_zero();
        if self.is_fragmented {
            let fragments = in_track(self.fragmented_ticks(track, all_boxes_read));
            if let Some(duration) = fragments.filter(is_known) {
                return Some(duration);
            }
            // Without the fragments the samples of `moov` are only a part. If there are none, the
            // other boxes state the duration of the fragments in advance.
            if track.has_samples() {
                return None;
            }
        }
        // The edit list says which parts of the media are played, in ticks of the movie. Without
        // one all of the media is played, whose duration the sample table has as well.
        let places = [
            in_movie(track.edited_duration),
            in_track(track.media_duration),
            in_track(track.table_duration),
        ];
        places.into_iter().flatten().find(is_known)
    }

    /// Returns the duration of a track in a fragmented movie, in ticks of the track.
    fn fragmented_ticks(&self, track: &TrackBoxes, all_boxes_read: bool) -> Option<u64> {
        // A sum of some fragments is too small, so it counts only if all of them were read.
        let fragments = self.fragments.ticks(track.id).filter(|_| all_boxes_read)?;
        // The samples of `moov` are the first part. Without any, `mdhd` may state the duration of
        // the fragments in advance, which must not be counted twice.
        let first = match track.has_samples() {
            true => track.media_duration.or(track.table_duration)?,
            false => 0,
        };
        fragments.checked_add(first)
    }
}
