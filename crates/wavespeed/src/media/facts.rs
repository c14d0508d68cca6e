//! What is known of a media file.

use std::time::Duration;

use crate::media::container::Container;

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// What kind of file it is, by its content.
    pub container: Container,
    /// The tracks of an mp4 or mov file; none of them if not all could be seen.
    pub tracks: Vec<Track>,
    /// The length that an mp4 or mov file states for all of it.
    pub movie: Option<Duration>,
    /// Width and height in pixels of a picture (PNG, JPEG, GIF or WebP), as stored.
    pub picture: Option<(u32, u32)>,
    /// Whether all of an mp4 or mov file is there.
    pub end: End,
}

impl Facts {
    /// The video track; of several the longest that is enabled, or the first of those.
    #[must_use]
    pub fn video(&self) -> Option<&Track> {
        let videos = self
            .tracks
            .iter()
            .filter(|track| track.kind == TrackKind::Video);
        // Of equals the last one is taken.
        videos
            .rev()
            .max_by_key(|track| (track.enabled, track.duration))
    }

    /// The length of the longest track.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.tracks.iter().filter_map(|track| track.duration).max()
    }
}

/// A track.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Track {
    /// What is in it.
    pub kind: TrackKind,
    /// Whether it is to be played.
    pub enabled: bool,
    /// The four characters for the codec, such as `avc1`.
    pub codec: Option<String>,
    /// Width and height in pixels, as displayed: after rotation.
    pub size: Option<(u32, u32)>,
    /// Its length, as played.
    pub duration: Option<Duration>,
}

/// What is in a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackKind {
    /// Pictures that move.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, time codes and the like.
    Other,
    /// It does not say.
    Unknown,
}

/// Whether all of a file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It ends with its last box, and the tracks are among them.
    Whole,
    /// It ends within a box, which should go on to here.
    CutOff {
        /// Where the box would end.
        expected: u64,
    },
    /// It ends with its last box, and none of them says what the tracks are.
    NoTracks,
    /// Nobody knows.
    Unknown,
}
