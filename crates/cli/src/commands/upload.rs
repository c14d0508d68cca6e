//! `wave upload`: uploads files and prints their URLs.

use std::path::Path;

use wavespeed::{UploadOptions, Wavespeed};

use crate::args::catalogue::UploadArgs;
use crate::context::Context;
use crate::output::document::journal::UploadDocument;
use crate::output::failure::Failure;
use crate::output::progress::Progress;
use crate::output::report::{Report, Upload};

pub(super) async fn upload(args: &UploadArgs, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let progress = Progress::new(context.global.quiet);
    let mut options = progress.upload(client.deadline());
    options.again = args.again;
    // Files are uploaded one after the other, as they share the bandwidth.
    let mut files = Vec::new();
    // A file that fails does not stop the others.
    for path in &args.files {
        files.push(upload_file(&client, path, &options, &progress).await);
    }
    Ok(Report::Uploads(files))
}

async fn upload_file(
    client: &Wavespeed,
    path: &Path,
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
