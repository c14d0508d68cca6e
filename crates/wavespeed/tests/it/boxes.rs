//! Boxes of MP4 files, built byte by byte for the tests of the reader of media headers.

use std::io::Cursor;
use std::time::Duration;

use wavespeed::media::{Facts, read};

/// A box of this kind.
pub(crate) fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), kind.as_bytes(), body].concat()
}

/// A box that contains boxes.
pub(crate) fn tree(kind: &str, boxes: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, &boxes.concat())
}

/// A box of 32-bit numbers.
pub(crate) fn numbers(kind: &str, numbers: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    boxed(kind, &bytes)
}

/// 1 as a fixed-point number, as transformation matrices store it.
pub(crate) const ONE: u32 = 0x1_0000;
pub(crate) const UPRIGHT: [u32; 4] = [ONE, 0, 0, ONE];

pub(crate) fn ftyp() -> Vec<u8> {
    boxed("ftyp", b"isom\0\0\x02\0isom")
}

pub(crate) fn tkhd(id: u32, [a, b, c, d]: [u32; 4], size: (u32, u32)) -> Vec<u8> {
    let matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000];
    let head = [1, 0, 0, id, 0, 0, 0, 0, 0, 0];
    numbers(
        "tkhd",
        &[&head[..], &matrix, &[size.0 << 16, size.1 << 16]].concat(),
    )
}

/// The media box of a track: its handler, its duration in milliseconds and its stored size.
pub(crate) fn mdia(handler: &str, ticks: u32, stored: (u16, u16)) -> Vec<u8> {
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

pub(crate) fn video(matrix: [u32; 4], displayed: (u32, u32)) -> Vec<u8> {
    tree(
        "trak",
        &[tkhd(1, matrix, displayed), mdia("vide", 4000, (640, 360))],
    )
}

pub(crate) fn moov(boxes: &[Vec<u8>]) -> Vec<u8> {
    let mvhd = numbers("mvhd", &[0, 0, 0, 1000, 5000]);
    tree("moov", &[&[mvhd][..], boxes].concat())
}

pub(crate) fn facts(parts: &[Vec<u8>]) -> Facts {
    read(&mut Cursor::new(parts.concat())).unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}
