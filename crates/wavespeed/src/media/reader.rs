//! The walk over the boxes of a file.
//!
//! A [`Reader`] is a state machine: [`Reader::need`] names the bytes that the next step requires,
//! [`Reader::feed`] supplies them and runs steps until other bytes are needed. A step handles one
//! box: it enters the box, parses it or skips it. Skipped content is never requested, so the facts
//! of a file of gigabytes take a few kilobytes.

use std::ops::Range;

use crate::media::boxes::{
    BoxHeader, BoxReader, BoxType, is_padding, is_printable, is_top_level, truncated_header_bytes,
    unknown_box_bytes,
};
use crate::media::container::Container;
use crate::media::facts::{Completeness, Facts, Track, TrackKind};
use crate::media::movie::Movie;

/// The number of boxes that are visited. A fragmented movie has several boxes per second, so this
/// covers hours, and bounds the work for a file made of tiny boxes.
const MAX_BOXES: u32 = 50_000;

/// The depth to which boxes are entered. The deepest box that is read is
/// `moov/trak/mdia/minf/stbl/stsd`, below five parents.
const MAX_DEPTH: usize = 6;

/// The number of bytes that are read of a box. Most values stand within its first hundred; the rest
/// of a longer box is ignored.
const MAX_BOX_BYTES: u64 = 64 << 10;

/// The number of boxes of unknown type that are skipped at the beginning of a file. Files with one are
/// rare, and a text that looks like boxes must not be walked through.
const MAX_UNKNOWN_BOXES: u32 = 4;

/// The number of bytes by which the kind of a file is detected.
const START_BYTES: u64 = 64;

/// The length of the longest box header: size, type and 64-bit size.
const HEADER_BYTES: u64 = 16;

/// The number of bytes that are read of a picture. A JPEG may state its size only after a thumbnail
/// in its metadata.
const MAX_PICTURE_BYTES: u64 = 512 << 10;

/// A reader of media headers that is fed with byte ranges: [`need`](Self::need) returns the range
/// that is needed next, [`feed`](Self::feed) takes its bytes, until no range is needed.
///
/// ```
/// use wavespeed::media::Reader;
///
/// let file = b"the bytes of a file, in memory or at the other end of a connection";
/// let mut reader = Reader::new(file.len() as u64);
/// while let Some(range) = reader.need() {
///     reader.feed(&file[range.start as usize..range.end as usize]);
/// }
/// println!("{:?}", reader.facts());
/// ```
#[derive(Debug)]
pub struct Reader {
    /// The length of the file in bytes.
    size: u64,
    /// The offset of the next box.
    position: u64,
    /// The number of bytes that are needed from `position` on.
    needed: u64,
    /// The bytes that were fed last.
    buffer: Vec<u8>,
    /// The offset of the first byte in `buffer`.
    buffer_start: u64,
    /// The type and the end offset of each box that is entered, outermost first.
    open: Vec<(BoxType, u64)>,
    /// The number of boxes visited.
    boxes: u32,
    container: Option<Container>,
    movie: Movie,
    picture: Option<(u32, u32)>,
    /// The offset where the last box should end, if that is behind the end of the file.
    expected_end: Option<u64>,
    /// The result of the walk, once it has ended.
    end: Option<Completeness>,
}

/// The result of a step.
enum Step {
    /// The next step can run.
    Continue,
    /// The step must run again with this many bytes from the same position on.
    Need(u64),
    /// The walk has ended.
    End(Completeness),
}

impl Reader {
    /// Creates a reader for a file of this length in bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            position: 0,
            needed: START_BYTES.min(size),
            buffer: Vec::new(),
            buffer_start: 0,
            open: Vec::new(),
            boxes: 0,
            container: None,
            movie: Movie::default(),
            picture: None,
            expected_end: None,
            // An empty file has no bytes that could be fed.
            end: (size == 0).then_some(Completeness::Unknown),
        }
    }

    /// Returns the byte range that is needed next, or `None` if the walk has ended. The range is
    /// never empty and lies within the file.
    #[must_use]
    pub fn need(&self) -> Option<Range<u64>> {
        self.end
            .is_none()
            .then(|| self.position..self.position + self.needed)
    }

    /// Takes the bytes of the range that is needed, and any number of bytes behind it. If there are
    /// fewer bytes than needed, the file became shorter, and the walk ends.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer_start = self.position;
        self.buffer = bytes.to_vec();
        if (bytes.len() as u64) < self.needed {
            self.end = Some(Completeness::Unknown);
        }
        while self.end.is_none() {
            match self.step() {
                Step::Continue => {}
                Step::Need(bytes) => {
                    self.needed = bytes;
                    return;
                }
                Step::End(completeness) => self.end = Some(completeness),
            }
        }
    }

    /// Returns the facts that are known so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let container = self.container.unwrap_or_default();
        let walk = self.end.unwrap_or(Completeness::Unknown);
        let (tracks, movie) = self.movie.facts(walk == Completeness::Complete);
        let completeness = match walk {
            Completeness::Complete if !self.movie.moov_is_complete => Completeness::NoTracks,
            Completeness::Complete if self.movie.is_init_segment() => Completeness::InitSegment,
            walk => walk,
        };
        Facts {
            container: refine(container, &tracks),
            tracks,
            movie,
            picture: self.picture,
            completeness,
            compressed_header: self.movie.is_compressed,
        }
    }

    /// Returns the bytes from the position on, as far as they were fed.
    fn fed_bytes(&self) -> &[u8] {
        let skip = self
            .position
            .checked_sub(self.buffer_start)
            .and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.buffer.get(skip..))
            .unwrap_or_default()
    }

    /// Returns `true` if fewer than `bytes` bytes were fed from the position on.
    fn lacks(&self, bytes: u64) -> bool {
        (self.fed_bytes().len() as u64) < bytes
    }

    /// Returns the offset where the innermost open box ends, or the file at the top level.
    fn parent_end(&self) -> u64 {
        self.open.last().map_or(self.size, |(_, end)| *end)
    }

    /// Runs one step of the walk.
    fn step(&mut self) -> Step {
        self.leave_finished_boxes();
        let left = self.parent_end() - self.position;
        // All boxes are left, so nothing left means the end of the file.
        if left == 0 {
            return Step::End(match self.expected_end {
                Some(expected) => Completeness::Truncated { expected },
                None => Completeness::Complete,
            });
        }
        let container = match self.detect_container() {
            Ok(container) => container,
            Err(bytes) => return Step::Need(bytes),
        };
        if container.is_picture()
            && let Some(bytes) = self.read_picture()
        {
            return Step::Need(bytes);
        }
        if !container.is_box_file() {
            return Step::End(Completeness::Unknown);
        }
        // The detection skips boxes of unknown type.
        self.step_box(self.parent_end() - self.position)
    }

    /// Leaves the open boxes that end at the position.
    fn leave_finished_boxes(&mut self) {
        while let Some((box_type, _)) = self.open.pop_if(|(_, end)| *end <= self.position) {
            // Only the last box at the top level can be truncated, so any truncation known by now
            // is one of this box or of its parent.
            self.movie.leave(box_type, self.expected_end.is_none());
        }
    }

    /// Returns the kind of the file, and detects it if the first bytes were fed. Boxes of unknown
    /// type at the beginning are skipped.
    ///
    /// # Errors
    /// Returns the number of bytes that are needed from the position on.
    fn detect_container(&mut self) -> Result<Container, u64> {
        while self.container.is_none() {
            let bytes = START_BYTES.min(self.size - self.position);
            if self.lacks(bytes) {
                return Err(bytes);
            }
            // No more than these bytes, so that the result does not depend on how many were fed.
            let start = &self.fed_bytes()[..bytes as usize];
            let container = Container::detect(start);
            let unknown_box = unknown_box_bytes(start, self.size - self.position)
                .filter(|_| container == Container::Unknown && self.boxes < MAX_UNKNOWN_BOXES);
            // Behind a box of unknown type only another box shows that it is a box.
            let is_behind_a_box = self.position > 0;
            match unknown_box {
                Some(bytes) => {
                    self.boxes += 1;
                    self.position += bytes;
                }
                None if is_behind_a_box && !container.is_box_file() => {
                    self.container = Some(Container::Unknown);
                }
                None => self.container = Some(container),
            }
        }
        Ok(self.container.unwrap_or_default())
    }

    /// Finds the size of a picture. Returns the number of bytes that are needed for another attempt,
    /// or `None` once the size is known or cannot be found.
    fn read_picture(&mut self) -> Option<u64> {
        let bytes = self.fed_bytes();
        let bytes = &bytes[..bytes.len().min(MAX_PICTURE_BYTES as usize)];
        let side = |side: usize| u32::try_from(side).ok();
        let size = imagesize::blob_size(bytes).ok();
        self.picture = size.and_then(|size| Some((side(size.width)?, side(size.height)?)));
        // Growing by a factor keeps the number of requests small: 64 bytes, 1 KiB, 16 KiB, ...
        let fed = self.fed_bytes().len() as u64;
        let more = (fed * 16).min(MAX_PICTURE_BYTES).min(self.size);
        (self.picture.is_none() && more > fed).then_some(more)
    }

    /// Visits the box at the position. `left` is the number of bytes to the end of its parent.
    fn step_box(&mut self, left: u64) -> Step {
        let header_bytes = HEADER_BYTES.min(left);
        if self.lacks(header_bytes) {
            return Step::Need(header_bytes);
        }
        self.boxes += 1;
        if self.boxes > MAX_BOXES {
            return Step::End(Completeness::Unknown);
        }
        let Some(header) = self.box_header(left) else {
            return self.skip_trailing_bytes(left);
        };

        // A box that is longer than its parent is clipped to it. At the top level the parent is the
        // file, so the box is truncated; deeper a wrong size must not spoil the rest of the file.
        let parent_end = self.parent_end();
        let box_end = self.position.saturating_add(header.box_bytes);
        // Padding that is cut off is no loss behind a whole movie.
        let is_harmless = is_padding(header.box_type) && self.movie.may_be_whole();
        if self.open.is_empty() && box_end > parent_end && !is_harmless {
            self.expected_end = Some(box_end);
        }
        let box_end = box_end.min(parent_end);

        let parent = self.open.last().map(|(box_type, _)| *box_type);
        let may_enter = self.open.len() < MAX_DEPTH;
        if may_enter && self.movie.has_children(parent, header.box_type) {
            self.movie.enter(header.box_type);
            self.open.push((header.box_type, box_end));
            self.position += header.header_bytes;
            return Step::Continue;
        }
        self.movie.note(parent, header.box_type);
        if Movie::is_parsed(parent, header.box_type) {
            let bytes = (box_end - self.position).min(MAX_BOX_BYTES);
            if self.lacks(bytes) {
                return Step::Need(bytes);
            }
            let content = &self.fed_bytes()[header.header_bytes as usize..bytes as usize];
            let content = content.to_vec();
            self.movie.parse(header.box_type, BoxReader(&content));
        }
        self.position = box_end;
        Step::Continue
    }

    /// Parses the header of the box at the position. Returns `None` if the bytes there are no box.
    fn box_header(&self, left: u64) -> Option<BoxHeader> {
        let header = BoxReader(self.fed_bytes_within(left)).header(left)?;
        // Inside a box nothing but boxes is allowed. At the top level programs append other data,
        // so a type that is not known there is believed only if it is printable and the box fits.
        let is_plausible = header.box_bytes <= left && is_printable(header.box_type);
        let is_nested = !self.open.is_empty();
        (is_nested || is_top_level(header.box_type) || is_plausible).then_some(header)
    }

    /// Handles bytes that are no box, up to the end of the parent.
    fn skip_trailing_bytes(&mut self, left: u64) -> Step {
        let is_nested = !self.open.is_empty();
        if is_nested {
            // The siblings of the parent are not affected.
            self.position = self.parent_end();
            return Step::Continue;
        }
        if let Some(step) = self.skip_padding(left) {
            return step;
        }
        match truncated_header_bytes(self.fed_bytes_within(left)) {
            Some(header) => {
                self.expected_end = Some(self.position + header);
                self.position = self.parent_end();
                Step::Continue
            }
            // Appended data, perhaps with boxes behind it: the file may be complete or not.
            None => Step::End(Completeness::Unknown),
        }
    }

    /// Skips zero bytes up to the end of the file. Returns `None` if there are other bytes, or if the
    /// zero bytes may be the beginning of a box that is cut off.
    fn skip_padding(&mut self, left: u64) -> Option<Step> {
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        // Longer padding is not read. A download that reserves the file in advance leaves zero bytes
        // where data is missing, so it is not believed to be padding either.
        if left > MAX_BOX_BYTES || !is_zero(self.fed_bytes_within(left)) {
            return None;
        }
        // Four zero bytes are a complete size field of zero without a type. Fewer may be the beginning
        // of the size of a box, unless nothing is missing.
        if left < 4 && !self.movie.may_be_whole() {
            return None;
        }
        if self.lacks(left) {
            return Some(Step::Need(left));
        }
        self.position = self.parent_end();
        Some(Step::Continue)
    }

    /// Returns the bytes that were fed from the position on, without those behind the parent.
    fn fed_bytes_within(&self, left: u64) -> &[u8] {
        let bytes = self.fed_bytes();
        let within = usize::try_from(left).unwrap_or(usize::MAX);
        &bytes[..within.min(bytes.len())]
    }
}

/// Returns the kind of a file by its first bytes and its tracks: a file with the brand of an audio
/// file is a video if it has a video track.
fn refine(container: Container, tracks: &[Track]) -> Container {
    let has = |kind| tracks.iter().any(|track| track.kind == kind);
    match container {
        Container::M4a if has(TrackKind::Video) => Container::Mp4,
        other => other,
    }
}
