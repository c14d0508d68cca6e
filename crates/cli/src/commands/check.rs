//! `wave check`: what files are, and what stands against them.

use clap::ArgMatches;
use futures_util::future::join_all;
use wavespeed::media::Facts;
use wavespeed::{Fault, Inspection, Media, Model};

use super::run::choose;
use crate::context::Context;
use crate::output::document::{CheckDocument, FaultDocument, Verdict};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, pretty};
use crate::output::table::table;
use crate::output::terminal;

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    match attempt(matches, context).await {
        Ok(report) => report,
        Err(failure) => Report::failed(failure),
    }
}

async fn attempt(matches: &ArgMatches, context: &mut Context) -> Result<Report, Failure> {
    let id: &String = matches.get_one("model").expect("it has a default");
    let media = media(choose(id, matches, context).await?.known()?)?;
    let client = context.keyless()?;
    let files: Vec<&String> = matches.get_many("file").into_iter().flatten().collect();
    let looks = files.iter().map(|file| client.inspect(media, file));
    let seen = join_all(looks).await;
    for (file, seen) in files.iter().zip(&seen) {
        for fault in &seen.faults {
            terminal::about(file, fault);
        }
    }
    let documents = files.iter().zip(&seen);
    let documents: Vec<CheckDocument> =
        documents.map(|(file, seen)| document(file, seen)).collect();
    let header = ["FILE", "KIND", "BYTES", "SECONDS", "SIZE", "CODEC", ""];
    let refused = documents
        .iter()
        .any(|document| document.verdict == Verdict::Refused);
    Ok(Report::Answer {
        lines: table(&header, documents.iter().map(row).collect()),
        json: pretty(&documents),
        exit: if refused {
            Exit::RefusedHere
        } else {
            Exit::Done
        },
    })
}

/// What the model says of the files it takes.
fn media(model: &'static Model) -> Result<&'static Media, Failure> {
    let mut inputs = model.inputs.iter();
    let media = inputs.find_map(|input| input.media.as_ref());
    media.ok_or_else(|| Failure::usage(format!("{} takes no files", model.id)))
}

fn document(file: &str, seen: &Inspection) -> CheckDocument {
    let video = seen.facts.as_ref().and_then(Facts::video);
    let size = video.and_then(|video| video.size);
    let seconds = video.and_then(|video| video.duration);
    let seconds = seconds.or_else(|| seen.facts.as_ref()?.longest());
    CheckDocument {
        file: file.to_owned(),
        kind: seen.facts.as_ref().map(|facts| facts.container.to_string()),
        bytes: seen.bytes,
        seconds: seconds.map(|time| time.as_secs_f64()),
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        codec: video.and_then(|video| video.codec.clone()),
        verdict: match &seen.faults[..] {
            faults if faults.iter().any(Fault::is_refusal) => Verdict::Refused,
            [] => Verdict::Fine,
            _ => Verdict::Odd,
        },
        faults: seen.faults.iter().map(FaultDocument::from).collect(),
    }
}

fn row(document: &CheckDocument) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let size = document.width.zip(document.height);
    vec![
        document.file.clone(),
        or_dash(document.kind.clone()),
        or_dash(document.bytes.map(|bytes| bytes.to_string())),
        or_dash(document.seconds.map(|seconds| format!("{seconds:.2}"))),
        or_dash(size.map(|(width, height)| format!("{width}x{height}"))),
        or_dash(document.codec.clone()),
        document.verdict.name().to_owned(),
    ]
}
