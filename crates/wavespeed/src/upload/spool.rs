//! The source of an upload: a file, or bytes that become one.
//!
//! An upload reads its content twice: to look for an earlier upload of the same content, and to send it,
//! perhaps several times. Bytes and streams are therefore written to a temporary file first.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use crate::check::file::local_path;

/// The source of an upload; see [`Wavespeed::upload`](crate::Wavespeed::upload). A path becomes one by itself.
/// [`UploadBuilder`](crate::UploadBuilder) has an example.
pub struct UploadSource(Kind);

enum Kind {
    Path(PathBuf),
    Stream {
        name: String,
        length: u64,
        stream: BoxStream<'static, io::Result<Bytes>>,
    },
}

impl UploadSource {
    /// Uploads bytes under the name of a file, from whose extension the vendor derives the media type.
    #[must_use]
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self::stream(name, length, stream::iter([Ok(bytes)]))
    }

    /// Uploads a stream of this length, in bytes, under the name of a file. The stream is written to a
    /// temporary file first.
    #[must_use]
    pub fn stream(
        name: impl Into<String>,
        length: u64,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self(Kind::Stream {
            name: name.into(),
            length,
            stream: stream.boxed(),
        })
    }

    /// Returns the path or the name.
    pub(super) fn path(&self) -> &Path {
        match &self.0 {
            Kind::Path(path) => path,
            Kind::Stream { name, .. } => Path::new(name),
        }
    }

    /// Returns the path of a file with the content, and the folder of the file if that is temporary.
    ///
    /// # Errors
    /// Returns an error if the stream fails, has another length, or cannot be written.
    pub(super) async fn into_file(self) -> io::Result<(PathBuf, Option<TempDir>)> {
        let (name, length, mut stream) = match self.0 {
            Kind::Path(path) => return Ok((path, None)),
            Kind::Stream {
                name,
                length,
                stream,
            } => (name, length, stream),
        };
        let folder = tempfile::Builder::new().prefix(".wave-").tempdir()?;
        // The base name alone: a name with folders must not lead elsewhere.
        let base = Path::new(&name).file_name().unwrap_or("file".as_ref());
        let path = folder.path().join(base);
        let mut file = tokio::fs::File::create(&path).await?;
        let mut written = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            written += chunk.len() as u64;
            if written > length {
                break;
            }
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        if written == length {
            return Ok((path, Some(folder)));
        }
        let message = format!("the stream has other than the announced {length} bytes");
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

/// Takes a path, or a `file:` URL of this machine as the path that it names.
impl<P: Into<PathBuf>> From<P> for UploadSource {
    fn from(path: P) -> Self {
        let path = path.into();
        let named = path.to_str().and_then(local_path).map(Cow::into_owned);
        Self(Kind::Path(named.unwrap_or(path)))
    }
}

impl fmt::Debug for UploadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UploadSource").field(&self.path()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_url_is_the_path_that_it_names() {
        for (given, expected) in [
            ("clips/a b.mp4", "clips/a b.mp4"),
            ("file:///clips/a%20b.mp4", "/clips/a b.mp4"),
            ("https://a.example/clip.mp4", "https://a.example/clip.mp4"),
        ] {
            assert_eq!(UploadSource::from(given).path(), Path::new(expected));
        }
    }
}
