//! `wave check`: the facts of files, and their faults for a model.

use futures_util::future::join_all;
use wavespeed::{Media, Model};

use crate::args::catalogue::CheckArgs;
use crate::choose_model::choose;
use crate::context::Context;
use crate::output::document::check::{CheckDocument, Verdict};
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::Report;
use crate::output::table::{answer, cell};
use crate::output::terminal;

pub(super) async fn check(args: &CheckArgs, context: &mut Context) -> Result<Report, Failure> {
    let chosen = choose(&args.model, args.live.live, None, context).await?;
    let media = media(chosen.known()?)?;
    // Files of others are fetched without the API key.
    let client = context.keyless()?;
    let inspections = args.files.iter().map(|file| client.inspect(media, file));
    // A slow server does not keep the other files waiting.
    let inspections = join_all(inspections).await;
    let mut documents = Vec::new();
    for (file, inspection) in args.files.iter().zip(&inspections) {
        for fault in &inspection.faults {
            terminal::file_fault(file, fault);
        }
        documents.push(CheckDocument::new(file, inspection));
    }
    let header = [
        "FILE", "KIND", "BYTES", "SECONDS", "SIZE", "CODEC", "VERDICT",
    ];
    let is_refused = |document: &CheckDocument| document.verdict == Verdict::Refused;
    let exit = match documents.iter().any(is_refused) {
        true => Exit::RefusedHere,
        false => Exit::Done,
    };
    let rows = documents.iter().map(row).collect();
    Ok(answer(&header, rows, &documents).with_exit(exit))
}

/// Returns the limits of a model for files.
fn media(model: &'static Model) -> Result<&'static Media, Failure> {
    let mut inputs = model.inputs.iter();
    let media = inputs.find_map(|input| input.media.as_ref());
    media.ok_or_else(|| Failure::usage(format!("{} takes no files", model.id)))
}

fn row(document: &CheckDocument) -> Vec<String> {
    let seconds = document.seconds.map(|seconds| format!("{seconds:.2}"));
    let size = document.width.zip(document.height);
    vec![
        document.file.clone(),
        cell(document.kind.as_ref()),
        cell(document.bytes),
        cell(seconds),
        cell(size.map(|(width, height)| format!("{width}x{height}"))),
        cell(document.codec.as_ref()),
        document.verdict.name().to_owned(),
    ]
}
