//! What a file is, by its header: container, tracks, codecs, displayed size, lengths, and whether
//! all of it is there.
//!
//! An mp4 or mov file is a tree of boxes. A [`Reader`] walks it without I/O: it says which bytes it
//! needs, so that the same code serves a file, ranged requests and memory; it skips what it does not
//! need, down to the last box, which is what finds a file that was cut off. It is patient: what is
//! odd or broken is passed over, and what could not be found out is [`None`] or unknown, never a
//! fault of the file.

pub(crate) mod boxes;
pub(crate) mod container;
pub(crate) mod facts;
pub(crate) mod movie;
pub(crate) mod reader;

pub use container::Container;
pub use facts::{End, Facts, Track, TrackKind};
pub use reader::{Reader, read};
