//! What the boxes of a movie say: its tracks and their lengths. Where the boxes are is the reader's
//! business.

use std::time::Duration;

use crate::media::boxes::{Bytes, Kind, unknown};
use crate::media::facts::{Track, TrackKind};

/// So many tracks are kept; players do not offer more.
const TRACKS: usize = 32;

/// What is known of a movie.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Whether there is a box for the tracks, and all of it was seen.
    pub(super) seen: bool,
    timescale: u32,
    duration: Option<u64>,
    /// The length with all fragments, if it is stated.
    fragments: Option<u64>,
    /// Whether there are fragments, or may be.
    fragmented: bool,
    tracks: Vec<Raw>,
    /// The track of the fragment that is open, and the length of its samples if they say none.
    fragment: Option<(u32, u32)>,
}

/// A track as its boxes say.
#[derive(Debug, Default)]
struct Raw {
    id: u32,
    enabled: bool,
    handler: Option<Kind>,
    codec: Option<Kind>,
    /// As displayed, and as stored.
    displayed: Option<(u32, u32)>,
    stored: Option<(u32, u32)>,
    /// Whether width and height are exchanged.
    turned: bool,
    timescale: u32,
    media: Option<u64>,
    /// Whether there are samples that are not in fragments.
    samples: bool,
    /// The length of all edits, by the timescale of the movie.
    edits: Option<u64>,
    /// The length of a sample of a fragment, if that does not say.
    sample: u32,
    /// The length of what is in fragments; `None` if that is not known.
    in_fragments: Option<u64>,
}

impl Movie {
    /// Whether a box has others in it that count.
    pub(super) fn has_boxes(&self, inside: Option<Kind>, kind: Kind) -> bool {
        match (inside.as_ref(), &kind) {
            (Some(b"moov"), b"trak") => self.tracks.len() < TRACKS,
            (None, b"moov" | b"moof")
            | (Some(b"moov"), b"mvex")
            | (Some(b"trak"), b"mdia" | b"edts")
            | (Some(b"mdia"), b"minf")
            | (Some(b"minf"), b"stbl")
            | (Some(b"moof"), b"traf") => true,
            _ => false,
        }
    }

    /// Whether what a box says counts.
    pub(super) fn wants(inside: Option<Kind>, kind: Kind) -> bool {
        matches!(
            (inside.as_ref(), &kind),
            (Some(b"moov"), b"mvhd")
                | (Some(b"trak"), b"tkhd")
                | (Some(b"mdia"), b"mdhd" | b"hdlr")
                | (Some(b"stbl"), b"stsd" | b"stts")
                | (Some(b"edts"), b"elst")
                | (Some(b"mvex"), b"mehd" | b"trex")
                | (Some(b"traf"), b"tfhd" | b"trun")
        )
    }

    pub(super) fn open(&mut self, kind: Kind) {
        match &kind {
            b"trak" => self.tracks.push(Raw {
                in_fragments: Some(0),
                ..Raw::default()
            }),
            b"mvex" | b"moof" => self.fragmented = true,
            _ => {}
        }
    }

    pub(super) fn close(&mut self, kind: Kind, whole: bool) {
        match &kind {
            b"moov" => self.seen = whole,
            b"traf" => self.fragment = None,
            _ => {}
        }
    }

    /// Takes over what a box says. What it does not say, it does not.
    pub(super) fn take(&mut self, kind: Kind, body: Bytes<'_>) {
        _ = match &kind {
            b"mvhd" => self.mvhd(body),
            b"mehd" => self.mehd(body),
            b"trex" => self.trex(body),
            b"tfhd" => self.tfhd(body),
            b"trun" => self.trun(body),
            _ => self
                .tracks
                .last_mut()
                .and_then(|track| track.take(kind, body)),
        };
    }

    fn mvhd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (version, _) = body.version()?;
        body.skip(if version == 0 { 8 } else { 16 })?;
        self.timescale = body.u32()?;
        self.duration = body.duration(version);
        Some(())
    }

    fn mehd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (version, _) = body.version()?;
        self.fragments = body.duration(version);
        Some(())
    }

    fn trex(&mut self, mut body: Bytes<'_>) -> Option<()> {
        body.version()?;
        let id = body.u32()?;
        body.u32()?;
        let sample = body.u32()?;
        self.track(id)?.sample = sample;
        Some(())
    }

    fn tfhd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (_, flags) = body.version()?;
        let id = body.u32()?;
        let sample = self.track(id)?.sample;
        self.fragment = Some((id, sample));
        for (flag, bytes) in [(1, 8), (2, 4)] {
            if flags & flag != 0 {
                body.skip(bytes)?;
            }
        }
        if flags & 8 != 0 {
            self.fragment = Some((id, body.u32()?));
        }
        Some(())
    }

    fn trun(&mut self, body: Bytes<'_>) -> Option<()> {
        let (id, sample) = self.fragment?;
        let length = run(body, sample);
        let track = self.track(id)?;
        let known = track.in_fragments.zip(length);
        track.in_fragments = known.and_then(|(known, length)| known.checked_add(length));
        Some(())
    }

    fn track(&mut self, id: u32) -> Option<&mut Raw> {
        self.tracks.iter_mut().find(|track| track.id == id)
    }

    /// The tracks, and the length that is stated for all. Fragments add up only if all were seen.
    pub(super) fn facts(&self, all: bool) -> (Vec<Track>, Option<Duration>) {
        let seen = self.tracks.iter().filter(|_| self.seen);
        let tracks = seen.map(|track| Track {
            kind: track.kind(),
            enabled: track.enabled,
            codec: track.codec.map(|codec| codec.escape_ascii().to_string()),
            size: track.size(),
            duration: self.duration_of(track, all),
        });
        // Of a movie with fragments the header is the first of them.
        let movie = match self.fragmented {
            true => self.fragments,
            false => self.duration,
        };
        (
            tracks.collect(),
            movie.and_then(|ticks| time(ticks, self.timescale)),
        )
    }

    fn duration_of(&self, track: &Raw, all: bool) -> Option<Duration> {
        if self.fragmented {
            let first = if track.samples { track.media? } else { 0 };
            let ticks = track.in_fragments.filter(|_| all)?.checked_add(first)?;
            return time(ticks, track.timescale).filter(|time| !time.is_zero());
        }
        match track.edits {
            Some(edits) => time(edits, self.timescale),
            None => time(track.media?, track.timescale),
        }
    }
}

impl Raw {
    fn take(&mut self, kind: Kind, body: Bytes<'_>) -> Option<()> {
        match &kind {
            b"tkhd" => self.tkhd(body),
            b"mdhd" => self.mdhd(body),
            b"hdlr" => self.hdlr(body),
            b"stsd" => self.stsd(body),
            b"stts" => self.stts(body),
            b"elst" => self.elst(body),
            _ => None,
        }
    }

    fn tkhd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (version, flags) = body.version()?;
        self.enabled = flags & 1 != 0;
        body.skip(if version == 0 { 8 } else { 16 })?;
        self.id = body.u32()?;
        // Reserved, the duration, reserved, layer, group, volume, reserved.
        body.skip(4 + if version == 0 { 4 } else { 8 } + 16)?;
        let mut matrix = [0; 9];
        for cell in &mut matrix {
            *cell = body.u32()?;
        }
        // A quarter turn: what was across goes down.
        let [a, b, _, c, d, ..] = matrix.map(|cell| cell.cast_signed().unsigned_abs());
        self.turned = b > a && c > d;
        let size = (body.u32()? >> 16, body.u32()? >> 16);
        self.displayed = Some(size).filter(|(width, height)| *width > 0 && *height > 0);
        Some(())
    }

    fn mdhd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (version, _) = body.version()?;
        body.skip(if version == 0 { 8 } else { 16 })?;
        self.timescale = body.u32()?;
        self.media = body.duration(version);
        Some(())
    }

    fn hdlr(&mut self, mut body: Bytes<'_>) -> Option<()> {
        body.skip(8)?;
        self.handler = Some(body.take()?);
        Some(())
    }

    /// The first of the descriptions of samples.
    fn stsd(&mut self, mut body: Bytes<'_>) -> Option<()> {
        body.skip(8 + 4)?;
        self.codec = Some(body.take()?);
        // Reserved, the index of the data, and what is left of QuickTime.
        body.skip(8 + 16)?;
        let [a, b, c, d] = body.take()?;
        let size = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        self.stored = Some((size.0.into(), size.1.into()))
            .filter(|(width, height)| *width > 0 && *height > 0);
        Some(())
    }

    fn stts(&mut self, mut body: Bytes<'_>) -> Option<()> {
        body.skip(4)?;
        self.samples = body.u32()? > 0;
        Some(())
    }

    fn elst(&mut self, mut body: Bytes<'_>) -> Option<()> {
        let (version, _) = body.version()?;
        let count = body.u32()?;
        let mut edits: u64 = 0;
        for _ in 0..count {
            let (length, from) = (body.long(version)?, body.long(version)?);
            body.skip(4)?;
            if from == unknown(version) {
                // Nothing is shown for so long.
                continue;
            }
            // One that is not known goes on to the end.
            let length = Some(length).filter(|length| *length != unknown(version))?;
            edits = edits.checked_add(length)?;
        }
        // Of a movie of which nothing is known yet a length of 0 means all.
        self.edits = Some(edits).filter(|edits| *edits > 0);
        Some(())
    }

    fn kind(&self) -> TrackKind {
        match self.handler.as_ref() {
            Some(b"vide") => TrackKind::Video,
            Some(b"soun") => TrackKind::Audio,
            Some(_) => TrackKind::Other,
            None => TrackKind::Unknown,
        }
    }

    fn size(&self) -> Option<(u32, u32)> {
        // A picture that was scaled to whole pixels has some that are nearly square.
        let (width, height) = match (self.displayed, self.stored) {
            (Some(displayed), Some(stored)) if near(displayed, stored) => stored,
            (displayed, stored) => displayed.or(stored)?,
        };
        let size = match self.turned {
            true => (height, width),
            false => (width, height),
        };
        Some(size).filter(|_| self.kind() == TrackKind::Video)
    }
}

/// Whether both sides differ by less than what is cut from 1088 lines to have 1080.
fn near((width, height): (u32, u32), other: (u32, u32)) -> bool {
    let near = |side: u32, other: u32| side.abs_diff(other) < other.div_ceil(200);
    near(width, other.0) && near(height, other.1)
}

/// The length of a run of samples, which say how long they are, or are all as long as this.
fn run(mut body: Bytes<'_>, sample: u32) -> Option<u64> {
    let (_, flags) = body.version()?;
    let count = body.u32()?;
    for flag in [1, 4] {
        if flags & flag != 0 {
            body.skip(4)?;
        }
    }
    if flags & 0x100 == 0 {
        return u64::from(count).checked_mul(Some(sample).filter(|sample| *sample > 0)?.into());
    }
    let others = (flags & 0xe00).count_ones() as usize * 4;
    let mut length: u64 = 0;
    for _ in 0..count {
        length = length.checked_add(body.u32()?.into())?;
        body.skip(others)?;
    }
    Some(length)
}

/// So many ticks, as time. Nobody's clip is longer than a century.
fn time(ticks: u64, timescale: u32) -> Option<Duration> {
    const LONGEST: u128 = 100 * 366 * 24 * 3600 * 1_000_000_000;
    let nanoseconds = (u128::from(ticks) * 1_000_000_000).checked_div(timescale.into())?;
    let nanoseconds = Some(nanoseconds).filter(|nanoseconds| *nanoseconds <= LONGEST)?;
    Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
}
