//! The boxes of a track, interpreted: its kind, codec, displayed size and durations.

use std::time::Duration;

use crate::media::boxes::{BoxReader, BoxType, all_ones};
use crate::media::codec;
use crate::media::facts::TrackKind;

/// The values of the boxes in `trak`, and of the track's fragments.
#[derive(Debug, Default)]
pub(super) struct TrackBoxes {
    pub(super) id: u32,
    pub(super) enabled: bool,
    /// The media handler (`hdlr`), such as `vide`.
    handler: Option<BoxType>,
    pub(super) codec: Option<[u8; 4]>,
    /// Width and height in `tkhd`, in pixels: the displayed size before rotation.
    displayed: Option<(u32, u32)>,
    /// Width and height in `stsd`, in pixels: the size of the encoded pictures.
    stored: Option<(u32, u32)>,
    /// `true` if the matrix turns the picture by 90 or 270 degrees.
    swaps_sides: bool,
    /// Ticks per second of all durations of the track but `edited_duration`.
    pub(super) timescale: u32,
    /// The duration in `mdhd`, in ticks: that of the samples in `moov`.
    pub(super) media_duration: Option<u64>,
    /// The duration of the samples in `stts`, in ticks.
    pub(super) table_duration: Option<u64>,
    /// The number of samples that `stts` or `stsz` states.
    samples: u64,
    /// The kind of the media header (`vmhd` or `smhd`).
    media_header: Option<TrackKind>,
    /// The duration of all edits, in ticks of the movie.
    pub(super) edited_duration: Option<u64>,
}

impl TrackBoxes {
    /// Parses the content of a box in `trak`. Returns `None` if the box is malformed.
    pub(super) fn parse(&mut self, box_type: BoxType, content: BoxReader<'_>) -> Option<()> {
        match &box_type {
            b"tkhd" => self.tkhd(content),
            b"mdhd" => self.mdhd(content),
            b"hdlr" => self.hdlr(content),
            b"stsd" => self.stsd(content),
            b"stts" => self.stts(content),
            b"stsz" | b"stz2" => self.stsz(content),
            b"elst" => self.elst(content),
            _ => None,
        }
    }

    /// Parses the track header: version and flags, creation and modification time, track id,
    /// reserved (32 bits), duration, reserved (64 bits), layer, alternate group, volume, reserved
    /// (16 bits each), matrix, width, height.
    fn tkhd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (version, flags) = content.version_and_flags()?;
        // Flag 0x1 is track_enabled.
        self.enabled = flags & 0x1 != 0;
        content.skip_times(2, version)?;
        self.id = content.u32()?;
        // The duration here is derived from the edit list, which is read itself.
        content.skip(4)?;
        content.skip_times(1, version)?;
        content.skip(8 + 4 * 2)?;
        self.swaps_sides = swaps_sides(&mut content)?;
        // Fixed-point numbers with 16 bits before and 16 bits behind the point.
        let size = (content.u32()? >> 16, content.u32()? >> 16);
        // Tracks without pictures have zeros here, and so do files of some encoders.
        self.displayed = Some(size).filter(|(width, height)| *width > 0 && *height > 0);
        Some(())
    }

    /// Parses the media header: version and flags, creation and modification time, timescale (32
    /// bits), duration.
    fn mdhd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (version, _) = content.version_and_flags()?;
        content.skip_times(2, version)?;
        self.timescale = content.u32()?;
        self.media_duration = content.duration(version);
        Some(())
    }

    /// Parses the handler reference: version and flags, pre-defined (QuickTime: component type),
    /// handler type (QuickTime: component subtype), 32 bits each.
    fn hdlr(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.skip(4 + 4)?;
        self.handler = Some(content.array()?);
        Some(())
    }

    /// Parses the first entry of the sample descriptions: version and flags, entry count, then of
    /// the entry its size and format (32 bits each), reserved (48 bits), data reference index (16
    /// bits), and of a video entry 16 bytes that ISO/IEC 14496-12 reserves and QuickTime uses for
    /// version, vendor and qualities, width and height (16 bits each).
    fn stsd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.skip(4 + 4 + 4)?;
        self.codec = Some(content.array()?);
        content.skip(6 + 2 + 16)?;
        // An audio entry has channels and sample bits at this place. `size` ignores them.
        let [a, b, c, d] = content.array()?;
        let size = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        self.stored = Some((size.0.into(), size.1.into()))
            .filter(|(width, height)| *width > 0 && *height > 0);
        Some(())
    }

    /// Parses the decoding times: version and flags, entry count, then of each entry its sample
    /// count and the duration of each of these samples (32 bits each).
    fn stts(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.skip(4)?;
        let entries = content.u32()?;
        let mut ticks: u64 = 0;
        for _ in 0..entries {
            let (count, duration) = (u64::from(content.u32()?), u64::from(content.u32()?));
            self.samples = self.samples.saturating_add(count);
            // Two 32-bit numbers fit into 64 bits, their sum may not.
            ticks = ticks.checked_add(count * duration)?;
        }
        // A list that ends early or is read in part leaves the duration unknown.
        self.table_duration = Some(ticks).filter(|ticks| *ticks > 0);
        Some(())
    }

    /// Parses the number of samples in the sample sizes: version and flags, common size (in `stz2`
    /// reserved bits and a field size), sample count, 32 bits each.
    fn stsz(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.skip(4 + 4)?;
        self.samples = self.samples.saturating_add(content.u32()?.into());
        Some(())
    }

    /// Parses the edit list: version and flags, entry count, then of each entry its duration in
    /// ticks of the movie, the media time it starts at (both 32 or 64 bits), and its rate (32 bits).
    fn elst(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (version, _) = content.version_and_flags()?;
        let count = content.u32()?;
        let mut sum: u64 = 0;
        for _ in 0..count {
            let (duration, media_time) = (content.time(version)?, content.time(version)?);
            content.skip(4)?;
            // A media time of -1 is an empty edit: nothing is shown during its duration.
            if media_time == all_ones(version) {
                continue;
            }
            // An edit of unknown duration extends to the end of the media, so the sum is unknown,
            // and the duration of the media counts.
            let duration = Some(duration).filter(|ticks| *ticks != all_ones(version))?;
            sum = sum.checked_add(duration)?;
        }
        // The duration 0 is written while the movie is not finished yet, and means all of it.
        self.edited_duration = Some(sum).filter(|sum| *sum > 0);
        Some(())
    }

    /// Notes the media header of the track, whose type shows the kind.
    pub(super) fn note_media_header(&mut self, box_type: BoxType) {
        self.media_header = Some(match &box_type {
            b"vmhd" => TrackKind::Video,
            _ => TrackKind::Audio,
        });
    }

    /// Returns `true` if `moov` describes samples of this track.
    pub(super) fn has_samples(&self) -> bool {
        self.samples > 0
    }

    /// Returns the kind of the track: by its media handler, or else by its media header or codec. A
    /// handler that they contradict leaves the kind unknown.
    pub(super) fn kind(&self) -> TrackKind {
        let codec = self.codec.as_ref().and_then(codec::kind);
        let other = self.media_header.or(codec);
        let by_handler = match self.handler.as_ref() {
            Some(b"vide") => TrackKind::Video,
            Some(b"soun") => TrackKind::Audio,
            // An empty handler is as good as none.
            None | Some(b"\0\0\0\0" | b"    ") => return other.unwrap_or(TrackKind::Unknown),
            Some(_) => TrackKind::Other,
        };
        // Only a video matters here: without one a clip is refused.
        let may_be_video = [self.media_header, codec].contains(&Some(TrackKind::Video));
        match by_handler {
            TrackKind::Video => TrackKind::Video,
            _ if may_be_video => TrackKind::Unknown,
            kind => kind,
        }
    }

    /// Returns width and height of a video track in pixels, as displayed.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        // The displayed size differs from the stored size if pixels are not square, and counts then.
        // A difference within rounding comes from an aspect ratio that was computed: the pixels are
        // meant to be square, and the stored size is exact.
        let size = match (self.displayed, self.stored) {
            (Some(displayed), Some(stored)) if nearly_equal(displayed, stored) => stored,
            (displayed, stored) => displayed.or(stored)?,
        };
        self.turned(size)
    }

    /// Returns width and height of the encoded pictures of a video track in pixels, after rotation.
    pub(super) fn stored_size(&self) -> Option<(u32, u32)> {
        self.turned(self.stored?)
    }

    /// Returns the size of a video track after rotation, and `None` for other tracks.
    fn turned(&self, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        let size = match self.swaps_sides {
            true => (height, width),
            false => (width, height),
        };
        Some(size).filter(|_| self.kind() == TrackKind::Video)
    }
}

/// Parses the transformation matrix of `tkhd`, nine fixed-point numbers {a b u, c d v, x y w}.
/// Returns `true` if the matrix turns the picture by 90 or 270 degrees, and so exchanges width and
/// height.
fn swaps_sides(content: &mut BoxReader<'_>) -> Option<bool> {
    let mut matrix = [0; 9];
    for cell in &mut matrix {
        *cell = content.u32()?;
    }
    // A point is mapped to x' = ax + cy + ..., y' = bx + dy + .... A quarter turn has a = d = 0 and
    // b, c = 1, -1 or -1, 1. Absolute values are compared, as matrices that were computed by sine
    // and cosine have small numbers instead of zeros.
    let [a, b, _, c, d, ..] = matrix.map(|cell| cell.cast_signed().unsigned_abs());
    Some(b > a && c > d)
}

/// Returns `true` if both sides differ by less than 0.5 %. The 8 lines that are cut from 1088
/// encoded lines to show 1080 are more than that, and remain a difference.
fn nearly_equal((width, height): (u32, u32), other: (u32, u32)) -> bool {
    let near = |side: u32, other: u32| side.abs_diff(other) < other.div_ceil(200);
    near(width, other.0) && near(height, other.1)
}

/// Converts ticks to a duration. Returns `None` for a timescale of zero, and for more than a
/// century, which only a damaged file states.
pub(super) fn to_duration(ticks: u64, timescale: u32) -> Option<Duration> {
    const CENTURY: u128 = 100 * 366 * 24 * 3600 * 1_000_000_000;
    // 128 bits, as 64-bit ticks times a billion do not fit into 64.
    let nanoseconds = (u128::from(ticks) * 1_000_000_000).checked_div(timescale.into())?;
    let nanoseconds = Some(nanoseconds).filter(|nanoseconds| *nanoseconds <= CENTURY)?;
    Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
}
