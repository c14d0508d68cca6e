//! The facts of a file that can be read and sought.

use std::io;
use std::io::{Read, Seek, SeekFrom};

use crate::media::facts::Facts;
use crate::media::reader::Reader;

/// The number of bytes that [`read`] requests at least at once, as most boxes are short and close
/// together.
const READ_BYTES: u64 = 1 << 10;

/// The number of bytes that [`read`] requests of one file at most.
const READ_BUDGET: u64 = 900 << 10;

/// Reads the facts of a file. At most 900 KiB are read; facts that lie behind that are unknown.
///
/// # Errors
/// Returns an error if the file cannot be read.
///
/// ```no_run
/// # fn example() -> std::io::Result<()> {
/// let facts = wavespeed::media::read(&mut std::fs::File::open("clip.mp4")?)?;
/// println!("{facts:?}");
/// # Ok(()) }
/// ```
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Facts> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut reader = Reader::new(size);
    let mut budget = READ_BUDGET;
    while let Some(need) = reader.need() {
        let length = (need.end - need.start).max(READ_BYTES);
        let Some(rest) = budget.checked_sub(length) else {
            break;
        };
        budget = rest;
        file.seek(SeekFrom::Start(need.start))?;
        let mut bytes = Vec::new();
        file.by_ref().take(length).read_to_end(&mut bytes)?;
        reader.feed(&bytes);
    }
    Ok(reader.facts())
}
