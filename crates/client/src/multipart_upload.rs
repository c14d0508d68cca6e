//! The older upload call, which sends the bytes of a file through the API as a form. The call is
//! written by hand because the generator does not support forms.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

use crate::answer::{Answer, CallError};
use crate::client::{Client, unbuildable};

/// A `multipart/form-data` body with a file as its only field, without the bytes of the file.
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    /// The bytes before the file.
    head: Bytes,
    /// The bytes after the file.
    tail: Bytes,
}

impl Form {
    /// Creates the form for a file with this name and content type. The SHA-256 of the content, in
    /// hex, becomes part of the boundary, since no file contains its own hash.
    #[must_use]
    pub fn new(name: &str, content_type: Option<&str>, sha256: &str) -> Self {
        // 60 of the 64 digits: RFC 2046 limits a boundary to 70 characters.
        let boundary = format!("wavespeed-{}", &sha256[..sha256.len().min(60)]);
        // These three characters would end the name or the line. Browsers encode them the same way.
        let name = name
            .replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        let kind = content_type.unwrap_or("application/octet-stream");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self {
            boundary,
            head: head.into(),
            tail: tail.into(),
        }
    }

    /// Returns the value of the header `Content-Type`.
    fn content_type(&self) -> Result<HeaderValue, CallError> {
        let value = format!("multipart/form-data; boundary={}", self.boundary);
        HeaderValue::try_from(value).map_err(unbuildable)
    }
}

impl Client {
    /// Uploads a file of `length` bytes by the older call, for an API without upload tickets. The
    /// request goes to the API itself, so it carries the API key.
    ///
    /// # Errors
    /// Returns an error if no answer was received.
    pub async fn upload_binary(
        &self,
        form: &Form,
        length: u64,
        file: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<Answer, CallError> {
        let chunk = |bytes: &Bytes| stream::iter([Ok(bytes.clone())]);
        let body = chunk(&form.head).chain(file).chain(chunk(&form.tail));
        let overhead = form.head.len() + form.tail.len();
        let length = length + overhead as u64;
        let request = self
            .request(Method::POST, "media/upload/binary")?
            .header(CONTENT_TYPE, form.content_type()?)
            // Without it a streamed body would be sent in chunks of unknown total length.
            .header(CONTENT_LENGTH, length.into())
            .body(reqwest::Body::wrap_stream(body));
        self.send(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_cannot_leave_its_quotes() {
        let form = Form::new("a\"b\r\nX: y.mp4", Some("video/mp4"), &"ab".repeat(32));
        let head = String::from_utf8(form.head.to_vec()).unwrap();
        // 60 of the 64 digits: RFC 2046 limits a boundary to 70 characters.
        let boundary = format!("wavespeed-{}", "ab".repeat(30));
        assert_eq!(
            head,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
                 filename=\"a%22b%0D%0AX: y.mp4\"\r\nContent-Type: video/mp4\r\n\r\n"
            )
        );
        assert_eq!(form.tail, format!("\r\n--{boundary}--\r\n"));
        assert!(boundary.len() <= 70);
    }
}
