//! Tests of the reader of media headers: the facts that it finds in a file, and how much of the file it
//! reads. The tests build MP4 boxes byte by byte; the property tests feed arbitrary bytes and damaged
//! clips in pieces of any length.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use proptest::prelude::*;
use wavespeed::media::{Completeness, Container, Facts, Reader, TrackKind, read};
use wavespeed_harness::CLIP;

/// A box of this kind.
fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), kind.as_bytes(), body].concat()
}

/// A box that contains boxes.
fn tree(kind: &str, boxes: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, &boxes.concat())
}

/// A box of 32-bit numbers.
fn numbers(kind: &str, numbers: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    boxed(kind, &bytes)
}

/// 1 as a fixed-point number, as transformation matrices store it.
const ONE: u32 = 0x1_0000;
const UPRIGHT: [u32; 4] = [ONE, 0, 0, ONE];

fn ftyp() -> Vec<u8> {
    boxed("ftyp", b"isom\0\0\x02\0isom")
}

fn tkhd(id: u32, [a, b, c, d]: [u32; 4], size: (u32, u32)) -> Vec<u8> {
    let matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000];
    let head = [1, 0, 0, id, 0, 0, 0, 0, 0, 0];
    numbers(
        "tkhd",
        &[&head[..], &matrix, &[size.0 << 16, size.1 << 16]].concat(),
    )
}

/// The media box of a track: its handler, its duration in milliseconds and its stored size.
fn mdia(handler: &str, ticks: u32, stored: (u16, u16)) -> Vec<u8> {
    let sample = [
        &[0; 24][..],
        &stored.0.to_be_bytes(),
        &stored.1.to_be_bytes(),
    ]
    .concat();
    let stsd = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed("avc1", &sample)].concat();
    let hdlr = [&[0; 8], handler.as_bytes(), &[0; 12]].concat();
    let minf = tree(
        "minf",
        &[
            boxed("hdlr", b"\0\0\0\0\0\0\0\0url "),
            tree("stbl", &[boxed("stsd", &stsd)]),
        ],
    );
    tree(
        "mdia",
        &[
            numbers("mdhd", &[0, 0, 0, 1000, ticks, 0]),
            boxed("hdlr", &hdlr),
            minf,
        ],
    )
}

fn video(matrix: [u32; 4], displayed: (u32, u32)) -> Vec<u8> {
    tree(
        "trak",
        &[tkhd(1, matrix, displayed), mdia("vide", 4000, (640, 360))],
    )
}

fn moov(boxes: &[Vec<u8>]) -> Vec<u8> {
    let mvhd = numbers("mvhd", &[0, 0, 0, 1000, 5000]);
    tree("moov", &[&[mvhd][..], boxes].concat())
}

fn facts(parts: &[Vec<u8>]) -> Facts {
    read(&mut Cursor::new(parts.concat())).unwrap()
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn tracks_durations_and_sizes_are_read() {
    let sound = tree(
        "trak",
        &[tkhd(2, UPRIGHT, (0, 0)), mdia("soun", 4500, (2, 16))],
    );
    let file = [
        ftyp(),
        boxed("mdat", &[7; 5000]),
        moov(&[video(UPRIGHT, (1280, 720)), sound]),
    ];
    let facts = facts(&file);
    assert_eq!(
        (facts.container, facts.completeness),
        (Container::Mp4, Completeness::Complete)
    );
    let video = facts.video().unwrap();
    assert_eq!(
        (video.size, video.duration),
        (Some((1280, 720)), seconds(4))
    );
    assert_eq!(
        (video.codec.as_deref(), video.enabled),
        (Some("avc1"), true)
    );
    assert_eq!(facts.longest(), Some(Duration::from_millis(4500)));
    assert_eq!(facts.movie, seconds(5));
    assert_eq!(facts.tracks[1].size, None);
}

#[test]
fn video_size_is_the_displayed_size() {
    let minus = ONE.wrapping_neg();
    for (matrix, displayed, size) in [
        ([0, ONE, minus, 0], (1280, 720), (720, 1280)),
        ([minus, 0, 0, minus], (1280, 720), (1280, 720)),
        ([0, minus, ONE, 0], (1280, 720), (720, 1280)),
        ([minus, 0, 0, ONE], (1280, 720), (1280, 720)),
        // A rotation computed from sine and cosine, with rounding errors.
        ([3, ONE, minus, 3], (1280, 720), (720, 1280)),
        // The track header has no size, so the stored size counts.
        (UPRIGHT, (0, 0), (640, 360)),
        // Pixels that are almost square count as square.
        (UPRIGHT, (639, 361), (640, 360)),
        ([0, ONE, minus, 0], (641, 360), (360, 640)),
        (UPRIGHT, (853, 360), (853, 360)),
        (UPRIGHT, (640, 357), (640, 357)),
        ([0, 0, 0, 0], (1280, 720), (1280, 720)),
    ] {
        let facts = facts(&[ftyp(), moov(&[video(matrix, displayed)])]);
        assert_eq!(facts.video().unwrap().size, Some(size), "{matrix:?}");
    }
}

#[test]
fn edit_list_determines_the_duration() {
    let duration_with = |elst| {
        let track = tree(
            "trak",
            &[
                tkhd(1, UPRIGHT, (1, 1)),
                tree("edts", &[elst]),
                mdia("vide", 4000, (1, 1)),
            ],
        );
        facts(&[ftyp(), moov(&[track])]).video().unwrap().duration
    };
    let duration_of = |edits: &[u32]| {
        let count = u32::try_from(edits.len() / 3).unwrap();
        duration_with(numbers("elst", &[&[0, count][..], edits].concat()))
    };
    assert_eq!(duration_of(&[3000, 500, ONE]), seconds(3));
    // An empty edit at the start does not count.
    assert_eq!(
        duration_of(&[1000, u32::MAX, ONE, 2000, 0, ONE]),
        seconds(2)
    );
    // Ignored: an edit of length 0 among others or alone, one of unknown length, and a truncated list.
    assert_eq!(duration_of(&[3000, 0, ONE, 0, 0, ONE]), seconds(3));
    assert_eq!(duration_of(&[0, 0, ONE]), seconds(4));
    assert_eq!(duration_of(&[u32::MAX, 0, ONE]), seconds(4));
    let cut_short = numbers("elst", &[0, 2, 3000, 0, ONE]);
    assert_eq!(duration_with(cut_short), seconds(4));
}

#[test]
fn durations_of_fragments_are_added() {
    let empty = tree(
        "trak",
        &[tkhd(1, UPRIGHT, (1280, 720)), mdia("vide", 0, (1, 1))],
    );
    let trex = numbers("trex", &[0, 1, 1, 40, 0, 0]);
    let head = moov(&[empty, tree("mvex", &[trex])]);
    let moof = |tfhd: &[u32], trun: &[u32]| {
        tree(
            "moof",
            &[tree(
                "traf",
                &[numbers("tfhd", tfhd), numbers("trun", trun)],
            )],
        )
    };
    let whole = [
        ftyp(),
        head,
        // The sample duration is in the movie header, the fragment header, or with each sample.
        moof(&[0, 1], &[0, 25]),
        boxed("mdat", &[0; 100]),
        moof(&[8, 1, 80], &[1, 10, 99]),
        moof(&[0, 1], &[0x300, 2, 100, 1, 200, 1]),
    ];
    let all = facts(&whole);
    assert_eq!(
        all.video().unwrap().duration,
        Some(Duration::from_millis(1000 + 800 + 300))
    );
    // The duration is unknown if the file is cut off.
    let mut cut = whole.concat();
    cut.truncate(cut.len() - 1);
    let cut = read(&mut Cursor::new(cut)).unwrap();
    assert!(
        matches!(cut.completeness, Completeness::Truncated { .. }),
        "{cut:?}"
    );
    assert_eq!(cut.video().unwrap().duration, None);
}

/// A movie header may contain samples that the fragments continue.
#[test]
fn samples_in_the_header_are_added_to_the_fragments() {
    let file = |samples: u32| {
        let stbl = tree("stbl", &[numbers("stts", &[0, samples, 25, 40])]);
        let mdia = [
            numbers("mdhd", &[0, 0, 0, 1000, 1000, 0]),
            boxed("hdlr", b"\0\0\0\0\0\0\0\0vide"),
            tree("minf", &[stbl]),
        ];
        let track = tree("trak", &[tkhd(1, UPRIGHT, (8, 8)), tree("mdia", &mdia)]);
        let trex = numbers("trex", &[0, 1, 1, 40, 0, 0]);
        let traf = [numbers("tfhd", &[0, 1]), numbers("trun", &[0, 25])];
        let moof = tree("moof", &[tree("traf", &traf)]);
        [ftyp(), moov(&[track, tree("mvex", &[trex])]), moof]
    };
    let lengths = |facts: &Facts| (facts.video().unwrap().duration, facts.movie);
    assert_eq!(lengths(&facts(&file(1))), (seconds(2), None));
    // The header states the duration of the fragments but has no samples.
    assert_eq!(lengths(&facts(&file(0))), (seconds(1), None));
    // The file may have more fragments after the unknown box.
    let [ftyp, moov, moof] = file(1);
    let open_end = facts(&[ftyp, moov, moof, b"\xff odd".to_vec()]);
    assert_eq!(
        (open_end.completeness, lengths(&open_end)),
        (Completeness::Unknown, (None, None))
    );
}

#[test]
fn video_is_the_longest_enabled_video_track() {
    let track = |enabled: u32, ticks, side| {
        let mut tkhd = tkhd(1, UPRIGHT, (side, side));
        tkhd[11] = u8::try_from(enabled).unwrap();
        tree("trak", &[tkhd, mdia("vide", ticks, (8, 8))])
    };
    let side = |tracks: &[Vec<u8>]| {
        let facts = facts(&[ftyp(), moov(tracks)]);
        facts.video().unwrap().size.unwrap().0
    };
    assert_eq!(side(&[track(1, 40, 300), track(1, 4000, 720)]), 720);
    assert_eq!(side(&[track(1, 4000, 720), track(0, 9000, 300)]), 720);
    assert_eq!(side(&[track(0, 4000, 720), track(0, 40, 300)]), 720);
    // Of equally long tracks the first counts: a cover image follows the video.
    assert_eq!(side(&[track(1, 4000, 720), track(1, 4000, 300)]), 720);
    // Tracks beyond the limit of 32 are ignored.
    let many: Vec<_> = (1..100).map(|side| track(1, side, side)).collect();
    assert_eq!(side(&many), 32);
}

#[test]
fn boxes_with_64_bit_numbers_are_read() {
    let long = |kind: &str, head: u32, ticks: u32| {
        // The version, the times, a number that depends on the box, the duration.
        let times = [0x0100_0001, 0, 0, 0, 0];
        numbers(kind, &[&times[..], &[head, 0, ticks]].concat())
    };
    let unknown = numbers("mdhd", &[0x0100_0000, 0, 0, 0, 0, 9, u32::MAX, u32::MAX]);
    let track = |mdhd| tree("trak", &[tree("mdia", &[mdhd])]);
    let tkhd = {
        let head = [0x0100_0001, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        let matrix = [ONE, 0, 0, 0, ONE, 0, 0, 0, 0x4000_0000];
        numbers(
            "tkhd",
            &[&head[..], &matrix, &[80 << 16, 60 << 16]].concat(),
        )
    };
    let elst = numbers("elst", &[0x0100_0000, 1, 0, 3000, 0, 0, ONE]);
    let hdlr = boxed("hdlr", b"\0\0\0\0\0\0\0\0vide");
    let mdia = tree("mdia", &[long("mdhd", 500, 4000), hdlr]);
    let edited = tree("trak", &[tkhd, tree("edts", &[elst]), mdia]);
    let boxes = [
        long("mvhd", 1000, 5000),
        boxed("uuid", &[9; 40]),
        track(long("mdhd", 500, 4000)),
        track(unknown),
        edited,
    ];
    let facts = facts(&[ftyp(), boxed("uuid", &[9; 40]), tree("moov", &boxes)]);
    let lengths: Vec<_> = facts.tracks.iter().map(|track| track.duration).collect();
    assert_eq!(lengths, [seconds(8), None, seconds(3)]);
    assert_eq!(
        (facts.movie, facts.completeness),
        (seconds(5), Completeness::Complete)
    );
    assert_eq!(facts.video().unwrap().size, Some((80, 60)));
}

#[test]
fn tracks_are_reported_only_if_all_were_read() {
    let sound = tree("trak", &[mdia("soun", 4000, (2, 16))]);
    let boxes = [sound, boxed("free", &[0; 3000]), video(UPRIGHT, (8, 8))];
    let file = [ftyp(), moov(&boxes)].concat();
    let mut reader = Reader::new(file.len() as u64);
    reader.feed(&file[..1000]);
    assert_eq!(reader.facts().tracks, []);
    assert_eq!(feed(&file, 1000).0.tracks.len(), 2);
    assert_eq!(feed(&file[..1000], 1000).0.tracks, []);
}

#[test]
fn unknown_and_malformed_boxes_are_ignored() {
    let malformed = [
        boxed("free", b""),
        boxed("\0\0\0\0", b""),
        boxed("udta", &[0, 0, 0, 0]),
        boxed("meta", b"not a tree"),
        // A box longer than its parent.
        [&9000u32.to_be_bytes()[..], b"iods"].concat(),
    ];
    let file = facts(&[
        ftyp(),
        moov(&[&[video(UPRIGHT, (1280, 720))], &malformed[..]].concat()),
    ]);
    assert_eq!(
        (file.video().unwrap().duration, file.completeness),
        (seconds(4), Completeness::Complete)
    );
    // A box with a 64-bit length, and one that extends to the end of the file.
    let long = [
        &1u32.to_be_bytes()[..],
        b"mdat",
        &24u64.to_be_bytes(),
        &[0; 8],
    ]
    .concat();
    let rest = [&0u32.to_be_bytes()[..], b"mdat", &[0; 99]].concat();
    // A box of an unknown kind.
    let new = boxed("new!", &[1; 30]);
    let file = facts(&[moov(&[video(UPRIGHT, (1280, 720))]), new, long, rest]);
    assert_eq!(
        (file.container, file.completeness),
        (Container::Mov, Completeness::Complete)
    );
    // Impossible lengths.
    for length in [2u64, u64::MAX] {
        let bad = [
            &1u32.to_be_bytes()[..],
            b"mdat",
            &length.to_be_bytes(),
            &[0; 8],
        ]
        .concat();
        let file = facts(&[ftyp(), moov(&[video(UPRIGHT, (1280, 720))]), bad]);
        assert_eq!(file.video().unwrap().duration, seconds(4), "{length}");
        assert_ne!(file.completeness, Completeness::Complete);
    }
}

#[test]
fn duration_without_a_valid_time_scale_is_unknown() {
    for (ticks, timescale) in [(0, 1000), (u32::MAX, 1000), (5, 0)] {
        let mdhd = numbers("mdhd", &[0, 0, 0, timescale, ticks, 0]);
        let track = tree("trak", &[tree("mdia", &[mdhd])]);
        let facts = facts(&[ftyp(), tree("moov", &[track])]);
        assert_eq!(
            (facts.tracks[0].kind, facts.tracks[0].duration),
            (TrackKind::Unknown, None)
        );
    }
}

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
fn other_containers_are_recognized_by_their_first_bytes() {
    for (start, container) in [
        (&b"\x1a\x45\xdf\xa3\x01"[..], Container::Matroska),
        (b"RIFF\0\0\0\0AVI LIST", Container::Avi),
        (b"RIFF\0\0\0\0WAVEfmt ", Container::Wav),
        (b"ID3\x04", Container::Mp3),
        (b"\xff\xfb\x90", Container::Mp3),
        (b"\x89PNG\r\n\x1a\n", Container::Png),
        (b"\n <!DOCTYPE html>", Container::Html),
        (b"{\"error\": 1}", Container::Json),
        (b"\0\0\0\x18ftypheic\0\0\0\0", Container::Heif),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", Container::M4a),
        (b"\0\0\0\x08wide\0\0\0\x08mdat", Container::Mov),
        (b"get free beer here", Container::Unknown),
        (b"", Container::Unknown),
    ] {
        assert_eq!(facts(&[start.to_vec()]).container, container, "{start:?}");
    }
    let sound = facts(&[
        boxed("ftyp", b"M4A \0\0\0\0"),
        moov(&[video(UPRIGHT, (1, 1))]),
    ]);
    assert_eq!(sound.container, Container::Mp4);
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
    // With too many fragments the reader stops, and the duration remains unknown.
    let piece = [boxed("moof", b""), boxed("mdat", &[0; 2000])].concat();
    let (facts, read) = count(&[ftyp(), moov(&[video(UPRIGHT, (8, 8))]), piece.repeat(2000)]);
    assert_eq!(
        (facts.completeness, facts.video().unwrap().duration),
        (Completeness::Unknown, None)
    );
    assert!(read < 1_000_000, "{read}");
}

/// Feeds a reader pieces of this length, or as much as it needs if that is more. Returns the facts and
/// the number of pieces.
fn feed(file: &[u8], piece: usize) -> (Facts, usize) {
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
fn reading_ends_when_the_file_becomes_shorter() {
    let mut reader = Reader::new(1000);
    reader.feed(&ftyp()[..10]);
    assert_eq!(
        (reader.need(), reader.facts().completeness),
        (None, Completeness::Unknown)
    );
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
        let tree = [ftyp(), bytes.clone(), moov(&[bytes])].concat();
        for file in [&tree[..], &tree[16..]] {
            let (_, pieces) = feed(file, 1);
            prop_assert!(pieces <= file.len() + 1);
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
