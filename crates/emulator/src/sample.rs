//! What tasks make that are not given a clip: the same small file for all of a kind.

/// A kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Video,
    Audio,
    Image,
}

impl Sample {
    /// By the type of a model, as `text-to-audio`; what has another word makes a video.
    pub(crate) fn of(model_type: &str) -> Self {
        match model_type.rsplit("-to-").next() {
            Some("audio" | "speech" | "music") => Self::Audio,
            Some("image") => Self::Image,
            _ => Self::Video,
        }
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Video => "mp4",
            Self::Audio => "mp3",
            Self::Image => "png",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Audio => "audio/mpeg",
            Self::Image => "image/png",
        }
    }

    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Video => include_bytes!("../assets/clip.mp4"),
            Self::Audio => include_bytes!("../assets/voice.mp3"),
            Self::Image => include_bytes!("../assets/picture.png"),
        }
    }
}
