//! The codecs of tracks: the formats of sample descriptions, four characters each, as the registry of
//! the MP4 Registration Authority (mp4ra.org) and the QuickTime File Format list them.

use crate::media::facts::TrackKind;

/// The formats of video that common decoders read.
const VIDEO: [&[u8; 4]; 62] = [
    // H.264, HEVC and VVC, also below Dolby Vision.
    b"avc1", b"avc2", b"avc3", b"avc4", b"H264", b"h264", b"hvc1", b"hev1", b"dva1", b"dvav",
    b"dvh1", b"dvhe", b"vvc1", b"vvi1", // AV1 and VP.
    b"av01", b"vp08", b"vp09", // MPEG-4 part 2, H.263, MPEG-1 and MPEG-2.
    b"mp4v", b"s263", b"h263", b"H263", b"mpeg", b"m1v1", b"m2v1", b"hdv1", b"hdv2", b"hdv3",
    b"xdv2", b"xdv3", b"xdvc", b"xd5b", b"mx5n", b"mx5p",
    // Formats of cameras and cutting programs.
    b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"ap4x", b"AVdn", b"AVdh", b"CFHD", b"icod",
    b"dvc ", b"dvcp", b"dvpp", b"dv5n", b"dv5p", b"dvh5", b"dvh6", b"dvhp", b"dvhq",
    // Pictures in a row, uncompressed pictures, and old formats of QuickTime.
    b"jpeg", b"mjpa", b"mjpb", b"png ", b"2vuy", b"v210", b"FFV1", b"cvid", b"SVQ3", b"rle ",
];

/// The formats of sound that common decoders read.
const AUDIO: [&[u8; 4]; 25] = [
    b"mp4a", b"Opus", b"fLaC", b"alac", b"ac-3", b"ec-3", b"ac-4", b"dtsc", b"dtsh", b"dtsl",
    b".mp3", b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32", b"fl64",
    b"ulaw", b"alaw", b"ima4", b"samr", b"sawb",
];

/// Formats of encrypted samples: those of Common Encryption (ISO/IEC 14496-12, section 8.12), and
/// those of files that were bought from Apple.
const ENCRYPTED: [(&[u8; 4], TrackKind); 4] = [
    (b"encv", TrackKind::Video),
    (b"drmi", TrackKind::Video),
    (b"enca", TrackKind::Audio),
    (b"drms", TrackKind::Audio),
];

/// Returns the kind of content that a format has, or `None` for an unknown format.
pub(super) fn kind(codec: &[u8; 4]) -> Option<TrackKind> {
    let mut encrypted = ENCRYPTED.iter();
    if let Some((_, kind)) = encrypted.find(|(known, _)| *known == codec) {
        return Some(*kind);
    }
    match codec {
        codec if VIDEO.contains(&codec) => Some(TrackKind::Video),
        codec if AUDIO.contains(&codec) => Some(TrackKind::Audio),
        _ => None,
    }
}

/// Returns `true` if the name of a format, as [`Track`](crate::media::Track) has it, is known.
pub(crate) fn is_known(codec: &str) -> bool {
    codec
        .as_bytes()
        .try_into()
        .is_ok_and(|codec| kind(codec).is_some())
}

/// Returns `true` for a format of encrypted samples.
pub(super) fn is_encrypted(codec: &[u8; 4]) -> bool {
    ENCRYPTED.iter().any(|(known, _)| *known == codec)
}
