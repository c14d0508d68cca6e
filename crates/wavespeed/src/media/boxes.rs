//! Boxes of ISO base media files (ISO/IEC 14496-12, section 4.2): their types, their headers, and
//! the numbers in them, which are big-endian.

/// A box type: four characters, such as `moov`.
pub(super) type BoxType = [u8; 4];

/// The box types that files have at the top level, by ISO/IEC 14496-12 and by the QuickTime File
/// Format (`wide`, `pnot`). Any other type there may be a new one, or data appended by a program.
const TOP_LEVEL: [&[u8; 4]; 18] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"moof", b"mfra",
    b"sidx", b"ssix", b"styp", b"meta", b"udta", b"prft", b"emsg", b"pdin",
];

/// Returns `true` if files have boxes of this type at the top level.
pub(super) fn is_top_level(box_type: BoxType) -> bool {
    TOP_LEVEL.iter().any(|known| **known == box_type)
}

/// Returns `true` for the types of boxes whose content means nothing: free space, and the place that
/// QuickTime keeps for a longer header.
pub(super) fn is_padding(box_type: BoxType) -> bool {
    matches!(&box_type, b"free" | b"skip" | b"wide")
}

/// Returns `true` if a type can be one: four printable characters.
pub(super) fn is_printable(box_type: BoxType) -> bool {
    box_type.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The header of a box.
#[derive(Clone, Copy)]
pub(super) struct BoxHeader {
    pub(super) box_type: BoxType,
    /// The length of the header in bytes: 8, or 16 with a 64-bit size.
    pub(super) header_bytes: u64,
    /// The length of the box in bytes, header included.
    pub(super) box_bytes: u64,
}

/// A reader of the fields of a box, from front to back. Every method returns `None` if the box ends
/// before the field.
#[derive(Clone, Copy)]
pub(super) struct BoxReader<'a>(pub(super) &'a [u8]);

impl<'a> BoxReader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads a time or duration, which has 32 bits in version 0 of a box and 64 bits in version 1.
    pub(super) fn time(&mut self, version: u8) -> Option<u64> {
        match version {
            0 => self.u32().map(u64::from),
            _ => self.u64(),
        }
    }

    /// Skips times of a box of this version.
    pub(super) fn skip_times(&mut self, count: usize, version: u8) -> Option<()> {
        self.skip(count * if version == 0 { 4 } else { 8 })
    }

    /// Reads a duration, and returns `None` for an unknown one. ISO/IEC 14496-12 defines all bits
    /// set as unknown; zero is what encoders write that do not know the duration yet.
    pub(super) fn duration(&mut self, version: u8) -> Option<u64> {
        self.time(version)
            .filter(|ticks| ![0, all_ones(version)].contains(ticks))
    }

    /// Reads the version (8 bits) and the flags (24 bits) with which every FullBox begins.
    pub(super) fn version_and_flags(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// Reads the header of a box. `left` is the number of bytes from its start to the end of the
    /// parent. Returns `None` for a size that is smaller than the header itself.
    pub(super) fn header(&mut self, left: u64) -> Option<BoxHeader> {
        let (size, box_type) = (self.u32()?, self.array()?);
        let (header_bytes, box_bytes) = match size {
            // The box extends to the end of its parent.
            0 => (8, left),
            // The real size follows as a 64-bit number.
            1 => (16, self.u64()?),
            size => (8, size.into()),
        };
        (box_bytes >= header_bytes).then_some(BoxHeader {
            box_type,
            header_bytes,
            box_bytes,
        })
    }
}

/// Returns the time of a box of this version that has all bits set: an unknown duration, or the -1
/// that marks an empty edit.
pub(super) fn all_ones(version: u8) -> u64 {
    match version {
        0 => u32::MAX.into(),
        _ => u64::MAX,
    }
}

/// Returns the length in bytes of the box that `start` begins with, if it looks like a box with
/// another one behind it: one with a printable type, shorter than 16 MiB.
pub(super) fn unknown_box_bytes(start: &[u8], left: u64) -> Option<u64> {
    let header = BoxReader(start).header(left)?;
    let is_plausible = start[0] == 0 && header.box_bytes < left && is_printable(header.box_type);
    is_plausible.then_some(header.box_bytes)
}

/// Returns the length in bytes of the box header that `rest`, the last bytes of a file, is the
/// beginning of. Returns `None` if `rest` looks like something else, such as an appended line end.
pub(super) fn truncated_header_bytes(rest: &[u8]) -> Option<u64> {
    match *rest {
        // The size of a box shorter than 16 MiB begins with a zero byte.
        [0, ..] if rest.len() < 8 => Some(8),
        // The size 1 announces a 64-bit size, which is cut off here.
        [0, 0, 0, 1, a, b, c, d, ..] if rest.len() < 16 && is_top_level([a, b, c, d]) => Some(16),
        _ => None,
    }
}
