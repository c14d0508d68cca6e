//! Boxes of ISO base media files: their kinds, their headers, and the numbers in them.

pub(super) type Kind = [u8; 4];

/// The boxes a file consists of. Another kind may be new, or something that was appended.
const TOP: [&[u8; 4]; 18] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"moof", b"mfra",
    b"sidx", b"ssix", b"styp", b"meta", b"udta", b"prft", b"emsg", b"pdin",
];

pub(super) fn is_top(kind: Kind) -> bool {
    TOP.iter().any(|known| **known == kind)
}

/// Bytes that are read from the front, as far as there are any.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// A number that is twice as long in version 1 of a box.
    pub(super) fn long(&mut self, version: u8) -> Option<u64> {
        match version {
            0 => self.u32().map(u64::from),
            _ => self.u64(),
        }
    }

    /// A duration, of which all bits set mean that it is not known, as zero does.
    pub(super) fn duration(&mut self, version: u8) -> Option<u64> {
        self.long(version)
            .filter(|ticks| ![0, unknown(version)].contains(ticks))
    }

    /// The version and the flags that many boxes begin with.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// The header of a box: its kind, its own length, and the length of all, `left` at most being
    /// there.
    pub(super) fn header(&mut self, left: u64) -> Option<(Kind, u64, u64)> {
        let (length, kind) = (self.u32()?, self.take()?);
        let (header, length) = match length {
            // To the end of what it is in.
            0 => (8, left),
            1 => (16, self.u64()?),
            length => (8, length.into()),
        };
        (length >= header).then_some((kind, header, length))
    }
}

/// All bits set, for what is not known or not there.
pub(super) fn unknown(version: u8) -> u64 {
    match version {
        0 => u32::MAX.into(),
        _ => u64::MAX,
    }
}
