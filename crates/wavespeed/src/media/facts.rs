//! The facts that a [`Reader`](crate::media::Reader) finds in a media file.

use std::time::Duration;

use crate::media::container::Container;

/// Facts about a media file.
///
/// ```no_run
/// # fn example() -> std::io::Result<()> {
/// use wavespeed::media::{Container, read};
///
/// let facts = read(&mut std::fs::File::open("clip.mp4")?)?;
/// if facts.container == Container::Mov || facts.container.is("mp4") == Some(true) {
///     let size = facts.video().and_then(|video| video.size);
///     println!("{size:?}, {:?}", facts.longest());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The kind of file, by its content.
    pub container: Container,
    /// The tracks of an mp4 or mov file. Empty if the list of tracks was not read completely.
    pub tracks: Vec<Track>,
    /// The duration that the header of an mp4 or mov file states for the whole movie.
    pub movie: Option<Duration>,
    /// Width and height in pixels of a picture (PNG, JPEG, GIF or WebP), as stored.
    pub picture: Option<(u32, u32)>,
    /// The completeness of an mp4 or mov file: the presence of all of its bytes.
    pub completeness: Completeness,
    /// `true` if the list of tracks is compressed (`cmov`), as old QuickTime programs write it. It
    /// is not read, so the tracks are unknown.
    pub compressed_header: bool,
}

impl Facts {
    /// Returns the video track. Of several, enabled tracks go before disabled ones, longer tracks
    /// before shorter ones, and earlier tracks before later ones.
    #[must_use]
    pub fn video(&self) -> Option<&Track> {
        let videos = self
            .tracks
            .iter()
            .filter(|track| track.kind == TrackKind::Video);
        // `max_by_key` returns the last of several maxima, hence the reversed order.
        videos
            .rev()
            .max_by_key(|track| (track.enabled, track.duration))
    }

    /// Returns the duration of the longest track.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.tracks.iter().filter_map(|track| track.duration).max()
    }
}

/// A track of an mp4 or mov file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Track {
    /// The kind of content.
    pub kind: TrackKind,
    /// `true` if players play the track by default.
    pub enabled: bool,
    /// The four-character code of the codec, such as `avc1`.
    pub codec: Option<String>,
    /// `true` if the samples are encrypted, so that they cannot be decoded without a key.
    pub encrypted: bool,
    /// Width and height in pixels, as displayed: after rotation.
    pub size: Option<(u32, u32)>,
    /// Width and height in pixels of the encoded pictures, after rotation. They differ from `size`
    /// if pixels are not square, or if the boxes of the track contradict each other.
    pub stored_size: Option<(u32, u32)>,
    /// `true` if the track has samples, such as pictures, `false` if it has none. `None` if that is
    /// unknown, as not all boxes were read.
    pub has_samples: Option<bool>,
    /// The duration, as played: after edits.
    pub duration: Option<Duration>,
}

/// The kind of content of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackKind {
    /// Video.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, time codes and other content.
    Other,
    /// The track does not state its kind.
    Unknown,
}

/// The answer to the question whether a file has all of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completeness {
    /// The file ends with its last box, and describes its tracks.
    Complete,
    /// The file ends within a box.
    Truncated {
        /// The offset, in bytes, where the box should end.
        expected: u64,
    },
    /// The file ends with its last box, but no box describes the tracks.
    NoTracks,
    /// The file is the initialization segment of a stream: it describes tracks, and their samples
    /// are in other files.
    InitSegment,
    /// The end of the file was not reached, or the file does not consist of boxes.
    Unknown,
}
