//! Tests of the facts that the reader of media headers finds in a file: its kind, tracks and sizes.

use std::time::Duration;

use wavespeed::media::{Completeness, Container, Reader, TrackKind};

use super::boxes::*;
use super::media_walk::feed;

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
fn an_empty_or_contradicted_handler_does_not_hide_a_video() {
    let kind = |handler: &[u8], codec: &str, header: &str| {
        let stsd = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(codec, &[0; 70])].concat();
        let boxes = [
            boxed("hdlr", &[&[0; 8], handler].concat()),
            tree(
                "minf",
                &[
                    boxed(header, &[0; 12]),
                    tree("stbl", &[boxed("stsd", &stsd)]),
                ],
            ),
        ];
        let track = tree("trak", &[tree("mdia", &boxes)]);
        facts(&[ftyp(), moov(&[track])]).tracks[0].kind
    };
    assert_eq!(kind(b"vide", "avc1", "vmhd"), TrackKind::Video);
    assert_eq!(kind(b"\0\0\0\0", "new1", "vmhd"), TrackKind::Video);
    assert_eq!(kind(b"\0\0\0\0", "new1", "smhd"), TrackKind::Audio);
    assert_eq!(kind(b"    ", "hvc1", "gmhd"), TrackKind::Video);
    assert_eq!(kind(b"", "mp4a", "gmhd"), TrackKind::Audio);
    assert_eq!(kind(b"\0\0\0\0", "new1", "gmhd"), TrackKind::Unknown);
    assert_eq!(kind(b"soun", "avc1", "vmhd"), TrackKind::Unknown);
    assert_eq!(kind(b"soun", "mp4a", "smhd"), TrackKind::Audio);
    assert_eq!(kind(b"tmcd", "tmcd", "gmhd"), TrackKind::Other);
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
