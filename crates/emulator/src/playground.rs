//! A page at `/` where the API can be read and tried. It is made of the bundle, in the browser.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::response::{IntoResponse as _, Response};

/// `cargo xtask generate` makes it of `playground/index.html`.
const PAGE: &[u8] = include_bytes!("../playground/index.html.gz");

/// It asks nobody but this emulator. Inputs may name media that are elsewhere.
const POLICY: &str = "default-src 'none'; connect-src 'self'; form-action 'none'; \
    frame-ancestors 'none'; img-src 'self' data: http: https:; media-src 'self' http: https:; \
    script-src 'unsafe-inline'; style-src 'unsafe-inline'";

/// The page, for whoever takes it compressed, as every browser does.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    if !accepted.is_some_and(|accepted| accepted.contains("gzip")) {
        let text = "This is an emulator of the WaveSpeedAI API. A browser shows how to use it.\n";
        return ([(VARY, "accept-encoding")], text).into_response();
    }
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_ENCODING, "gzip"),
        (VARY, "accept-encoding"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, PAGE).into_response()
}

/// The bundle.
pub(crate) fn bundle(text: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
