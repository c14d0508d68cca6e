//! `wave upload`: files to URLs.

use std::path::PathBuf;

use clap::ArgMatches;
use wavespeed::{UploadOptions, Wavespeed};

use crate::context::Context;
use crate::output::document::UploadDocument;
use crate::output::failure::Failure;
use crate::output::report::{Report, Upload};
use crate::output::terminal::Progress;

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    let client = match context.client().await {
        Ok(client) => client,
        Err(failure) => return Report::failed(failure),
    };
    let progress = Progress::new(context.global.quiet);
    let mut options = progress.upload(client.deadline());
    options.again = matches.get_flag("again");
    let paths: Vec<&PathBuf> = matches.get_many("file").into_iter().flatten().collect();
    let mut files = Vec::new();
    for path in paths {
        files.push(upload(&client, path, &options, &progress).await);
    }
    Report::Uploads(files)
}

/// One file: that another one failed is no reason to leave it.
async fn upload(
    client: &Wavespeed,
    path: &PathBuf,
    options: &UploadOptions,
    progress: &Progress,
) -> Upload {
    match client.upload_with(path, options).await {
        Ok(uploaded) => {
            progress.uploaded(&uploaded);
            UploadDocument::from(&uploaded).into()
        }
        Err(error) => Upload::failed(path, Failure::from(error)),
    }
}
