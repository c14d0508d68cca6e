//! The boxes of a movie, interpreted: its tracks and durations.
//!
//! The [`Reader`](crate::media::Reader) finds the boxes and passes them to [`Movie`] in file order.
//! A movie is either plain, with all samples described in `moov`, or fragmented (`mvex`), with a
//! `moov` that may describe no samples at all and `moof` boxes that describe the samples piece by
//! piece. Their durations are stated in different places; see [`Movie::track_duration`].

use std::time::Duration;

use crate::media::boxes::{BoxReader, BoxType};
use crate::media::facts::Track;
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
    tracks: Vec<TrackBoxes>,
    /// The `traf` that is open.
    fragment: Option<TrackFragment>,
}

/// The values of a track fragment header (`tfhd`).
#[derive(Clone, Copy, Debug)]
struct TrackFragment {
    track_id: u32,
    /// The duration, in ticks of the track, of each sample that states none itself.
    sample_duration: u32,
}

impl Movie {
    /// Returns `true` if the walk enters this box.
    pub(super) fn has_children(&self, parent: Option<BoxType>, box_type: BoxType) -> bool {
        match (parent.as_ref(), &box_type) {
            (Some(b"moov"), b"trak") => self.tracks.len() < MAX_TRACKS,
            (None, b"moov" | b"moof")
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
                | (Some(b"stbl"), b"stsd" | b"stts")
                | (Some(b"edts"), b"elst")
                | (Some(b"mvex"), b"mehd" | b"trex")
                | (Some(b"traf"), b"tfhd" | b"trun")
        )
    }

    /// Notes that the walk enters a box.
    pub(super) fn enter(&mut self, box_type: BoxType) {
        match &box_type {
            b"trak" => self.tracks.push(TrackBoxes::new()),
            b"mvex" | b"moof" => self.is_fragmented = true,
            _ => {}
        }
    }

    /// Notes that the walk leaves a box. `is_complete` is `false` if the file ends within the box.
    pub(super) fn leave(&mut self, box_type: BoxType, is_complete: bool) {
        match &box_type {
            b"moov" => self.moov_is_complete = is_complete,
            b"traf" => self.fragment = None,
            _ => {}
        }
    }

    /// Parses the content of a box, without its header. A malformed box leaves the values unknown
    /// that follow the malformed place.
    pub(super) fn parse(&mut self, box_type: BoxType, content: BoxReader<'_>) {
        _ = match &box_type {
            b"mvhd" => self.mvhd(content),
            b"mehd" => self.mehd(content),
            b"trex" => self.trex(content),
            b"tfhd" => self.tfhd(content),
            b"trun" => self.trun(content),
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

    /// Parses the track extends box, the defaults of a track's fragments: version and flags, track
    /// id, sample description index, sample duration (32 bits each).
    fn trex(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.version_and_flags()?;
        let id = content.u32()?;
        content.skip(4)?;
        let sample_duration = content.u32()?;
        self.track(id)?.default_sample_duration = sample_duration;
        Some(())
    }

    /// Parses the track fragment header: version and flags, track id, then the fields whose flags
    /// are set, in this order: base data offset (0x1, 64 bits), sample description index (0x2, 32
    /// bits), sample duration (0x8, 32 bits).
    fn tfhd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (_, flags) = content.version_and_flags()?;
        let track_id = content.u32()?;
        // The default of `trex` holds unless this header states another sample duration.
        let sample_duration = self.track(track_id)?.default_sample_duration;
        self.fragment = Some(TrackFragment {
            track_id,
            sample_duration,
        });
        for (flag, bytes) in [(0x1, 8), (0x2, 4)] {
            if flags & flag != 0 {
                content.skip(bytes)?;
            }
        }
        if flags & 0x8 != 0 {
            let sample_duration = content.u32()?;
            self.fragment = Some(TrackFragment {
                track_id,
                sample_duration,
            });
        }
        Some(())
    }

    /// Adds the duration of a track run to its track.
    fn trun(&mut self, content: BoxReader<'_>) -> Option<()> {
        let fragment = self.fragment?;
        let duration = run_duration(content, fragment.sample_duration);
        let track = self.track(fragment.track_id)?;
        // One run of unknown duration makes the sum unknown for good.
        let both = track.fragments_duration.zip(duration);
        track.fragments_duration = both.and_then(|(sum, duration)| sum.checked_add(duration));
        Some(())
    }

    fn track(&mut self, id: u32) -> Option<&mut TrackBoxes> {
        self.tracks.iter_mut().find(|track| track.id == id)
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
            size: track.size(),
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

    /// Returns the duration of a track, as played.
    fn track_duration(&self, track: &TrackBoxes, all_boxes_read: bool) -> Option<Duration> {
        if self.is_fragmented {
            // The samples of `moov` are the first part. Without any, `mdhd` may state the duration
            // of the fragments in advance, which must not be counted twice.
            let first = if track.has_samples {
                track.media_duration?
            } else {
                0
            };
            // A sum of some fragments is too small, so it counts only if all of them were read.
            let fragments = track.fragments_duration.filter(|_| all_boxes_read)?;
            let ticks = fragments.checked_add(first)?;
            return to_duration(ticks, track.timescale).filter(|duration| !duration.is_zero());
        }
        // The edit list says which parts of the media are played, in ticks of the movie. Without
        // one all of the media is played.
        match track.edited_duration {
            Some(edited) => to_duration(edited, self.timescale),
            None => to_duration(track.media_duration?, track.timescale),
        }
    }
}

/// Parses a track run, and returns the duration of its samples in ticks of the track: version and
/// flags, sample count, data offset (flag 0x1), flags of the first sample (0x4), then the fields of
/// each sample: duration (0x100), size (0x200), flags (0x400), composition offset (0x800), 32 bits
/// each. Fields whose flag is not set are absent.
fn run_duration(mut content: BoxReader<'_>, sample_duration: u32) -> Option<u64> {
    let (_, flags) = content.version_and_flags()?;
    let count = content.u32()?;
    for flag in [0x1, 0x4] {
        if flags & flag != 0 {
            content.skip(4)?;
        }
    }
    // Without a duration per sample, all samples have the default. A default of zero means that
    // neither `trex` nor `tfhd` states one.
    if flags & 0x100 == 0 {
        let sample_duration = Some(sample_duration).filter(|ticks| *ticks > 0)?;
        return u64::from(count).checked_mul(sample_duration.into());
    }
    // Only the duration counts; the other fields of a sample are skipped by their number.
    let skipped = (flags & 0xe00).count_ones() as usize * 4;
    let mut sum: u64 = 0;
    // The count is not trusted: the loop ends with the bytes of the box.
    for _ in 0..count {
        sum = sum.checked_add(content.u32()?.into())?;
        content.skip(skipped)?;
    }
    Some(sum)
}
