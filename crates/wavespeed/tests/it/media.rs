//! What is read of a file's header, and how much of the file is read for it.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use proptest::prelude::*;
use wavespeed::media::{Container, End, Facts, Reader, TrackKind, read};
use wavespeed_harness::CLIP;

/// A box.
fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), kind.as_bytes(), body].concat()
}

/// A box of boxes.
fn tree(kind: &str, boxes: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, &boxes.concat())
}

/// A box of numbers.
fn numbers(kind: &str, numbers: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    boxed(kind, &bytes)
}

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

/// What a track is of.
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
fn a_plain_file_is_described() {
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
    assert_eq!((facts.container, facts.end), (Container::Mp4, End::Whole));
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
fn what_is_displayed_is_what_counts() {
    let minus = ONE.wrapping_neg();
    for (matrix, displayed, size) in [
        ([0, ONE, minus, 0], (1280, 720), (720, 1280)),
        ([minus, 0, 0, minus], (1280, 720), (1280, 720)),
        ([0, minus, ONE, 0], (1280, 720), (720, 1280)),
        ([minus, 0, 0, ONE], (1280, 720), (1280, 720)),
        // A turn that was computed, by sine and cosine.
        ([3, ONE, minus, 3], (1280, 720), (720, 1280)),
        // The header of the track does not say: what is stored.
        (UPRIGHT, (0, 0), (640, 360)),
        // Pixels that are nearly square.
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
fn an_edit_list_says_what_is_played() {
    let played_by = |elst| {
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
    let played = |edits: &[u32]| {
        let count = u32::try_from(edits.len() / 3).unwrap();
        played_by(numbers("elst", &[&[0, count][..], edits].concat()))
    };
    assert_eq!(played(&[3000, 500, ONE]), seconds(3));
    // At first nothing is shown.
    assert_eq!(played(&[1000, u32::MAX, ONE, 2000, 0, ONE]), seconds(2));
    // One that says nothing, among others and alone, that nobody knows, or that is cut off.
    assert_eq!(played(&[3000, 0, ONE, 0, 0, ONE]), seconds(3));
    assert_eq!(played(&[0, 0, ONE]), seconds(4));
    assert_eq!(played(&[u32::MAX, 0, ONE]), seconds(4));
    let cut_short = numbers("elst", &[0, 2, 3000, 0, ONE]);
    assert_eq!(played_by(cut_short), seconds(4));
}

#[test]
fn fragments_add_up() {
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
        // By the header of the movie, of the fragment, and of each sample.
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
    // What was not seen may be long.
    let mut cut = whole.concat();
    cut.truncate(cut.len() - 1);
    let cut = read(&mut Cursor::new(cut)).unwrap();
    assert!(matches!(cut.end, End::CutOff { .. }), "{cut:?}");
    assert_eq!(cut.video().unwrap().duration, None);
}

/// A header may have samples, which fragments go on from.
#[test]
fn a_header_with_samples_is_the_first_fragment() {
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
    // It states the length of the fragments, and has none of it.
    assert_eq!(lengths(&facts(&file(0))), (seconds(1), None));
    // More may come.
    let [ftyp, moov, moof] = file(1);
    let look = facts(&[ftyp, moov, moof, b"\xff odd".to_vec()]);
    assert_eq!((look.end, lengths(&look)), (End::Unknown, (None, None)));
}

#[test]
fn the_longest_video_that_is_enabled_counts() {
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
    // A cover that is shown all the time comes behind.
    assert_eq!(side(&[track(1, 4000, 720), track(1, 4000, 300)]), 720);
    // More than are kept do not change those that are.
    let many: Vec<_> = (1..100).map(|side| track(1, side, side)).collect();
    assert_eq!(side(&many), 32);
}

#[test]
fn long_numbers_are_read() {
    let long = |kind: &str, head: u32, ticks: u32| {
        // The version, the times, two numbers of the kind, the duration.
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
    assert_eq!((facts.movie, facts.end), (seconds(5), End::Whole));
    assert_eq!(facts.video().unwrap().size, Some((80, 60)));
}

#[test]
fn tracks_are_told_only_if_all_were_seen() {
    let sound = tree("trak", &[mdia("soun", 4000, (2, 16))]);
    let boxes = [sound, boxed("free", &[0; 3000]), video(UPRIGHT, (8, 8))];
    let file = [ftyp(), moov(&boxes)].concat();
    let mut reader = Reader::new(file.len() as u64);
    reader.feed(&file[..1000]);
    assert_eq!(reader.facts().tracks, []);
    assert_eq!(fed(&file, 1000).0.tracks.len(), 2);
    assert_eq!(fed(&file[..1000], 1000).0.tracks, []);
}

#[test]
fn odd_boxes_are_passed_over() {
    let odd = [
        boxed("free", b""),
        boxed("\0\0\0\0", b""),
        boxed("udta", &[0, 0, 0, 0]),
        boxed("meta", b"not a tree"),
        // Longer than what it is in.
        [&9000u32.to_be_bytes()[..], b"iods"].concat(),
    ];
    let file = facts(&[
        ftyp(),
        moov(&[&[video(UPRIGHT, (1280, 720))], &odd[..]].concat()),
    ]);
    assert_eq!(
        (file.video().unwrap().duration, file.end),
        (seconds(4), End::Whole)
    );
    // A length of 64 bits, and one that means the rest.
    let long = [
        &1u32.to_be_bytes()[..],
        b"mdat",
        &24u64.to_be_bytes(),
        &[0; 8],
    ]
    .concat();
    let rest = [&0u32.to_be_bytes()[..], b"mdat", &[0; 99]].concat();
    // One of a kind that nobody knows.
    let new = boxed("new!", &[1; 30]);
    let file = facts(&[moov(&[video(UPRIGHT, (1280, 720))]), new, long, rest]);
    assert_eq!((file.container, file.end), (Container::Mov, End::Whole));
    // A length that cannot be.
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
        assert_ne!(file.end, End::Whole);
    }
}

#[test]
fn lengths_that_nobody_knows_are_not_made_up() {
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
fn every_cut_is_found() {
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
        assert!(matches!(facts.end, End::CutOff { .. }), "{less}: {facts:?}");
    }
    for length in 17..file.len() {
        let facts = read(&mut Cursor::new(&file[..length])).unwrap();
        let boundary = length == ftyp().len() || length == file.len() - 3008;
        let found = matches!(facts.end, End::CutOff { expected } if expected > length as u64);
        assert_eq!(found, !boundary, "{length}: {:?}", facts.end);
    }
    assert_eq!(facts(&[ftyp()]).end, End::NoTracks);
    // Something that a program put behind the end is no box.
    for tail in [
        &b"TAG and more of it"[..],
        b"\n",
        b"\r\n.",
        &[0; 5],
        &[0; 99],
        b"\0\0\x10\0odd\0more",
    ] {
        let facts = facts(&[file.clone(), tail.to_vec()]);
        assert!(matches!(facts.end, End::Whole | End::Unknown), "{tail:?}");
    }
}

#[test]
fn other_files_are_told_by_how_they_begin() {
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

/// How much is asked for of a large file.
#[test]
fn little_is_read_of_a_large_file() {
    struct Counted(Cursor<Vec<u8>>, u64);
    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1 += read as u64;
            Ok(read)
        }
    }
    impl Seek for Counted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }
    let count = |parts: &[Vec<u8>]| {
        let mut file = Counted(Cursor::new(parts.concat()), 0);
        (read(&mut file).unwrap(), file.1)
    };
    let (facts, read) = count(&[
        ftyp(),
        boxed("mdat", &[0; 9 << 20]),
        moov(&[video(UPRIGHT, (8, 8))]),
    ]);
    assert_eq!(facts.end, End::Whole);
    assert!(read < 8 << 10, "{read}");
    // So many fragments that the rest remains unknown.
    let piece = [boxed("moof", b""), boxed("mdat", &[0; 2000])].concat();
    let (facts, read) = count(&[ftyp(), moov(&[video(UPRIGHT, (8, 8))]), piece.repeat(2000)]);
    assert_eq!(
        (facts.end, facts.video().unwrap().duration),
        (End::Unknown, None)
    );
    assert!(read < 1_000_000, "{read}");
}

/// Feeds a reader pieces of this length, or as much as it needs if that is more.
fn fed(file: &[u8], piece: usize) -> (Facts, usize) {
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
fn a_file_that_shrinks_ends_the_reading() {
    let mut reader = Reader::new(1000);
    reader.feed(&ftyp()[..10]);
    assert_eq!((reader.need(), reader.facts().end), (None, End::Unknown));
}

#[test]
fn what_it_is_does_not_depend_on_the_pieces() {
    let late = [&[b' '; 60][..], b"<html>", &[b' '; 60]].concat();
    for file in [&late[..], &late[1..], &late[10..], b"<p>"] {
        assert_eq!(fed(file, 1).0, fed(file, file.len()).0);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let tree = [ftyp(), bytes.clone(), moov(&[bytes])].concat();
        for file in [&tree[..], &tree[16..]] {
            let (_, pieces) = fed(file, 1);
            prop_assert!(pieces <= file.len() + 1);
        }
    }

    /// A real clip with some of its bytes changed; most of them where the boxes are.
    #[test]
    fn a_damaged_clip_is_read_to_an_end(
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
        let (facts, pieces) = fed(&file, piece);
        prop_assert!(pieces <= length);
        prop_assert_eq!(facts, fed(&file, length).0);
    }
}
