//! The vendor's list of models, as `GET /models` answers it: where it is read from, and what of it
//! is kept between two imports.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::spec::Model;

/// What of an entry is kept: prices and places in the vendor's own lists change daily and belong to
/// no spec.
const KEPT: [&str; 5] = ["model_id", "name", "type", "description", "api_schema"];

/// The entries of a list.
#[derive(Clone, Debug, Default)]
pub struct Listing(pub Vec<Value>);

impl Listing {
    /// Reads a file, `-` for what is piped in, or `live` for the vendor's own answer.
    ///
    /// # Errors
    /// [`Error::Source`] if it cannot be read or is no list of models.
    pub fn read(source: &str) -> Result<Self, Error> {
        let failed = |problem: String| Error::Source {
            origin: source.to_owned(),
            problem,
        };
        let text = match source {
            "live" => live(),
            "-" => {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text).map(|_| text)
            }
            file => fs::read_to_string(file),
        };
        let text = text.map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    /// Reads an answer of the vendor, its `data` alone, or one entry in each line.
    ///
    /// # Errors
    /// Says what it is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(whole) => lines(text).ok_or_else(|| format!("it is not JSON: {whole}"))?,
        };
        let entries = match value {
            Value::Array(entries) => entries,
            Value::Object(mut answer) => {
                let (code, message) = (answer.get("code").cloned(), answer.get("message").cloned());
                match answer.shift_remove("data") {
                    Some(Value::Array(entries)) => entries,
                    _ if answer.contains_key("model_id") => vec![answer.into()],
                    _ => {
                        let said = |value: Option<Value>| value.unwrap_or_default();
                        let (code, message) = (said(code), said(message));
                        return Err(format!(
                            "`data` is not a list of models (code {code}, message {message})"
                        ));
                    }
                }
            }
            _ => return Err("it is neither a list of models nor an answer with one".to_owned()),
        };
        Ok(Self(entries))
    }

    /// The entries without the keys that are not the vendor's own words here.
    #[must_use]
    pub fn without(mut self, keys: &[String]) -> Self {
        for entry in self.0.iter_mut().filter_map(Value::as_object_mut) {
            entry.retain(|key, _| !keys.iter().any(|omitted| omitted == key));
        }
        self
    }

    /// Those whose id is like the pattern, in which `*` stands for anything.
    #[must_use]
    pub fn only(mut self, pattern: &str) -> Self {
        self.0.retain(|entry| like(id(entry), pattern));
        self
    }

    /// What stays of the last import, in the file that holds it; nothing before the first one.
    ///
    /// # Errors
    /// [`Error::Source`] if the file is there and is no list.
    pub fn imported(root: &Path) -> Result<Self, Error> {
        let file = root.join(super::IMPORTED);
        if !file.exists() {
            return Ok(Self::default());
        }
        Self::read(&file.to_string_lossy())
    }

    /// The entry of a model.
    #[must_use]
    pub fn get(&self, model: &str) -> Option<&Value> {
        self.0.iter().find(|entry| id(entry) == model)
    }

    /// Puts an entry into the place of the one of the same model.
    pub fn put(&mut self, entry: &Value) {
        let kept = entry.as_object().into_iter().flatten();
        let kept = kept.filter(|(key, _)| KEPT.contains(&key.as_str()));
        let mut kept: Map<String, Value> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some(run) = run(entry) {
            kept.insert("api_schema".into(), json!({ "api_schemas": [run] }));
        }
        self.0.retain(|other| id(other) != id(entry));
        self.0.push(kept.into());
    }

    /// One entry in each line, sorted by id: a change of one model is a change of one line.
    #[must_use]
    pub fn to_lines(&self) -> String {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|entry| id(entry));
        entries.iter().map(|entry| format!("{entry}\n")).collect()
    }
}

/// The id of an entry; empty if it has none.
#[must_use]
pub fn id(entry: &Value) -> &str {
    entry["model_id"].as_str().unwrap_or_default()
}

/// What describes the submit among the calls of an entry.
#[must_use]
pub fn run(entry: &Value) -> Option<&Value> {
    let calls = entry.pointer("/api_schema/api_schemas")?.as_array()?;
    calls.iter().find(|call| call["type"] == "model_run")
}

/// The entry the vendor's list would have for a model of the spec: the way back.
#[must_use]
pub fn entry(model: &Model) -> Value {
    let file = &model.source.value;
    let mut schema = file.as_object().cloned().unwrap_or_default();
    schema.retain(|key, _| !["x-model", "externalDocs", "description"].contains(&key.as_str()));
    let names = schema.get("properties").and_then(Value::as_object);
    let order: Value = names
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    schema.insert("additionalProperties".into(), false.into());
    schema.insert("x-order-properties".into(), order);
    let inputs = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, input) in inputs.into_iter().flatten() {
        let media = input
            .as_object_mut()
            .and_then(|keys| keys.shift_remove("x-media"));
        if let Some(kind) = media.as_ref().and_then(|media| media["kind"].as_str()) {
            input["x-accept"] = format!("{kind}/*").into();
        }
    }
    json!({
        "model_id": model.id,
        "name": file["x-model"]["name"],
        "description": file["description"],
        "type": file["x-model"]["type"],
        "api_schema": { "api_schemas": [{
            "type": "model_run",
            "method": "POST",
            "api_path": format!("{}{}", super::PATH, model.id),
            "request_schema": schema,
        }] },
    })
}

fn lines(text: &str) -> Option<Value> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let entries: Option<Vec<Value>> = lines.map(|line| serde_json::from_str(line).ok()).collect();
    entries.map(Value::from)
}

/// Whether a text is like a pattern in which `*` stands for anything.
fn like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| like(&text[at..], rest))
        }),
    }
}

/// Asks the vendor, by curl: this program must build when the client does not, and a second HTTP
/// client only for this would be much to build. The key goes through a pipe, not through arguments.
fn live() -> io::Result<String> {
    let key = env::var("WAVESPEED_API_KEY")
        .map_err(|_| io::Error::other("WAVESPEED_API_KEY is not set"))?;
    let host = env::var("WAVESPEED_BASE_URL").unwrap_or_else(|_| "https://api.wavespeed.ai".into());
    let url = format!("{}{}models", host.trim_end_matches('/'), super::PATH);
    let mut curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "120",
            "--config",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::other(format!("cannot run curl: {error}")))?;
    if let Some(mut input) = curl.stdin.take() {
        let quoted = |text: &str| Value::from(text).to_string();
        let header = quoted(&format!("Authorization: Bearer {key}"));
        io::Write::write_all(
            &mut input,
            format!("url = {}\nheader = {header}\n", quoted(&url)).as_bytes(),
        )?;
    }
    let output = curl.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("curl could not read {url}")));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_an_answer_its_data_or_lines() {
        let entry = r#"{"model_id":"a/b"}"#;
        for text in [
            format!(r#"{{"code":200,"data":[{entry}]}}"#),
            format!("[{entry}]"),
            format!("{entry}\n\n"),
            format!("{entry}\n{entry}\n"),
        ] {
            assert_eq!(id(&Listing::parse(&text).unwrap().0[0]), "a/b", "{text}");
        }
        for (text, problem) in [
            (
                "<html>",
                "it is not JSON: expected value at line 1 column 1",
            ),
            ("7", "it is neither a list of models nor an answer with one"),
            (
                r#"{"code":401,"message":"Invalid API key."}"#,
                "`data` is not a list of models (code 401, message \"Invalid API key.\")",
            ),
        ] {
            assert_eq!(Listing::parse(text).unwrap_err(), problem);
        }
    }

    #[test]
    fn patterns_stand_for_ids() {
        for (pattern, fits) in [
            ("a/*", true),
            ("*", true),
            ("*/c", true),
            ("a/b/c", true),
            ("a/*/*c", true),
            ("a/b", false),
            ("b*", false),
            ("a/*/d", false),
        ] {
            assert_eq!(like("a/b/c", pattern), fits, "{pattern}");
        }
    }

    #[test]
    fn prices_are_not_kept() {
        let mut listing = Listing::default();
        let call = json!({ "type": "model_run", "request_schema": {} });
        listing.put(&json!({
            "model_id": "a/b", "base_price": 1, "sort_order": 2, "name": "B",
            "api_schema": { "api_schemas": [{ "type": "other" }, call], "formula": "" },
        }));
        let kept = json!({
            "model_id": "a/b", "name": "B", "api_schema": { "api_schemas": [call] },
        });
        assert_eq!(listing.0, [kept]);
        listing.put(&json!({ "model_id": "a/a" }));
        listing.put(&json!({ "model_id": "a/b" }));
        assert_eq!(
            listing.to_lines(),
            "{\"model_id\":\"a/a\"}\n{\"model_id\":\"a/b\"}\n"
        );
    }
}
