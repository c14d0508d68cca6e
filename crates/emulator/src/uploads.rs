//! Uploads: the ticket, the PUT of the bytes, and the file afterwards; and the form that does all of
//! it in one call. The storage is not part of the API: its paths are elsewhere, it wants no key, and
//! it answers in plain words of its own.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt as _;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::bundle::Operation;
use crate::files::{File, StoredFile};
use crate::routes::Refusal;
use crate::state::{Memory, State, Upload};

/// The largest file the vendor takes.
const MAX_BYTES: u64 = 200 * 1024 * 1024;
/// The longest form that is read: such a file, and what stands around it.
pub(crate) const FORM_BYTES: usize = MAX_BYTES as usize + 64 * 1024;
/// How long a ticket can be used. A guess.
const TICKET_LIFE: Duration = Duration::from_secs(60 * 60);
/// The longest name of a file in a URL.
const MAX_NAME_BYTES: usize = 128;

/// Issues a ticket, or says why not.
pub(crate) fn create(state: &State, operation: &Operation, body: &[u8]) -> Result<Value, Refusal> {
    let bad_request = |message| (StatusCode::BAD_REQUEST, message);
    let request = operation.accept(body).map_err(bad_request)?;
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let name = base_name(text("filename").unwrap_or_default());
    if name.is_empty() {
        // A guess.
        let message = "field \"filename\" must be the name of a file";
        return Err(bad_request(message.to_owned()));
    }
    let size = request.get("size").and_then(Value::as_u64);
    let size = size.unwrap_or_default();
    if size > MAX_BYTES {
        return Err(too_large(size));
    }
    let content_type = text("content_type").unwrap_or("application/octet-stream");
    let created = state.now();
    let mut memory = state.memory();
    let id = memory.new_id();
    let upload = Upload {
        content_type: content_type.to_owned(),
        signature: memory.new_id(),
        expires: created + TICKET_LIFE,
        file: None,
        name,
        size,
        created,
    };
    let ticket = ticket(state, &id, &upload);
    memory.uploads.insert(id, upload);
    Ok(ticket)
}

/// The text is a guess.
fn too_large(size: u64) -> Refusal {
    let message = format!("File too large: {size} bytes, the limit is {MAX_BYTES} bytes.");
    (StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Takes a file that comes as a form. All texts are guesses.
pub(crate) fn form(state: &State, parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let refused = |message: &str| (StatusCode::BAD_REQUEST, message.to_owned());
    let content_type = parts.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let field = Field::file(content_type.unwrap_or_default(), body)
        .ok_or_else(|| refused("field \"file\" must be the one file of a multipart/form-data"))?;
    let (name, size) = (base_name(&field.filename), field.bytes.len() as u64);
    if name.is_empty() || size == 0 {
        return Err(refused(
            "field \"file\" must be a file with a name and content",
        ));
    }
    if size > MAX_BYTES {
        return Err(too_large(size));
    }
    let file = keep(field.bytes, &field.content_type).map_err(cannot_store)?;
    let created = state.now();
    let mut memory = state.memory();
    let id = memory.new_id();
    let answer = json!({
        "type": kind(&field.content_type),
        "download_url": download_url(&state.origin, &id, &name),
        "filename": name,
        "size": size,
    });
    let upload = Upload {
        content_type: field.content_type,
        // There is nothing to be put.
        signature: memory.new_id(),
        expires: created,
        file: Some(Arc::new(file)),
        name,
        size,
        created,
    };
    memory.uploads.insert(id, upload);
    Ok(answer)
}

/// Why a form was not read: it is too long, or broke off.
pub(crate) fn unread(parts: &Parts) -> Refusal {
    let length = parts.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > FORM_BYTES as u64 => too_large(length),
        _ => (
            StatusCode::BAD_REQUEST,
            "the form cannot be read".to_owned(),
        ),
    }
}

/// The file of a form.
#[derive(Debug, PartialEq)]
struct Field<'a> {
    filename: String,
    content_type: String,
    bytes: &'a [u8],
}

impl<'a> Field<'a> {
    /// The one field of a form that is a file called `file`; others are not looked at.
    fn file(content_type: &str, body: &'a [u8]) -> Option<Self> {
        let (media, boundary) = content_type.split_once("boundary=")?;
        let boundary = boundary.split(';').next()?.trim().trim_matches('"');
        let line = format!("--{boundary}");
        let mut rest = body.strip_prefix(line.as_bytes())?;
        let line = format!("\r\n{line}");
        let mut files = Vec::new();
        while !rest.starts_with(b"--") {
            let field = rest.strip_prefix(b"\r\n")?;
            let ends = |at: &usize| {
                let next = &field[at + line.len()..];
                next.starts_with(b"\r\n") || next.starts_with(b"--")
            };
            let end = memmem::find_iter(field, &line).find(ends)?;
            files.extend(Self::read(&field[..end]));
            rest = &field[end + line.len()..];
        }
        let [_] = &files[..] else { return None };
        files
            .pop()
            .filter(|_| media.starts_with("multipart/form-data"))
    }

    fn read(field: &'a [u8]) -> Option<Self> {
        let end = memmem::find(field, b"\r\n\r\n")?;
        let head = str::from_utf8(&field[..end]).ok()?;
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let disposition = header("content-disposition")?;
        let quoted = |key: &str| {
            let (_, rest) = disposition.split_once(&format!("; {key}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        (quoted("name")? == "file").then_some(Self {
            filename: quoted("filename")?.to_owned(),
            content_type: header("content-type")
                .unwrap_or("application/octet-stream")
                .to_owned(),
            bytes: &field[end + 4..],
        })
    }
}

fn ticket(state: &State, id: &str, upload: &Upload) -> Value {
    let Upload {
        name,
        size,
        content_type,
        signature,
        expires,
        ..
    } = upload;
    let origin = &state.origin;
    json!({
        "type": kind(content_type),
        "download_url": download_url(origin, id, name),
        "filename": name,
        "size": size,
        "upload": {
            "method": "PUT",
            "url": format!("{origin}/storage/{id}/{name}?signature={signature}"),
            "headers": { "Content-Type": content_type },
            "expires_at": state.settings.clock.rfc3339(*expires),
        },
    })
}

/// A guess: which kinds there are.
fn kind(content_type: &str) -> &str {
    match content_type.split_once('/') {
        Some((kind @ ("audio" | "image" | "video"), _)) => kind,
        _ => "file",
    }
}

fn download_url(origin: &str, id: &str, name: &str) -> String {
    format!("{origin}/media/{id}/{name}")
}

/// Takes the bytes of the upload `id`. The body is read to its end also when it is refused, so
/// that the client gets to read why.
pub(crate) async fn put(
    state: &State,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Refusal> {
    let mut body = body.into_data_stream();
    let stored = match check(state, id, query, headers) {
        Ok(upload) => store(&mut body, upload).await,
        Err(refusal) => Err(refusal),
    };
    if stored.is_err() {
        while let Some(Ok(_)) = body.next().await {}
    }
    let file = Arc::new(stored?);
    if let Some(upload) = state.memory().uploads.get_mut(id) {
        upload.file = Some(file);
    }
    Ok(())
}

/// The upload `id`, if it may be sent this way. All texts are the emulator's own; the statuses
/// are those of common storage services, a guess.
fn check(
    state: &State,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Upload, Refusal> {
    let refuse = |status, message: &str| Err((status, message.to_owned()));
    // The guard against a client that sends its key to the storage.
    if headers.contains_key(AUTHORIZATION) {
        let message =
            "an upload must not carry an Authorization header: it would give the key away";
        return refuse(StatusCode::BAD_REQUEST, message);
    }
    let Some(upload) = state.memory().uploads.get(id).cloned() else {
        return refuse(StatusCode::NOT_FOUND, "no such upload");
    };
    if query.and_then(|query| query.strip_prefix("signature=")) != Some(&upload.signature) {
        return refuse(
            StatusCode::FORBIDDEN,
            "the signature in the URL is not the ticket's",
        );
    }
    if state.now() >= upload.expires {
        return refuse(StatusCode::FORBIDDEN, "the ticket has expired");
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if header(CONTENT_TYPE) != Some(&upload.content_type) {
        let message = format!("Content-Type must be the ticket's, {}", upload.content_type);
        return Err((StatusCode::FORBIDDEN, message));
    }
    // Such services want to know the length beforehand.
    let Some(length) = header(CONTENT_LENGTH) else {
        return refuse(StatusCode::LENGTH_REQUIRED, "Content-Length is missing");
    };
    if length.parse() != Ok(upload.size) {
        let message = format!(
            "Content-Length is {length}, the ticket says {}",
            upload.size
        );
        return Err((StatusCode::BAD_REQUEST, message));
    }
    Ok(upload)
}

/// Writes the body to a temporary file, which goes when nobody needs it any more.
async fn store(body: &mut BodyDataStream, upload: Upload) -> Result<StoredFile, Refusal> {
    let (file, path) = temporary().map_err(cannot_store)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    // The HTTP library sees to it that the body is as long as Content-Length says.
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| {
            let message = format!("the upload broke off: {error}");
            (StatusCode::BAD_REQUEST, message)
        })?;
        file.write_all(&bytes).await.map_err(cannot_store)?;
    }
    file.flush().await.map_err(cannot_store)?;
    Ok(StoredFile {
        path,
        size: upload.size,
        content_type: upload.content_type,
    })
}

/// Writes bytes to such a file.
fn keep(bytes: &[u8], content_type: &str) -> std::io::Result<StoredFile> {
    let (mut file, path) = temporary()?.into_parts();
    file.write_all(bytes)?;
    Ok(StoredFile {
        path,
        size: bytes.len() as u64,
        content_type: content_type.to_owned(),
    })
}

fn temporary() -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix("wavespeed-emulator-")
        .tempfile()
}

fn cannot_store(error: std::io::Error) -> Refusal {
    let message = format!("the file cannot be stored: {error}");
    (StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// The file of the upload `id`, once it has come.
pub(crate) fn download(state: &State, id: &str) -> Option<File> {
    let file = state.memory().uploads.get(id)?.file.clone()?;
    let content_type = file.content_type.clone();
    Some(File::stored(file, &content_type, format!("\"{id}\"")))
}

/// The file that an input's URL refers to, if it is one of this emulator's uploads.
pub(crate) fn find(memory: &Memory, origin: &str, url: &str) -> Option<Arc<StoredFile>> {
    let (id, _) = url
        .strip_prefix(origin)?
        .strip_prefix("/media/")?
        .split_once('/')?;
    let upload = memory.uploads.get(id)?;
    (download_url(origin, id, &upload.name) == url)
        .then(|| upload.file.clone())
        .flatten()
}

/// The last part of a path, with nothing in it that means something in a URL or a file system.
fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.trim_start_matches('.')
        .chars()
        .map(|char| match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => char,
            _ => '_',
        })
        .take(MAX_NAME_BYTES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reduced_to_safe_base_names() {
        for (name, base) in [
            ("clip.mp4", "clip.mp4"),
            ("../../etc/passwd", "passwd"),
            (r"C:\films\my clip?.mp4", "my_clip_.mp4"),
            ("..", ""),
            ("dir/", ""),
            (".hidden", "hidden"),
            ("a\u{1b}[31m.mp4", "a__31m.mp4"),
        ] {
            assert_eq!(base_name(name), base, "{name}");
        }
        assert_eq!(base_name(&"x".repeat(1_000)).len(), MAX_NAME_BYTES);
    }

    #[test]
    fn the_file_of_a_form_is_found() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n-\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\
                     content-type: video/mp4\r\n\r\n1\r\n--y2\r\n--x--\r\n";
        let expected = Field {
            filename: "a.mp4".into(),
            content_type: "video/mp4".into(),
            bytes: b"1\r\n--y2",
        };
        for kind in ["boundary=x", "charset=utf-8; boundary=\"x\"; a=b"] {
            let kind = format!("multipart/form-data; {kind}");
            assert_eq!(Field::file(&kind, body).as_ref(), Some(&expected), "{kind}");
        }
        for (kind, body) in [
            ("multipart/form-data; boundary=y", &body[..]),
            ("application/json; boundary=x", body),
            ("multipart/form-data", body),
            ("multipart/form-data; boundary=x", &body[..body.len() - 4]),
            ("multipart/form-data; boundary=x", b""),
            (
                "multipart/form-data; boundary=x",
                &[&body[..body.len() - 9], b"\r\n", body].concat(),
            ),
        ] {
            assert_eq!(Field::file(kind, body), None, "{kind}");
        }
    }
}
