//! An output as a stream of bytes, for programs that do not want a file.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use reqwest::{Response, StatusCode};
use wavespeed_client::text::hide_logins;
use wavespeed_client::{Prediction, Purpose, RequestContext};

use crate::client::Wavespeed;
use crate::download::content::ContentFault;
use crate::download::decode::Decoder;
use crate::download::error::SaveError;
use crate::download::{output_url, transfer};
use crate::hosts::may_be_expired;

/// An output whose bytes are about to be read; see [`Wavespeed::open`].
#[non_exhaustive]
pub struct OutputStream {
    /// The URL that the bytes come from.
    pub url: String,
    /// The length in bytes, if the host announced it.
    pub bytes: Option<u64>,
    /// The content type, if the host announced it.
    pub content_type: Option<String>,
    /// The bytes. An error means that the rest is missing.
    pub stream: BoxStream<'static, io::Result<Bytes>>,
}

impl std::fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutputStream")
            .field("url", &self.url)
            .field("bytes", &self.bytes)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

impl Wavespeed {
    /// Opens an output of a prediction as a stream of bytes. `index` counts from 0. The API key is not sent.
    /// A URL that has expired is renewed once, and a compressed body is decoded. The content is not checked, and a broken transfer is not resumed, other than by
    /// [`download`](Self::download).
    ///
    /// # Errors
    /// Returns an error if there is no such output, or if its host does not answer with a success.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     ws: wavespeed::Wavespeed, done: wavespeed::Prediction,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::StreamExt as _;
    ///
    /// let mut output = ws.open(&done, 0).await?;
    /// while let Some(chunk) = output.stream.next().await {
    ///     println!("{} bytes", chunk?.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn open(&self, done: &Prediction, index: usize) -> Result<OutputStream, SaveError> {
        let Some(output) = done.outputs().get(index) else {
            let error = done.completed().err();
            return Err(error.map_or(SaveError::Nothing, SaveError::from));
        };
        let url = output_url(output).ok_or_else(|| self.not_a_url(output))?;
        let mut response = self.get_output(&url).await?;
        if may_be_expired(response.status())
            && let Some(new) = self.renew_url(done.id(), index + 1).await
            && new != url
        {
            response = self.get_output(&new).await?;
        }
        let url = response.url().to_string();
        // Other statuses of success come without the file, such as 202 for one that is not ready.
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            let url = hide_logins(&url).into_owned();
            return Err(SaveError::Refused { url, status });
        }
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|kind| kind.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let Some(decoder) = Decoder::new(response.headers()) else {
            let (found, message) = (ContentFault::UNKNOWN_ENCODING, None);
            let url = hide_logins(&url).into_owned();
            return Err(SaveError::Content {
                url,
                found,
                message,
            });
        };
        // The length of an encoded body is that of the encoded bytes.
        let bytes = response.content_length().filter(|_| decoder.is_plain());
        let stream = stream::try_unfold(Some((response, decoder)), decode_next).boxed();
        Ok(OutputStream {
            url,
            bytes,
            content_type,
            stream,
        })
    }

    async fn get_output(&self, url: &url::Url) -> Result<Response, SaveError> {
        let request = transfer::request(url);
        let context = RequestContext::new(Purpose::Download);
        let response = self.0.http.send(request, context).await;
        response.map_err(|error| SaveError::Transfer {
            host: url.host_str().unwrap_or_default().to_owned(),
            message: error.to_string(),
        })
    }
}

/// The state of a stream of decoded bytes: `None` once the body has ended.
type Body = Option<(Response, Decoder)>;

/// Returns the next bytes of a body.
async fn decode_next(body: Body) -> io::Result<Option<(Bytes, Body)>> {
    let Some((mut response, mut decoder)) = body else {
        return Ok(None);
    };
    let chunk = response.chunk().await.map_err(io::Error::other)?;
    match chunk {
        Some(chunk) if decoder.is_plain() => Ok(Some((chunk, Some((response, decoder))))),
        Some(chunk) => {
            let mut decoded = Vec::new();
            decoder.decode(&chunk, &mut decoded)?;
            Ok(Some((decoded.into(), Some((response, decoder)))))
        }
        None => {
            let mut rest = Vec::new();
            decoder.finish(&mut rest)?;
            Ok(Some((rest.into(), None)))
        }
    }
}
