//! Tests of the lengths that the reader of media headers finds: the places that state them, and which
//! of them counts.

use std::io::Cursor;
use std::time::Duration;

use wavespeed::media::{Completeness, Facts, TrackKind, read};

use super::boxes::*;

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

/// The defaults of fragments may stand before the track that they are for, and the fragments before
/// both.
#[test]
fn the_order_of_boxes_does_not_matter() {
    let track = tree(
        "trak",
        &[mdia("vide", 0, (1280, 720)), tkhd(1, UPRIGHT, (1280, 720))],
    );
    let mvex = tree("mvex", &[numbers("trex", &[0, 1, 1, 40, 0, 0])]);
    let (tfhd, trun) = (numbers("tfhd", &[0, 1]), numbers("trun", &[0, 25]));
    let moof = |boxes: &[Vec<u8>]| tree("moof", &[tree("traf", boxes)]);
    let usual = moof(&[tfhd.clone(), trun.clone()]);
    for file in [
        [
            moov(&[track.clone(), mvex.clone()]),
            usual.clone(),
            usual.clone(),
        ],
        [
            moov(&[mvex.clone(), track.clone()]),
            usual.clone(),
            usual.clone(),
        ],
        [
            usual.clone(),
            usual.clone(),
            moov(&[mvex.clone(), track.clone()]),
        ],
        [moov(&[track, mvex]), moof(&[trun, tfhd]), usual],
    ] {
        let facts = facts(&[&[ftyp()], &file[..]].concat());
        assert_eq!(facts.video().unwrap().duration, seconds(2));
        assert_eq!(facts.video().unwrap().has_samples, Some(true));
    }
}

/// A track with an edit list of this length, a media header of this time scale and length, and a sample
/// table with one entry of 50 samples.
fn track_with_lengths(edit: u32, timescale: u32, media: u32, sample: u32) -> Vec<u8> {
    let stbl = tree("stbl", &[numbers("stts", &[0, 1, 50, sample])]);
    let mdia = [
        numbers("mdhd", &[0, 0, 0, timescale, media, 0]),
        boxed("hdlr", b"\0\0\0\0\0\0\0\0vide"),
        tree("minf", &[stbl]),
    ];
    let edts = tree("edts", &[numbers("elst", &[0, 1, edit, 0, ONE])]);
    tree(
        "trak",
        &[edts, tkhd(1, UPRIGHT, (8, 8)), tree("mdia", &mdia)],
    )
}

#[test]
fn a_length_or_time_scale_of_zero_does_not_hide_the_others() {
    let movie = |timescale: u32, track| {
        let mvhd = numbers("mvhd", &[0, 0, 0, timescale, 6000]);
        let facts = facts(&[ftyp(), tree("moov", &[track, mvhd])]);
        (facts.video().unwrap().duration, facts.movie)
    };
    let lengths = |track| movie(1000, track).0;
    assert_eq!(
        lengths(track_with_lengths(3000, 1000, 4000, 100)),
        seconds(3)
    );
    assert_eq!(lengths(track_with_lengths(0, 1000, 4000, 100)), seconds(4));
    assert_eq!(
        lengths(track_with_lengths(0, 1000, u32::MAX, 100)),
        seconds(5)
    );
    assert_eq!(lengths(track_with_lengths(3000, 0, 4000, 100)), seconds(3));
    // Without a time scale of the track, the length of the movie is what remains.
    let no_scale = movie(1000, track_with_lengths(0, 0, 4000, 100));
    assert_eq!(no_scale, (None, seconds(6)));
    let no_movie_scale = movie(0, track_with_lengths(3000, 1000, 4000, 100));
    assert_eq!(no_movie_scale, (seconds(4), None));
    assert_eq!(lengths(track_with_lengths(0, 1000, 0, 0)), None);
}

#[test]
fn fragments_of_unknown_length_fall_back_to_the_headers() {
    let track = tree(
        "trak",
        &[tkhd(1, UPRIGHT, (8, 8)), mdia("vide", 7000, (8, 8))],
    );
    let moof = tree(
        "moof",
        &[tree(
            "traf",
            &[numbers("tfhd", &[0, 1]), numbers("trun", &[0, 25])],
        )],
    );
    // No box states the duration of a sample.
    let facts = facts(&[ftyp(), moov(&[track]), moof]);
    assert_eq!(facts.video().unwrap().duration, seconds(7));
}

#[test]
fn samples_are_counted() {
    let with = |tables: &[Vec<u8>], more: &[Vec<u8>]| {
        let mdia = [
            boxed("hdlr", b"\0\0\0\0\0\0\0\0vide"),
            tree("minf", &[tree("stbl", tables)]),
        ];
        let track = tree("trak", &[tkhd(1, UPRIGHT, (8, 8)), tree("mdia", &mdia)]);
        let facts = facts(&[ftyp(), moov(&[&[track], more].concat())]);
        (facts.tracks[0].has_samples, facts.completeness)
    };
    let whole = Completeness::Complete;
    let none = numbers("stts", &[0, 0]);
    assert_eq!(
        with(&[numbers("stts", &[0, 1, 9, 9])], &[]),
        (Some(true), whole)
    );
    assert_eq!(with(std::slice::from_ref(&none), &[]), (Some(false), whole));
    // One of the tables has samples.
    for kind in ["stsz", "stz2"] {
        let tables = [none.clone(), numbers(kind, &[0, 8, 9])];
        assert_eq!(with(&tables, &[]), (Some(true), whole));
    }
    let mvex = tree("mvex", &[numbers("trex", &[0, 1, 1, 40, 0, 0])]);
    let segment = (Some(false), Completeness::InitSegment);
    assert_eq!(with(&[none], &[mvex]), segment);
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
