//! `wave upload`: uploads files and prints their URLs.

use crate::args::catalogue::UploadArgs;
use crate::context::Context;
use crate::output::document::journal::UploadDocument;
use crate::output::failure::Failure;
use crate::output::progress::Progress;
use crate::output::report::{Report, Upload};

pub(super) async fn upload(args: &UploadArgs, context: &mut Context) -> Result<Report, Failure> {
    let client = context.client().await?;
    let deadline = client.deadline();
    let progress = Progress::new(&context.notices);
    let mut files = Vec::new();
    // A file that fails does not stop the others.
    for path in &args.files {
        let bar = progress.upload_bar();
        let upload = client.upload(path).deadline(deadline);
        let upload = upload.observer(move |step| bar.show(&step));
        let upload = match args.again {
            true => upload.again(),
            false => upload,
        };
        files.push(match upload.await {
            Ok(uploaded) => {
                progress.uploaded(&uploaded);
                UploadDocument::from(&uploaded).into()
            }
            Err(error) => Upload::failed(path, Failure::from(error)),
        });
    }
    Ok(Report::Uploads(files))
}
