//! The older upload: the bytes go through the API itself, as a form. It is written by hand, since
//! the generator knows no forms.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use progenitor_client::ClientInfo as _;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};

use crate::{Answer, CallError, Client};

/// A file as the one field of a form.
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    head: Bytes,
    tail: Bytes,
}

impl Form {
    /// A file of this name and kind. The hash of its content goes into the boundary: no file holds
    /// its own.
    #[must_use]
    pub fn new(name: &str, content_type: Option<&str>, sha256: &str) -> Self {
        let boundary = format!("wavespeed-{}", &sha256[..sha256.len().min(60)]);
        // As browsers do it: these three would end the name, or the line.
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
}

impl Client {
    /// Uploads a file of this length by the older call, for an API that has no tickets. It goes to
    /// the API itself, so it carries the key.
    ///
    /// # Errors
    /// If there was no answer.
    pub async fn upload_binary(
        &self,
        form: &Form,
        length: u64,
        file: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<Answer, CallError> {
        let piece = |bytes: &Bytes| stream::iter([Ok(bytes.clone())]);
        let whole = piece(&form.head).chain(file).chain(piece(&form.tail));
        let around = form.head.len() + form.tail.len();
        let url = format!(
            "{}/media/upload/binary",
            self.baseurl().trim_end_matches('/')
        );
        let sent = self
            .client()
            .post(url)
            .header(AUTHORIZATION, self.inner().authorization())
            .header(
                CONTENT_TYPE,
                format!("multipart/form-data; boundary={}", form.boundary),
            )
            .header(CONTENT_LENGTH, length + around as u64)
            .body(reqwest::Body::wrap_stream(whole))
            .send()
            .await;
        let response = sent.map_err(reqwest::Error::without_url)?;
        Ok(Answer::from_response(response, std::future::pending()).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let form = Form::new("a\"b\r\nX: y.mp4", Some("video/mp4"), &"ab".repeat(32));
        let head = String::from_utf8(form.head.to_vec()).unwrap();
        let boundary = format!("wavespeed-{}", "ab".repeat(30));
        assert_eq!(
            head,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
                 filename=\"a%22b%0D%0AX: y.mp4\"\r\nContent-Type: video/mp4\r\n\r\n"
            )
        );
        assert_eq!(form.tail, format!("\r\n--{boundary}--\r\n"));
        // RFC 2046 allows 70 characters.
        assert!(boundary.len() <= 70);
    }
}
