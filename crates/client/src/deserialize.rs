//! Deserialization of the generated input types, for programs that read inputs from a file or a
//! request. The code is shared by all types, like that of the serialization.

// Which of these items a build needs depends on the enabled providers.
#![allow(dead_code)]

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize as _, de};
use serde_json::{Map, Value};

/// The fields of an object that is being read.
pub(crate) struct Fields {
    /// The fields that were not read yet.
    unread: Map<String, Value>,
    /// The names of the fields that the type has.
    known: Vec<&'static str>,
}

impl Fields {
    /// Returns the value of a field that must be given.
    pub(crate) fn required<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> serde_json::Result<T> {
        let value = self.take(name);
        parse(name, value.ok_or_else(|| de::Error::missing_field(name))?)
    }

    /// Returns the value of a field, or the default if it is missing or null.
    pub(crate) fn optional<T: DeserializeOwned + Default>(
        &mut self,
        name: &'static str,
    ) -> serde_json::Result<T> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => parse(name, value),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.unread.remove(name)
    }

    /// Refuses a field that the type does not have: it would be lost silently.
    fn finish(self) -> serde_json::Result<()> {
        match self.unread.keys().next() {
            None => Ok(()),
            Some(name) => {
                let known = self.known.join(", ");
                let message = format!("{name:?} is not one of the inputs: {known}");
                Err(de::Error::custom(message))
            }
        }
    }
}

/// Parses a value. The error begins with the name of the field.
fn parse<T: DeserializeOwned>(name: &str, value: Value) -> serde_json::Result<T> {
    serde_json::from_value(value).map_err(|error| de::Error::custom(format!("{name}: {error}")))
}

/// Deserializes an object, of which `build` takes the fields.
pub(crate) fn deserialize_fields<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    build: fn(&mut Fields) -> serde_json::Result<T>,
) -> Result<T, D::Error> {
    let (unread, known) = (Map::deserialize(deserializer)?, Vec::new());
    let mut fields = Fields { unread, known };
    let built = build(&mut fields).map_err(D::Error::custom)?;
    fields.finish().map_err(D::Error::custom)?;
    Ok(built)
}

#[cfg(test)]
#[cfg(feature = "kwaivgi")]
mod tests {
    use serde_json::json;

    use crate::models::kwaivgi::{KlingLipsyncTextToVideo, KlingV1_6MultiI2vPro};

    fn error(input: serde_json::Value) -> String {
        let read = serde_json::from_value::<KlingLipsyncTextToVideo>(input);
        read.unwrap_err().to_string()
    }

    #[test]
    fn input_is_read_as_it_was_written() {
        for text in [
            r#"{"video":"clip.mp4","text":"Hi","voice_id":"AOT"}"#,
            r#"{"video":"clip.mp4","text":"","voice_id":"new","voice_language":"xx","voice_speed":1.1}"#,
        ] {
            let input: KlingLipsyncTextToVideo = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&input).unwrap(), text);
        }
        let text = r#"{"prompt":"x","images":["a.png","b.png"]}"#;
        let input: KlingV1_6MultiI2vPro = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&input).unwrap(), text);
    }

    #[test]
    fn null_counts_as_missing() {
        let mut value =
            json!({ "video": "a", "text": "b", "voice_id": "AOT", "voice_speed": null });
        let input: KlingLipsyncTextToVideo = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(input.voice_speed, None);
        value["text"] = json!(null);
        assert!(error(value).starts_with("text: invalid type: null"));
    }

    #[test]
    fn error_names_the_field() {
        let value = json!({ "video": "a", "text": "b", "voice_id": "AOT" });
        let with = |name: &str, field: serde_json::Value| {
            let mut value = value.clone();
            value[name] = field;
            error(value)
        };
        let found = with("voice_speed", json!("fast"));
        assert!(
            found.starts_with("voice_speed: invalid type: string \"fast\""),
            "{found}"
        );
        let found = with("voice_sped", json!(1));
        assert_eq!(
            found,
            "\"voice_sped\" is not one of the inputs: video, text, voice_id, voice_language, voice_speed"
        );
        assert_eq!(
            error(json!({ "video": "a", "text": "b" })),
            "missing field `voice_id`"
        );
        assert!(error(json!("clip.mp4")).starts_with("invalid type: string"));
    }
}
