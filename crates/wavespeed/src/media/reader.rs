//! The reader that walks the boxes of a file.

use std::io;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::media::boxes::{Bytes, Kind, is_top};
use crate::media::container::Container;
use crate::media::facts::{End, Facts, Track, TrackKind};
use crate::media::movie::Movie;

/// How many boxes are looked at: a fragmented movie has some for every second.
const BOXES: u32 = 50_000;

/// How deep boxes are opened.
const DEPTH: usize = 6;

/// As much of a box as is read. What counts in most is within a hundred bytes.
const BODY: u64 = 64 << 10;

/// What a file is that is no tree of boxes is told by so many bytes of its beginning.
const START: u64 = 64;

/// The longest header of a box.
const HEADER: u64 = 16;

/// How much of a picture is read: its sides can stand behind a smaller picture.
const PICTURE: u64 = 512 << 10;

/// How much of a file is read at once, and in all.
const PIECE: u64 = 1 << 10;

const BUDGET: u64 = 900 << 10;

/// Reads a file piece by piece: [`need`](Self::need) says from where, [`feed`](Self::feed) takes
/// what is there, until nothing is needed.
#[derive(Debug)]
pub struct Reader {
    /// The length of the file.
    size: u64,
    /// Where the next box begins.
    at: u64,
    /// How many bytes are needed from there.
    least: u64,
    /// Bytes that were fed, and where they begin.
    fed: (u64, Vec<u8>),
    /// The boxes that are open, outermost first, and their ends.
    open: Vec<(Kind, u64)>,
    boxes: u32,
    container: Option<Container>,
    movie: Movie,
    picture: Option<(u32, u32)>,
    /// Where the last box would end, if that is behind the end of the file.
    expected: Option<u64>,
    /// Set once nothing more is needed.
    end: Option<End>,
}

impl Reader {
    /// A reader of a file of this length.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            at: 0,
            least: START.min(size),
            fed: (0, Vec::new()),
            open: Vec::new(),
            boxes: 0,
            container: None,
            movie: Movie::default(),
            picture: None,
            expected: None,
            end: (size == 0).then_some(End::Unknown),
        }
    }

    /// The bytes that are needed next, or nothing once all is known. All are within the file.
    #[must_use]
    pub fn need(&self) -> Option<Range<u64>> {
        self.end.is_none().then(|| self.at..self.at + self.least)
    }

    /// Takes the bytes that are needed, and more from the same start if there are. With fewer, it
    /// ends there.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.fed = (self.at, bytes.to_vec());
        if (bytes.len() as u64) < self.least {
            self.end = Some(End::Unknown);
        }
        while self.end.is_none() {
            if let Some(least) = self.step() {
                self.least = least;
                return;
            }
        }
    }

    /// What is known by now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let container = self.container.unwrap_or_default();
        let end = self.end.unwrap_or(End::Unknown);
        let (tracks, movie) = self.movie.facts(end == End::Whole);
        let end = match end {
            End::Whole if !self.movie.seen => End::NoTracks,
            end => end,
        };
        Facts {
            container: refined(container, &tracks),
            tracks,
            movie,
            picture: self.picture,
            end,
        }
    }

    /// The next bytes, as far as they were fed.
    fn here(&self) -> &[u8] {
        let (from, bytes) = &self.fed;
        let skip = self
            .at
            .checked_sub(*from)
            .and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| bytes.get(skip..)).unwrap_or_default()
    }

    /// Whether so many bytes were fed; if not, they are needed.
    fn lacks(&self, bytes: u64) -> bool {
        (self.here().len() as u64) < bytes
    }

    /// Finds the sides of a picture, or says how many bytes that takes.
    fn look_at_picture(&mut self) -> Option<u64> {
        let here = self.here();
        let here = &here[..here.len().min(PICTURE as usize)];
        let side = |side: usize| u32::try_from(side).ok();
        let sides = imagesize::blob_size(here).ok();
        self.picture = sides.and_then(|size| Some((side(size.width)?, side(size.height)?)));
        let seen = self.here().len() as u64;
        let more = (seen * 16).min(PICTURE).min(self.size);
        (self.picture.is_none() && more > seen).then_some(more)
    }

    /// Looks at one box, or says how many bytes that takes.
    fn step(&mut self) -> Option<u64> {
        while let Some((kind, _)) = self.open.pop_if(|(_, end)| *end <= self.at) {
            // Of the boxes at the top only the last can be cut off.
            self.movie.close(kind, self.expected.is_none());
        }
        let top = self.open.is_empty();
        let limit = self.open.last().map_or(self.size, |(_, end)| *end);
        let left = limit - self.at;
        if left == 0 {
            self.end = Some(
                self.expected
                    .map_or(End::Whole, |expected| End::CutOff { expected }),
            );
            return None;
        }
        let least = match self.container {
            None => START.min(self.size),
            Some(_) => HEADER.min(left),
        };
        if self.lacks(least) {
            return Some(least);
        }
        if self.container.is_none() {
            // No more than that, so that it does not depend on how much was fed.
            let container = Container::of(&self.here()[..least as usize]);
            self.container = Some(container);
        }
        let container = self.container.unwrap_or_default();
        if container.is_picture()
            && let Some(more) = self.look_at_picture()
        {
            return Some(more);
        }
        if !container.has_boxes() {
            self.end = Some(End::Unknown);
            return None;
        }
        self.boxes += 1;
        if self.boxes > BOXES {
            self.end = Some(End::Unknown);
            return None;
        }
        let here = self.here();
        let within = usize::try_from(left).unwrap_or(usize::MAX).min(here.len());
        let header = Bytes(&here[..within]).header(left);
        // A kind that nobody knows is one if all of it is there, and it can be read.
        let new = |kind: Kind, length| length <= left && kind.iter().all(|byte| is_plain(*byte));
        let is_box = |kind, length| !top || is_top(kind) || new(kind, length);
        let Some((kind, body, length)) = header.filter(|(kind, _, length)| is_box(*kind, *length))
        else {
            // Less than a length is the beginning of one.
            let padding = (4..8).contains(&left) && here[..within].iter().all(|byte| *byte == 0);
            match begun(&here[..within]) {
                _ if !top || padding => self.at = limit,
                Some(header) => (self.at, self.expected) = (limit, Some(self.at + header)),
                None => self.end = Some(End::Unknown),
            }
            return None;
        };
        let expected = self.at.saturating_add(length);
        if top && expected > limit {
            self.expected = Some(expected);
        }
        let end = expected.min(limit);
        let inside = self.open.last().map(|(kind, _)| *kind);
        if self.open.len() < DEPTH && self.movie.has_boxes(inside, kind) {
            self.movie.open(kind);
            self.open.push((kind, end));
            self.at += body;
            return None;
        }
        if Movie::wants(inside, kind) {
            let wanted = (end - self.at).min(BODY);
            if self.lacks(wanted) {
                return Some(wanted);
            }
            let bytes = &self.here()[body as usize..wanted as usize];
            let bytes = bytes.to_vec();
            self.movie.take(kind, Bytes(&bytes));
        }
        self.at = end;
        None
    }
}

/// What a file is, now that its tracks are known.
fn refined(container: Container, tracks: &[Track]) -> Container {
    let is = |kind| tracks.iter().any(|track| track.kind == kind);
    match container {
        Container::M4a if is(TrackKind::Video) => Container::Mp4,
        other => other,
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The length of the header of which the last bytes of a file are the beginning, if they look so. A
/// line end that was appended does not.
fn begun(rest: &[u8]) -> Option<u64> {
    match *rest {
        [0, ..] if rest.len() < 8 => Some(8),
        [0, 0, 0, 1, a, b, c, d, ..] if rest.len() < 16 && is_top([a, b, c, d]) => Some(16),
        _ => None,
    }
}

/// Reads a file as far as it takes, which is less than 1 MB. What lies behind that is unknown.
///
/// # Errors
/// If it cannot be read.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Facts> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut reader = Reader::new(size);
    let mut left = BUDGET;
    while let Some(need) = reader.need() {
        let piece = (need.end - need.start).max(PIECE);
        let Some(rest) = left.checked_sub(piece) else {
            break;
        };
        left = rest;
        file.seek(SeekFrom::Start(need.start))?;
        let mut bytes = Vec::new();
        file.by_ref().take(piece).read_to_end(&mut bytes)?;
        reader.feed(&bytes);
    }
    Ok(reader.facts())
}
