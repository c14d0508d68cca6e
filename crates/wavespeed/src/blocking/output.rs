//! An output that is read where it is.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;

use crate::blocking::error::BlockingError;
use crate::blocking::runtime::Runtime;
use crate::download::stream::OutputStream;

/// An output whose bytes are read from its host; see [`Wavespeed::open`](crate::blocking::Wavespeed::open).
///
/// ```no_run
/// # fn example(
/// #     ws: wavespeed::blocking::Wavespeed, done: wavespeed::Prediction,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let mut output = ws.open(&done, 0)?;
/// std::io::copy(&mut output, &mut std::io::stdout())?;
/// # Ok(()) }
/// ```
#[non_exhaustive]
pub struct Output {
    /// The URL that the bytes come from.
    pub url: String,
    /// The length in bytes, if the host announced it.
    pub bytes: Option<u64>,
    /// The content type, if the host announced it.
    pub content_type: Option<String>,
    stream: BoxStream<'static, io::Result<Bytes>>,
    /// The bytes that were received and not read yet.
    chunk: Bytes,
    runtime: Arc<Runtime>,
}

impl Output {
    pub(super) fn new(output: OutputStream, runtime: Arc<Runtime>) -> Self {
        Self {
            url: output.url,
            bytes: output.bytes,
            content_type: output.content_type,
            stream: output.stream,
            chunk: Bytes::new(),
            runtime,
        }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // An empty chunk must not look like the end of the output.
        while self.chunk.is_empty() && !buffer.is_empty() {
            let next = self.runtime.call(self.stream.try_next());
            self.chunk = match next {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(0),
                Err(BlockingError::Call(error)) => return Err(error),
                Err(inside) => return Err(io::Error::other(inside)),
            };
        }
        let read = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("url", &self.url)
            .field("bytes", &self.bytes)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
