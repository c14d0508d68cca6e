//! The reader of video headers against ffprobe, on clips of every kind that ffmpeg can make.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;
use wavespeed::media::{self, Completeness, Container, Facts, TrackKind};

use super::crafted;

/// A frame of the clips, and what encoders round.
const NEAR: Duration = Duration::from_millis(50);

pub(crate) fn our_reader_says_what_ffprobe_says() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/clips.sh");
    let made = Command::new(script).arg(folder.path()).output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    let mut wrong = crafted::make_and_check(folder.path())?;
    let mut clips: Vec<_> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    clips.sort();
    if clips.len() < 80 {
        return Err(format!("only {} clips were made", clips.len()).into());
    }
    for clip in clips {
        let name = clip
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Of these the check above says more than a comparison.
        if name.starts_with("odd-") {
            continue;
        }
        let ours = media::read(&mut File::open(&clip)?)?;
        let theirs = probe(&clip)?;
        wrong.extend(
            differences(&name, &ours, &theirs)
                .into_iter()
                .map(|line| format!("{name}: {line}")),
        );
    }
    match &wrong[..] {
        [] => Ok(()),
        wrong => Err(wrong.join("\n").into()),
    }
}

/// What ffprobe says, as far as it can read the file.
fn probe(clip: &Path) -> Result<Value, Failed> {
    let words = [
        "-v",
        "error",
        "-show_format",
        "-show_streams",
        "-of",
        "json",
    ];
    let output = Command::new("ffprobe").args(words).arg(clip).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn differences(name: &str, ours: &Facts, theirs: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            wrong.push(format!("{what} is {theirs}, not {ours}"));
        }
    };
    let end = match ours.completeness {
        Completeness::Truncated { .. } => "cut off",
        Completeness::Complete | Completeness::Unknown | Completeness::NoTracks => "not cut off",
        _ => "?",
    };
    let cut = name.starts_with("cut-");
    same(
        "the end",
        end.into(),
        if cut { "cut off" } else { "not cut off" }.into(),
    );
    let format = theirs["format"]["format_name"].as_str().unwrap_or_default();
    let boxes = matches!(
        ours.container,
        Container::Mp4 | Container::Mov | Container::M4a
    );
    // Of a file without tracks ffprobe knows nothing.
    if cut {
        return wrong;
    }
    same(
        "to be of boxes",
        boxes.to_string(),
        format.starts_with("mov,mp4").to_string(),
    );
    if !boxes {
        let container = ours.container.to_string();
        let known = match format {
            "matroska,webm" => "webm or mkv",
            "png_pipe" => "png",
            "mpegts" => "an MPEG transport stream",
            "" => "of an unknown kind",
            other => other,
        };
        same("the container", container, known.into());
        return wrong;
    }
    let streams = theirs["streams"].as_array().into_iter().flatten();
    let of = |kind: &str| {
        let kind = kind.to_owned();
        streams
            .clone()
            .filter(move |stream| stream["codec_type"] == kind.as_str())
    };
    let seconds = |stream: &Value| {
        stream["duration"]
            .as_str()?
            .parse()
            .ok()
            .map(Duration::from_secs_f64)
    };
    let near = |ours: Option<Duration>, theirs: Option<Duration>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= NEAR,
        (ours, theirs) => ours == theirs,
    };
    let has_audio = ours
        .tracks
        .iter()
        .any(|track| track.kind == TrackKind::Audio);
    same(
        "a sound track",
        has_audio.to_string(),
        of("audio").next().is_some().to_string(),
    );
    // Of equals the first, as ours.
    let video = of("video").rev().max_by_key(|stream| seconds(stream));
    same(
        "a video track",
        ours.video().is_some().to_string(),
        video.is_some().to_string(),
    );
    if let (Some(ours), Some(theirs)) = (ours.video(), video) {
        same(
            "the size",
            format!("{:?}", ours.size),
            format!("{:?}", Some(displayed(theirs))),
        );
        let codec = theirs["codec_tag_string"].as_str().map(str::to_owned);
        same(
            "the codec",
            format!("{:?}", ours.codec),
            format!("{codec:?}"),
        );
        if !near(ours.duration, seconds(theirs)) {
            same(
                "the length",
                format!("{:?}", ours.duration),
                format!("{:?}", seconds(theirs)),
            );
        }
    }
    let longest = streams.clone().filter_map(seconds).max();
    if !near(ours.longest(), longest) {
        same(
            "the longest",
            format!("{:?}", ours.longest()),
            format!("{longest:?}"),
        );
    }
    let all = seconds(&theirs["format"]);
    if ours.movie.is_some() && !near(ours.movie, all) {
        same(
            "the stated length",
            format!("{:?}", ours.movie),
            format!("{all:?}"),
        );
    }
    wrong
}

/// Width and height as a player shows them: with pixels that need not be square, but are if nearly,
/// and turned.
fn displayed(stream: &Value) -> (u64, u64) {
    let stored = |side: &str| stream[side].as_u64().unwrap_or_default();
    let ratio = stream["sample_aspect_ratio"].as_str().unwrap_or("1:1");
    let (across, down) = ratio.split_once(':').unwrap_or(("1", "1"));
    let number = |text: &str| text.parse::<u64>().unwrap_or(1).max(1);
    let (across, down) = match (number(across), number(down)) {
        (across, down) if across.abs_diff(down) * 200 < down => (1, 1),
        ratio => ratio,
    };
    let size = (stored("width") * across / down, stored("height"));
    let data = stream["side_data_list"].as_array().into_iter().flatten();
    let turned = data
        .filter_map(|data| data["rotation"].as_i64())
        .any(|degrees| degrees % 180 != 0);
    if turned { (size.1, size.0) } else { size }
}
