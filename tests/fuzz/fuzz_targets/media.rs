//! Whatever a file holds: reading its header never panics, asks only for what is in the file, comes
//! to an end, and says the same however the pieces are cut. The first two bytes are the length of a
//! piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wavespeed::media::{Facts, Reader};

fuzz_target!(|bytes: &[u8]| {
    let Some((head, file)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let piece = usize::from(u16::from_be_bytes(*head));
    assert_eq!(facts(file, piece), facts(file, file.len()));
});

fn facts(file: &[u8], piece: usize) -> Facts {
    let mut reader = Reader::new(file.len() as u64);
    let mut pieces = 0;
    while let Some(need) = reader.need() {
        assert!(need.start < need.end && need.end <= file.len() as u64);
        let (start, end) = (need.start as usize, need.end as usize);
        reader.feed(&file[start..end.max(start + piece).min(file.len())]);
        pieces += 1;
        assert!(pieces <= file.len());
    }
    reader.facts()
}
