//! The builder of an upload: what [`Wavespeed::upload`] returns.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use wavespeed_poll::Deadline;

use crate::client::Wavespeed;
use crate::upload::error::UploadError;
use crate::upload::options::{UploadOptions, UploadProgress};
use crate::upload::spool::UploadSource;
use crate::upload::uploaded::Uploaded;

/// An upload that is about to begin. Set what it needs, then await it; it yields an [`Uploaded`].
///
/// ```no_run
/// # async fn example(ws: wavespeed::Wavespeed) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use wavespeed::{Deadline, UploadSource};
///
/// let deadline = Deadline::within(Duration::from_secs(300));
/// let clip = ws.upload("clip.mp4").deadline(deadline).observer(|step| println!("{step:?}")).await?;
/// println!("{} can be used until {:?}", clip.url, clip.kept_until);
///
/// // Bytes and streams are named, as the vendor derives the media type from the extension.
/// let picture = ws.upload(UploadSource::bytes("picture.png", b"...".to_vec())).await?;
/// // The vendor no longer has the file: the next upload sends it again.
/// ws.forget_upload(&picture.url).await?;
/// # Ok(()) }
/// ```
#[must_use = "nothing is uploaded before the builder is awaited"]
pub struct UploadBuilder {
    ws: Wavespeed,
    source: UploadSource,
    deadline: Option<Deadline>,
    options: UploadOptions,
}

impl UploadBuilder {
    pub(super) fn new(ws: Wavespeed, source: UploadSource) -> Self {
        Self {
            ws,
            source,
            deadline: None,
            options: UploadOptions::new(Deadline::never()),
        }
    }

    /// Sets the time at which the upload is given up, including its retries. The default is the deadline
    /// of the settings.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends the file even if the vendor has its content from an earlier upload.
    pub fn again(mut self) -> Self {
        self.options.again = true;
        self
    }

    /// Sets a function that receives the progress. It is called several times per megabyte, on any thread,
    /// and should return quickly.
    pub fn observer(
        mut self,
        observer: impl Fn(UploadProgress<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.options.set_watcher(observer);
        self
    }
}

impl fmt::Debug for UploadBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadBuilder")
            .field("source", &self.source)
            .field("deadline", &self.deadline)
            .field("again", &self.options.again)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for UploadBuilder {
    type Output = Result<Uploaded, UploadError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            self.options.deadline = self.deadline.unwrap_or_else(|| self.ws.deadline());
            let name = self.source.path().to_owned();
            let spooled = self.source.into_file().await;
            let (path, _folder) = spooled.map_err(|error| UploadError::Read {
                path: name.clone(),
                error,
            })?;
            let uploaded = self.ws.upload_with(&path, &self.options).await;
            uploaded.map(|uploaded| Uploaded {
                path: name,
                ..uploaded
            })
        })
    }
}
