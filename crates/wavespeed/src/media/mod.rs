//! Facts about a media file, read from its header: container, tracks, codecs, displayed size,
//! durations, and whether the file is complete.
//!
//! An mp4 or mov file is a tree of boxes (ISO/IEC 14496-12; QuickTime File Format calls them
//! atoms). A [`Reader`] walks the tree without I/O: it asks for byte ranges, so the same code serves
//! files, ranged HTTP requests and memory. It skips boxes that it does not need, and reaches the
//! last one, which shows whether the file was truncated. The reader is tolerant: a malformed box is
//! skipped, and a fact that cannot be determined is [`None`] or unknown, never an error.
//!
//! `boxes` parses box headers and numbers, `container` detects the kind of file, `reader` decides
//! which boxes are read, `movie`, `track` and `fragments` interpret them, `codec` knows formats, and
//! `facts` holds the result. `read` feeds a reader from a file.

pub(crate) mod boxes;
pub(crate) mod codec;
pub(crate) mod container;
pub(crate) mod facts;
mod fragments;
mod movie;
pub(crate) mod read;
pub(crate) mod reader;
mod track;

pub use container::Container;
pub use facts::{Completeness, Facts, Track, TrackKind};
pub use read::read;
pub use reader::Reader;
