//! Reading the prediction in an answer, in every form in which its id is certain.
//!
//! The vendor sends `{"data":{"id":"…"}}`. Read as well are: a list with one record as the data, a JSON text
//! as the data, a record without an envelope, an id that is a number, and the id in the URL of the record.
//! The JSON may be cut off or invalid after the id.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::status::Status;

/// Returns the id of the prediction as it is written, which need not be a usable one. `bare` is `true` if
/// the record may stand there without an envelope.
pub(super) fn id(json: &str, bare: bool) -> Option<String> {
    let mut root = Object::default();
    // JSON that is cut off ends in an error, but the id may have been found before it.
    let is_whole = Place::Root(&mut root).read(json);
    match root.data {
        Some(data) => data.id(),
        None if bare && root.is_record(is_whole) => root.id(),
        None => None,
    }
}

/// Returns the fields of the prediction whose [`id`] was found.
pub(super) fn fields(json: &str) -> Option<Map<String, Value>> {
    let Value::Object(mut root) = serde_json::from_str(json).ok()? else {
        return None;
    };
    let data = match root.remove("data") {
        None => return Some(root),
        Some(Value::String(text)) => serde_json::from_str(&text).ok()?,
        Some(data) => data,
    };
    let record = match data {
        Value::Array(mut items) if items.len() == 1 => items.pop()?,
        data => data,
    };
    match record {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// Returns the id in a URL such as `https://api.wavespeed.ai/api/v3/predictions/ID/result`, the field
/// `urls.get` of a prediction.
pub(crate) fn id_in_url(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let mut segments = path.split('/').skip_while(|part| *part != "predictions");
    let id = segments.nth(1).filter(|id| !id.is_empty())?;
    Some(percent_decode_str(id).decode_utf8().ok()?.into_owned())
}

/// The fields of an object that matter here, as far as they were read.
#[derive(Default)]
struct Object {
    id: Option<String>,
    /// The URL of the record.
    url: Option<String>,
    /// The data of an envelope. `Some` as soon as there is such a field, whatever its value is.
    data: Option<Box<Object>>,
    /// `true` if a field was read that predictions have.
    has_record: bool,
    /// `true` if a field was read that envelopes and errors have.
    has_envelope: bool,
}

impl Object {
    fn id(self) -> Option<String> {
        let in_url = || id_in_url(self.url.as_deref()?);
        self.id.or_else(in_url)
    }

    /// Returns `true` if this object without data is a prediction. The id alone may be that of the request,
    /// unless there is nothing else.
    fn is_record(&self, is_whole: bool) -> bool {
        self.has_record || self.url.is_some() || is_whole && !self.has_envelope
    }
}

/// A place in an answer, and what is read there. The deserializer of a type would only give a value at the
/// end of the JSON, which may be missing, so each part is stored as soon as it is reached.
enum Place<'a> {
    /// The whole answer.
    Root(&'a mut Object),
    /// The data of an answer: a record, a list with one record, or a text that contains either.
    Data(&'a mut Object),
    /// A record in a list or in a text.
    Inner(&'a mut Object),
    /// The URLs of a record.
    Urls(&'a mut Option<String>),
}

impl Place<'_> {
    /// Reads JSON up to its end or its first error. Returns `true` if it is whole.
    fn read(self, json: &str) -> bool {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        self.deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok()
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

/// Values of other types than the expected ones are ignored.
impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if let Self::Data(object) = self {
            Place::Inner(object).read(text);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Self::Data(object) | Self::Inner(object) = self {
            let mut item = Object::default();
            items.next_element_seed(Place::Inner(&mut item))?;
            // Of several records, and of a list that is cut off, none is certain.
            if items.next_element::<IgnoredAny>()?.is_none() {
                *object = item;
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self {
            Self::Root(object) => object.read(map, true),
            Self::Data(object) | Self::Inner(object) => object.read(map, false),
            Self::Urls(url) => {
                while let Some(name) = map.next_key::<String>()? {
                    let value: &RawValue = map.next_value()?;
                    if let (Written::Text(text), "get") = (written(value), &*name) {
                        *url = Some(text);
                    }
                }
                Ok(())
            }
        }
    }
}

impl Object {
    /// Reads the fields of an object.
    fn read<'de, A: MapAccess<'de>>(&mut self, mut map: A, is_root: bool) -> Result<(), A::Error> {
        let mut number = None;
        while let Some(name) = map.next_key::<String>()? {
            // What follows a number shows that it was not cut off.
            self.id = number.take().or(self.id.take());
            match &*name {
                "id" => match written(map.next_value()?) {
                    Written::Text(id) => self.id = Some(id),
                    Written::Number(id) => number = Some(id),
                    Written::Other => self.id = None,
                },
                "urls" => {
                    self.has_record = true;
                    map.next_value_seed(Place::Urls(&mut self.url))?;
                }
                "data" if is_root => {
                    // A second one that has no id does not hide the id of the first.
                    let data = self.data.get_or_insert_default();
                    map.next_value_seed(Place::Data(data))?;
                }
                "status" => {
                    // Errors have a status as well, in words of their own.
                    if let Written::Text(status) = written(map.next_value()?) {
                        let is_unknown = matches!(status.into(), Status::Unknown(_));
                        self.has_record |= !is_unknown;
                    }
                }
                name => {
                    let of_record = ["model", "outputs", "created_at"];
                    let of_envelope = ["code", "message", "error", "error_code"];
                    self.has_record |= of_record.contains(&name);
                    self.has_envelope |= of_envelope.contains(&name);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.id = number.or(self.id.take());
        Ok(())
    }
}

/// A value as it is written.
enum Written {
    Text(String),
    Number(String),
    Other,
}

/// Reads a text or a number. A number keeps its digits, which a float would round.
fn written(raw: &RawValue) -> Written {
    match raw.get().as_bytes() {
        [b'"', ..] => match serde_json::from_str::<String>(raw.get()) {
            Ok(text) if !text.is_empty() => Written::Text(text),
            _ => Written::Other,
        },
        [b'-' | b'0'..=b'9', ..] => Written::Number(raw.get().to_owned()),
        _ => Written::Other,
    }
}
