//! The fragments of a movie: `moof` boxes, which describe samples piece by piece, and `mvex`, which
//! has their defaults.
//!
//! Boxes may come in any order: `mvex` before or after the tracks, fragments before `moov`. So what
//! a fragment states is added up by track id, and the defaults are applied when all boxes were read.

use crate::media::boxes::{BoxReader, BoxType};

/// The number of track ids that are kept. It bounds the memory, and is that of the tracks of a movie.
const MAX_IDS: usize = 32;

/// The samples of all fragments of a movie.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// The track id and the sample duration, in ticks, of each `trex`.
    defaults: Vec<(u32, u32)>,
    /// The samples of each track.
    tracks: Vec<(u32, Samples)>,
    /// The `traf` that is open.
    open: Option<TrackFragment>,
    /// `true` if fragments exist whose samples could not be assigned to a track.
    has_lost_samples: bool,
}

/// The samples of fragments, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Samples {
    count: u64,
    /// The number of samples that have the duration in `trex`.
    with_default: u64,
    /// The sum of all other durations, in ticks of the track.
    ticks: u64,
    /// `true` if the duration of some samples could not be read.
    is_incomplete: bool,
}

/// A track fragment (`traf`).
#[derive(Debug, Default)]
struct TrackFragment {
    track_id: Option<u32>,
    /// The duration, in ticks of the track, of each sample that states none itself.
    sample_duration: Option<u32>,
    /// The samples so far. Those with a default count as if it were that of `trex`.
    samples: Samples,
}

/// The durations in a track run (`trun`).
enum Run {
    /// The samples have a duration each: their number, and the sum in ticks.
    Stated(u64, u64),
    /// So many samples have the default.
    Default(u64),
}

impl Fragments {
    /// Notes that the walk enters a `traf`.
    pub(super) fn enter(&mut self) {
        self.open = Some(TrackFragment::default());
    }

    /// Notes that the walk leaves a `traf`, and adds its samples to its track.
    pub(super) fn leave(&mut self) {
        let Some(fragment) = self.open.take() else {
            return;
        };
        let Some(samples) = fragment.track_id.and_then(|id| self.samples_mut(id)) else {
            self.has_lost_samples = true;
            return;
        };
        samples.add(fragment.total());
    }

    /// Parses a box of the fragments. Returns `None` if the box is malformed.
    pub(super) fn parse(&mut self, box_type: BoxType, content: BoxReader<'_>) -> Option<()> {
        match &box_type {
            b"trex" => self.trex(content),
            b"tfhd" => self.open.as_mut()?.tfhd(content),
            b"trun" => self.open.as_mut()?.trun(content),
            _ => None,
        }
    }

    /// Parses the track extends box, the defaults of a track's fragments: version and flags, track
    /// id, sample description index, sample duration (32 bits each).
    fn trex(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        content.version_and_flags()?;
        let id = content.u32()?;
        content.skip(4)?;
        let sample_duration = content.u32()?;
        if self.defaults.len() < MAX_IDS {
            self.defaults.push((id, sample_duration));
        }
        Some(())
    }

    fn samples_mut(&mut self, id: u32) -> Option<&mut Samples> {
        if !self.tracks.iter().any(|(known, _)| *known == id) {
            if self.tracks.len() == MAX_IDS {
                return None;
            }
            self.tracks.push((id, Samples::default()));
        }
        let mut tracks = self.tracks.iter_mut();
        tracks.find_map(|(known, samples)| (*known == id).then_some(samples))
    }

    fn samples(&self, id: u32) -> Samples {
        let mut tracks = self.tracks.iter();
        let found = tracks.find_map(|(known, samples)| (*known == id).then_some(*samples));
        found.unwrap_or_default()
    }

    /// Returns the number of samples that all fragments have of this track.
    pub(super) fn sample_count(&self, id: u32) -> u64 {
        self.samples(id).count
    }

    /// Returns the duration of the samples that all fragments have of this track, in ticks of the
    /// track, or `None` if the duration of any is unknown.
    pub(super) fn ticks(&self, id: u32) -> Option<u64> {
        let samples = self.samples(id);
        if samples.is_incomplete || self.has_lost_samples {
            return None;
        }
        let mut defaults = self.defaults.iter();
        let default = defaults.find_map(|(known, ticks)| (*known == id).then_some(*ticks));
        let with_default = match samples.with_default {
            0 => 0,
            // A default of zero means that neither `trex` nor `tfhd` states one.
            count => count.checked_mul(default.filter(|ticks| *ticks > 0)?.into())?,
        };
        samples.ticks.checked_add(with_default)
    }
}

impl Samples {
    fn add(&mut self, other: Self) {
        let ticks = self.ticks.checked_add(other.ticks);
        *self = Self {
            count: self.count.saturating_add(other.count),
            with_default: self.with_default.saturating_add(other.with_default),
            ticks: ticks.unwrap_or_default(),
            is_incomplete: self.is_incomplete || other.is_incomplete || ticks.is_none(),
        };
    }
}

impl TrackFragment {
    /// Parses the track fragment header: version and flags, track id, then the fields whose flags
    /// are set, in this order: base data offset (0x1, 64 bits), sample description index (0x2, 32
    /// bits), sample duration (0x8, 32 bits).
    fn tfhd(&mut self, mut content: BoxReader<'_>) -> Option<()> {
        let (_, flags) = content.version_and_flags()?;
        self.track_id = Some(content.u32()?);
        for (flag, bytes) in [(0x1, 8), (0x2, 4)] {
            if flags & flag != 0 {
                content.skip(bytes)?;
            }
        }
        if flags & 0x8 != 0 {
            self.sample_duration = Some(content.u32()?).filter(|ticks| *ticks > 0);
        }
        Some(())
    }

    /// Adds the samples of a track run.
    fn trun(&mut self, content: BoxReader<'_>) -> Option<()> {
        let samples = match run(content) {
            Some(Run::Stated(count, ticks)) => Samples {
                count,
                ticks,
                ..Samples::default()
            },
            Some(Run::Default(count)) => Samples {
                count,
                with_default: count,
                ..Samples::default()
            },
            None => Samples {
                // The run is there, so the track has at least one sample.
                count: 1,
                is_incomplete: true,
                ..Samples::default()
            },
        };
        self.samples.add(samples);
        Some(())
    }

    /// Returns the samples, with the default of `tfhd` applied, which goes before that of `trex`.
    fn total(&self) -> Samples {
        let Some(default) = self.sample_duration else {
            return self.samples;
        };
        let mut total = Samples {
            with_default: 0,
            ..self.samples
        };
        let ticks = self.samples.with_default.checked_mul(default.into());
        total.add(Samples {
            ticks: ticks.unwrap_or_default(),
            is_incomplete: ticks.is_none(),
            ..Samples::default()
        });
        total
    }
}

/// Parses a track run: version and flags, sample count, data offset (flag 0x1), flags of the first
/// sample (0x4), then the fields of each sample: duration (0x100), size (0x200), flags (0x400),
/// composition offset (0x800), 32 bits each. Fields whose flag is not set are absent.
fn run(mut content: BoxReader<'_>) -> Option<Run> {
    let (_, flags) = content.version_and_flags()?;
    let count = content.u32()?;
    for flag in [0x1, 0x4] {
        if flags & flag != 0 {
            content.skip(4)?;
        }
    }
    if flags & 0x100 == 0 {
        return Some(Run::Default(count.into()));
    }
    // Only the duration counts; the other fields of a sample are skipped by their number.
    let skipped = (flags & 0xe00).count_ones() as usize * 4;
    let mut sum: u64 = 0;
    // The count is not trusted: the loop ends with the bytes of the box.
    for _ in 0..count {
        sum = sum.checked_add(content.u32()?.into())?;
        content.skip(skipped)?;
    }
    Some(Run::Stated(count.into(), sum))
}
