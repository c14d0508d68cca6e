//! Tests of the walk of the reader of media headers: its end, what stands before the first and behind the
//! last box, and how much of a file is read. The property tests feed arbitrary bytes and damaged clips in
//! pieces of any length.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;
use wavespeed::media::{Completeness, Container, Facts, Reader, read};
use wavespeed_harness::CLIP;

use super::boxes::*;

#[test]
fn truncation_at_any_byte_is_detected() {
    let file = [
        ftyp(),
        moov(&[video(UPRIGHT, (1280, 720))]),
        boxed("mdat", &[0; 3000]),
    ]
    .concat();
    let long = [&b"\0\0\0\x01mdat\0\0\0\0\0\0\x0b\xb8"[..], &[0; 2984]].concat();
    let long_file = [&file[..file.len() - 3008], &long].concat();
    for less in 2984..3000 {
        let facts = read(&mut Cursor::new(&long_file[..long_file.len() - less])).unwrap();
        assert!(
            matches!(facts.completeness, Completeness::Truncated { .. }),
            "{less}: {facts:?}"
        );
    }
    for length in 17..file.len() {
        let facts = read(&mut Cursor::new(&file[..length])).unwrap();
        let boundary = length == ftyp().len() || length == file.len() - 3008;
        let found = matches!(facts.completeness, Completeness::Truncated { expected } if expected > length as u64);
        assert_eq!(found, !boundary, "{length}: {:?}", facts.completeness);
    }
    assert_eq!(facts(&[ftyp()]).completeness, Completeness::NoTracks);
    // Bytes that a program appended are not a truncated box.
    for tail in [
        &b"TAG and more of it"[..],
        b"\n",
        b"\r\n.",
        &[0; 5],
        &[0; 99],
        b"\0\0\x10\0odd\0more",
    ] {
        let facts = facts(&[file.clone(), tail.to_vec()]);
        assert!(
            matches!(
                facts.completeness,
                Completeness::Complete | Completeness::Unknown
            ),
            "{tail:?}"
        );
    }
}

#[test]
fn padding_behind_the_end_does_not_make_a_file_incomplete() {
    let track = [numbers("stts", &[0, 1, 25, 40])];
    let mdia = [
        boxed("hdlr", b"\0\0\0\0\0\0\0\0vide"),
        numbers("mdhd", &[0, 0, 0, 1000, 0, 0]),
        tree("minf", &[tree("stbl", &track)]),
    ];
    let track = tree("trak", &[tkhd(1, UPRIGHT, (8, 8)), tree("mdia", &mdia)]);
    let trex = tree("mvex", &[numbers("trex", &[0, 1, 1, 40, 0, 0])]);
    let traf = [numbers("tfhd", &[0, 1]), numbers("trun", &[0, 25])];
    let moof = tree("moof", &[tree("traf", &traf)]);
    let mdat = boxed("mdat", &[7; 100]);
    let plain = [ftyp(), moov(std::slice::from_ref(&track)), mdat.clone()].concat();
    let fragmented = [ftyp(), moov(&[track, trex]), moof, mdat].concat();
    for (file, length) in [(plain, 1), (fragmented, 2)] {
        for padding in [1, 2, 3, 4, 7, 8, 15, 16, 99, 4096, 60_000] {
            let facts = facts(&[file.clone(), vec![0; padding]]);
            let found = (facts.completeness, facts.video().unwrap().duration);
            assert_eq!(
                found,
                (Completeness::Complete, seconds(length)),
                "{padding}"
            );
        }
        // A padding box that is cut off.
        let cut = facts(&[file.clone(), boxed("free", &[7; 99])[..50].to_vec()]);
        assert_eq!(cut.completeness, Completeness::Complete);
        // Zero bytes may also stand for missing data.
        for end in [vec![0; 70_000], [vec![0; 99], vec![7]].concat()] {
            let facts = facts(&[file.clone(), end]);
            assert_eq!(facts.completeness, Completeness::Unknown);
        }
    }
}

#[test]
fn boxes_of_unknown_type_may_stand_first() {
    let movie = [ftyp(), moov(&[video(UPRIGHT, (1280, 720))])];
    for first in [
        boxed("new!", &[1; 4]),
        boxed("skp1", &[1; 300_000]),
        [boxed("new!", b""), boxed("new2", &[2; 50])].concat(),
    ] {
        let file = [&[first][..], &movie].concat();
        let found = facts(&file);
        assert_eq!(
            (found.container, found.completeness),
            (Container::Mp4, Completeness::Complete)
        );
        assert_eq!(found.video().unwrap().duration, seconds(4));
        let file = file.concat();
        assert_eq!(feed(&file, 1).0, feed(&file, file.len()).0);
    }
    // A short box is the last one.
    let short = [boxed("new!", &[1; 4]), boxed("ftyp", b"")].concat();
    for piece in [1, short.len()] {
        let (facts, _) = feed(&short, piece);
        let found = (facts.container, facts.completeness);
        assert_eq!(found, (Container::Mp4, Completeness::NoTracks));
    }
    // What looks like a box at the beginning is none without another one behind it.
    for file in [
        [boxed("new!", &[1; 4]), b"words".to_vec()],
        [boxed("new!", &[1; 4]), b"\x89PNG\r\n\x1a\n".to_vec()],
        [boxed("new!", &[1; 4]), Vec::new()],
        [boxed("new!", b"").repeat(99), ftyp()],
    ] {
        assert_eq!(facts(&file).container, Container::Unknown);
    }
}

#[test]
fn only_a_small_part_of_a_large_file_is_read() {
    /// A file, and the number of bytes read from it.
    struct CountingFile(Cursor<Vec<u8>>, u64);
    impl Read for CountingFile {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1 += read as u64;
            Ok(read)
        }
    }
    impl Seek for CountingFile {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let count = |parts: &[Vec<u8>]| {
        let mut file = CountingFile(Cursor::new(parts.concat()), 0);
        (read(&mut file).unwrap(), file.1)
    };
    let (facts, read) = count(&[
        ftyp(),
        boxed("mdat", &[0; 9 << 20]),
        moov(&[video(UPRIGHT, (8, 8))]),
    ]);
    assert_eq!(facts.completeness, Completeness::Complete);
    assert!(read < 8 << 10, "{read}");
    // With too many fragments the reader stops, and the duration is that of the header.
    let piece = [boxed("moof", b""), boxed("mdat", &[0; 2000])].concat();
    let (facts, read) = count(&[ftyp(), moov(&[video(UPRIGHT, (8, 8))]), piece.repeat(2000)]);
    assert_eq!(
        (facts.completeness, facts.video().unwrap().duration),
        (Completeness::Unknown, seconds(4))
    );
    assert!(read < 1_000_000, "{read}");
}

#[test]
fn reading_ends_when_the_file_becomes_shorter() {
    let mut reader = Reader::new(1000);
    reader.feed(&ftyp()[..10]);
    assert_eq!(
        (reader.need(), reader.facts().completeness),
        (None, Completeness::Unknown)
    );
}

/// A file of 100 MB, of which the tests read little: bytes at its start and end, and zero bytes between.
struct LargeFile {
    start: Vec<u8>,
    end: Vec<u8>,
    position: u64,
    bytes_read: u64,
}

impl LargeFile {
    const BYTES: u64 = 100_000_000;
}

impl Read for LargeFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end_start = Self::BYTES - self.end.len() as u64;
        let left = usize::try_from(Self::BYTES - self.position).unwrap();
        let length = buffer.len().min(left);
        for byte in &mut buffer[..length] {
            let position = usize::try_from(self.position).unwrap();
            let at_end = self.position.checked_sub(end_start);
            let at_end = at_end.and_then(|at| self.end.get(usize::try_from(at).unwrap()));
            *byte = *self.start.get(position).or(at_end).unwrap_or(&0);
            self.position += 1;
        }
        self.bytes_read += length as u64;
        Ok(length)
    }
}

impl Seek for LargeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::End(offset) => Self::BYTES.checked_add_signed(offset).unwrap(),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset).unwrap(),
        };
        Ok(self.position)
    }
}

#[test]
fn at_most_a_megabyte_is_read_of_a_file_of_100_mb() {
    let movie = moov(&[video(UPRIGHT, (1280, 720))]);
    let mdat = |bytes: u64| [&u32::try_from(bytes).unwrap().to_be_bytes()[..], b"mdat"].concat();
    let rest = LargeFile::BYTES - (ftyp().len() + movie.len()) as u64;
    let piece = [boxed("moof", &[0; 40]), boxed("mdat", &[0; 40])].concat();
    for (start, end) in [
        ([ftyp(), mdat(rest)].concat(), movie.clone()),
        ([ftyp(), movie.clone(), mdat(rest)].concat(), Vec::new()),
        // Files that keep the reader busy.
        ([ftyp(), movie, piece.repeat(30_000)].concat(), Vec::new()),
        (
            [ftyp(), boxed("free", b"").repeat(99_999)].concat(),
            Vec::new(),
        ),
        (b"\xff\xd8\xff\xe0".repeat(999), Vec::new()),
        (Vec::new(), Vec::new()),
    ] {
        let mut file = LargeFile {
            start,
            end,
            position: 0,
            bytes_read: 0,
        };
        read(&mut file).unwrap();
        assert!(file.bytes_read <= 1_000_000, "{}", file.bytes_read);
    }
}

/// Feeds a reader pieces of this length, or as much as it needs if that is more. Returns the facts and
/// the number of pieces.
pub(crate) fn feed(file: &[u8], piece: usize) -> (Facts, usize) {
    let mut reader = Reader::new(file.len() as u64);
    let mut pieces = 0;
    while let Some(need) = reader.need() {
        let start = usize::try_from(need.start).unwrap();
        let end = usize::try_from(need.end).unwrap();
        assert!(
            start < end && end <= file.len(),
            "{need:?} is not within the file"
        );
        reader.feed(&file[start..end.max(start + piece).min(file.len())]);
        pieces += 1;
    }
    (reader.facts(), pieces)
}

#[test]
fn container_does_not_depend_on_the_piece_length() {
    let late = [&[b' '; 60][..], b"<html>", &[b' '; 60]].concat();
    for file in [&late[..], &late[1..], &late[10..], b"<p>"] {
        assert_eq!(feed(file, 1).0, feed(file, file.len()).0);
    }
}

proptest! {
    #[test]
    fn reader_ends_for_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let tree = [ftyp(), bytes.clone(), moov(std::slice::from_ref(&bytes))].concat();
        let unknown_first = [boxed("new!", &bytes), tree.clone(), bytes].concat();
        for file in [&tree[..], &tree[16..], &unknown_first, &unknown_first[8..]] {
            let (facts, pieces) = feed(file, 1);
            prop_assert!(pieces <= file.len() + 1);
            prop_assert_eq!(facts, feed(file, file.len()).0);
        }
    }

    /// A real clip with some bytes changed, at the start or at the end, where the boxes are.
    #[test]
    fn reader_ends_for_a_damaged_clip(
        changes in prop::collection::vec((0usize..1400, any::<u8>()), 0..12),
        at_end in any::<bool>(),
        piece in 1usize..5000,
    ) {
        let mut file = CLIP.to_vec();
        let length = file.len();
        for (at, byte) in changes {
            let at = if at_end { length - 1 - at } else { at };
            file[at] = byte;
        }
        let (facts, pieces) = feed(&file, piece);
        prop_assert!(pieces <= length);
        prop_assert_eq!(facts, feed(&file, length).0);
    }
}
