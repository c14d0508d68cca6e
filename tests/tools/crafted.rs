//! Clips that no encoder makes: real ones, with boxes moved, emptied or changed, and what the check of an
//! input has to find in each.

use std::fs::{self, File};
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::json;
use wavespeed::{Fault, Files, Rule, Severity, media};

const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";

/// The boxes that contain boxes, and nothing else.
const PARENTS: [&[u8; 4]; 9] = [
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf",
];

/// A box: its type, and its bytes or the boxes in it.
struct Node {
    kind: [u8; 4],
    bytes: Vec<u8>,
    children: Vec<Node>,
}

/// A clip to be made: its name, the clip that it is made of, the change, the length of the video in
/// seconds, and the expected finding.
type Case = (
    &'static str,
    &'static str,
    fn(&mut Node),
    Option<u64>,
    Expected,
);

/// The rule that is broken, and the severity.
type Expected = Option<(Rule, Severity)>;

/// The crafted clips. ffprobe reads those whose name begins with `odd-` in another way, or not at all.
fn cases() -> Vec<Case> {
    let refused = |rule| Some((rule, Severity::Refusal));
    let warned = |rule| Some((rule, Severity::Warning));
    let (short, long, fast) = ("fragments.mp4", "length-10.mp4", "fast.mp4");
    vec![
        ("order-trex.mp4", short, default_durations, Some(4), None),
        ("order-mvex.mp4", short, mvex_first, Some(4), None),
        ("order-all.mp4", long, reverse_children, Some(10), None),
        ("odd-zero-lengths.mp4", long, zero_lengths, Some(10), None),
        ("odd-zero-edit.mp4", long, zero_edits, Some(10), None),
        ("odd-zero-scale.mp4", long, zero_movie_scale, Some(10), None),
        ("odd-handler.mp4", long, empty_handler, Some(10), None),
        ("first-box.mp4", fast, unknown_first_box, Some(2), None),
        ("padding-3.mp4", fast, |file| file.pad(3), Some(2), None),
        (
            "padding-4000.mp4",
            short,
            |file| file.pad(4000),
            Some(4),
            None,
        ),
        (
            "odd-init.mp4",
            short,
            init_segment,
            None,
            refused(Rule::Whole),
        ),
        (
            "odd-no-track.mp4",
            long,
            no_track,
            None,
            refused(Rule::Track),
        ),
        (
            "odd-no-samples.mp4",
            long,
            no_samples,
            Some(10),
            refused(Rule::Track),
        ),
        (
            "odd-encrypted.mp4",
            long,
            encrypt,
            Some(10),
            refused(Rule::Codec),
        ),
        (
            "odd-codec.mp4",
            long,
            new_codec,
            Some(10),
            warned(Rule::Codec),
        ),
        (
            "odd-size.mp4",
            long,
            small_track_header,
            Some(10),
            warned(Rule::Side),
        ),
        ("odd-cmov.mp4", long, compress, None, warned(Rule::Track)),
    ]
}

/// Makes the crafted clips of those in the folder, and returns a line for each whose check is wrong.
pub(crate) fn make_and_check(folder: &Path) -> Result<Vec<String>, Failed> {
    let model = wavespeed::model(MODEL).ok_or("no such model")?;
    let mut wrong = Vec::new();
    for (name, base, change, seconds, expected) in cases() {
        let mut file = Node {
            kind: *b"root",
            bytes: Vec::new(),
            children: parse(&fs::read(folder.join(base))?),
        };
        change(&mut file);
        let path = folder.join(name);
        fs::write(&path, file.content())?;
        let facts = media::read(&mut File::open(&path)?)?;
        let length = facts.video().and_then(|video| video.duration);
        let length = length.map(|length| length.as_secs_f64().round() as u64);
        if length != seconds {
            wrong.push(format!("{name}: {length:?} s long instead of {seconds:?}"));
        }
        let input = json!({ "video": path.to_str(), "text": "Hello", "voice_id": "genshin_klee2" });
        let faults = wavespeed::check(model, &input, Files::UrlOrPath);
        let found = |fault: &Fault| (fault.rule, fault.severity);
        // The sides of the clips are not among the recommended ones.
        let faults = faults.iter().filter(|fault| fault.rule != Rule::Resolution);
        let found: Vec<_> = faults.map(found).collect();
        if found != Vec::from_iter(expected) {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    Ok(wrong)
}

fn parse(mut bytes: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some((size, rest)) = bytes.split_first_chunk::<4>() {
        let (kind, _) = rest.split_first_chunk::<4>().expect("a whole header");
        let size = u32::from_be_bytes(*size) as usize;
        let content = &bytes[8..size];
        let is_parent = PARENTS.contains(&kind);
        nodes.push(Node {
            kind: *kind,
            bytes: if is_parent {
                Vec::new()
            } else {
                content.to_vec()
            },
            children: if is_parent {
                parse(content)
            } else {
                Vec::new()
            },
        });
        bytes = &bytes[size..];
    }
    nodes
}

impl Node {
    fn new(kind: &[u8; 4], bytes: &[u8]) -> Self {
        Self {
            kind: *kind,
            bytes: bytes.to_vec(),
            children: Vec::new(),
        }
    }

    fn content(&self) -> Vec<u8> {
        let mut content = self.bytes.clone();
        for child in &self.children {
            let inner = child.content();
            // Padding has no header.
            if child.kind != [0; 4] {
                content.extend((inner.len() as u32 + 8).to_be_bytes());
                content.extend(child.kind);
            }
            content.extend(inner);
        }
        content
    }

    fn pad(&mut self, bytes: usize) {
        self.children.push(Self::new(&[0; 4], &vec![0; bytes]));
    }

    /// Calls a function for each box of this type, at any depth.
    fn each(&mut self, kind: &[u8; 4], change: &mut dyn FnMut(&mut Self)) {
        for child in &mut self.children {
            if child.kind == *kind {
                change(child);
            }
            child.each(kind, change);
        }
    }

    /// Sets a 32-bit number at an offset.
    fn set(&mut self, at: usize, number: u32) {
        self.bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    }

    /// Returns `true` for a video track.
    fn is_video(&mut self) -> bool {
        let mut is_video = false;
        self.each(b"vmhd", &mut |_| is_video = true);
        is_video
    }

    /// Calls a function for each box of this type in the video tracks.
    fn each_of_video(&mut self, kind: &[u8; 4], change: &mut dyn FnMut(&mut Self)) {
        self.each(b"trak", &mut |track| {
            if track.is_video() {
                track.each(kind, change);
            }
        });
    }
}

/// Moves the sample duration that most fragment headers (`tfhd`) of a track state to its defaults
/// (`trex`).
fn default_durations(file: &mut Node) {
    let mut stated = Vec::new();
    file.each(b"tfhd", &mut |header| {
        if header.number(0) & 0x8 != 0 {
            stated.push((header.number(4), header.number(8)));
        }
    });
    let often = |pair: &&(u32, u32)| stated.iter().filter(|other| other == pair).count();
    let most_of = |id| {
        let of_track = stated.iter().filter(|(track, _)| *track == id);
        of_track.max_by_key(often).map(|(_, ticks)| *ticks)
    };
    assert!(!stated.is_empty(), "the fragments state no durations");
    file.each(b"tfhd", &mut |header| {
        let flags = header.number(0);
        if flags & 0x8 != 0 && most_of(header.number(4)) == Some(header.number(8)) {
            header.bytes.drain(8..12);
            header.set(0, flags & !0x8);
        }
    });
    file.each(b"trex", &mut |defaults| {
        if let Some(ticks) = most_of(defaults.number(4)) {
            defaults.set(12, ticks);
        }
    });
}

fn mvex_first(file: &mut Node) {
    default_durations(file);
    file.each(b"moov", &mut |movie| {
        let is_mvex = |child: &Node| child.kind == *b"mvex";
        let at = movie.children.iter().position(is_mvex);
        let mvex = movie.children.remove(at.expect("a fragmented clip"));
        movie.children.insert(0, mvex);
    });
}

fn reverse_children(file: &mut Node) {
    for kind in [b"moov", b"trak", b"mdia", b"minf", b"stbl"] {
        // The tracks keep their order, as the first of several counts.
        file.each(kind, &mut |parent| {
            parent.children.reverse();
            parent.children.sort_by_key(|child| child.kind == *b"trak");
            let tracks = parent
                .children
                .iter()
                .filter(|child| child.kind == *b"trak");
            let first = parent.children.len() - tracks.count();
            parent.children[first..].reverse();
        });
    }
}

fn zero_edits(file: &mut Node) {
    file.each(b"elst", &mut |list| list.set(8, 0));
}

fn zero_lengths(file: &mut Node) {
    file.each(b"mvhd", &mut |header| header.set(16, 0));
    file.each(b"mdhd", &mut |header| header.set(16, 0));
    file.each(b"tkhd", &mut |header| header.set(20, 0));
    file.each(b"trak", &mut |track| {
        track.children.retain(|child| child.kind != *b"edts");
    });
}

fn zero_movie_scale(file: &mut Node) {
    file.each(b"mvhd", &mut |header| header.set(12, 0));
}

fn empty_handler(file: &mut Node) {
    file.each_of_video(b"hdlr", &mut |handler| {
        handler.bytes.truncate(20);
        handler.set(8, 0);
    });
}

fn unknown_first_box(file: &mut Node) {
    file.children.insert(0, Node::new(b"new!", &[1; 100]));
}

fn init_segment(file: &mut Node) {
    file.children
        .retain(|child| [*b"ftyp", *b"moov"].contains(&child.kind));
}

fn no_track(file: &mut Node) {
    file.each(b"moov", &mut |movie| {
        movie.children.retain(|child| child.kind != *b"trak");
    });
}

fn no_samples(file: &mut Node) {
    for (table, length) in [
        (b"stts", 8),
        (b"stsc", 8),
        (b"stco", 8),
        (b"stss", 8),
        (b"stsz", 12),
    ] {
        file.each(table, &mut |table| table.bytes = vec![0; length]);
    }
}

fn set_codec(file: &mut Node, codec: &[u8; 4]) {
    file.each_of_video(b"stsd", &mut |list| {
        list.bytes[12..16].copy_from_slice(codec);
    });
}

fn encrypt(file: &mut Node) {
    set_codec(file, b"encv");
}

fn new_codec(file: &mut Node) {
    set_codec(file, b"new1");
}

fn small_track_header(file: &mut Node) {
    file.each_of_video(b"tkhd", &mut |header| {
        header.set(76, 320 << 16);
        header.set(80, 240 << 16);
    });
}

fn compress(file: &mut Node) {
    file.each(b"moov", &mut |movie| {
        movie.children = vec![Node::new(b"cmov", &[7; 300])];
    });
}
