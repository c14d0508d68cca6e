//! The bundle, read for serving: its operations, each with the rules of its body and the schemas
//! of its replies, compiled once. Which code answers an operation is decided in `routes`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::account;
use crate::rules::BodyRules;
use crate::sample::Sample;
use crate::schema::{Schemas, cause};

/// The bundle this emulator was built with.
pub(crate) static BUILT_IN: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    let packed = &include_bytes!("../openapi.json.gz")[..];
    let read = GzDecoder::new(packed).read_to_string(&mut text);
    read.expect("it was packed by `cargo xtask generate`");
    text
});

/// What the emulator needs of a bundle.
pub(crate) struct Bundle {
    pub(crate) operations: Vec<Operation>,
    /// What every refusal looks like, also that of a call which is no operation.
    pub(crate) refusal: Arc<Validator>,
    /// What `GET /models` answers.
    pub(crate) listing: Value,
    /// As it was read, for the playground.
    pub(crate) text: Bytes,
}

/// A method of a path.
pub(crate) struct Operation {
    /// Its `operationId`, or method and path where it has none.
    pub(crate) name: String,
    pub(crate) method: Method,
    /// The path below `/api/v3`, with its parameters in braces.
    pub(crate) path: String,
    /// The model it submits to, if it does that.
    pub(crate) model: Option<String>,
    /// What its tasks make.
    pub(crate) makes: Sample,
    body: Option<BodyRules>,
    /// By status, as the bundle writes it: `200`, or `5XX`.
    replies: BTreeMap<String, Arc<Validator>>,
}

impl Bundle {
    /// Reads `text`; an error says what is wrong with it, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bundle: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut schemas = Schemas::new(&bundle)?;
        let paths = bundle["paths"].as_object().ok_or("it has no paths")?;
        let mut operations = Vec::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let Ok(method) = method.to_uppercase().parse::<Method>() else {
                    continue;
                };
                // `parameters`, `summary` and the like stand beside the methods.
                if operation.get("responses").is_none() {
                    continue;
                }
                let parsed = Operation::parse(&bundle, method, path, operation, &mut schemas)
                    .map_err(|(name, reason)| format!("{name}: {reason}"))?;
                operations.push(parsed);
            }
        }
        let refusal = schemas.compile(&json!({ "$ref": "#/components/schemas/Error" }))?;
        Ok(Self {
            operations,
            refusal,
            listing: account::listing(&bundle),
            text: Bytes::from(text.to_owned()),
        })
    }
}

impl Operation {
    fn parse(
        bundle: &Value,
        method: Method,
        path: &str,
        operation: &Value,
        schemas: &mut Schemas,
    ) -> Result<Self, (String, String)> {
        let name = operation["operationId"]
            .as_str()
            .map_or_else(|| format!("{method} {path}"), str::to_owned);
        let failed = |reason| (name.clone(), reason);

        let body = resolve(bundle, &operation["requestBody"]).and_then(json_schema);
        let body = match body {
            Some(schema) => resolve(bundle, schema)
                .ok_or_else(|| format!("no such schema: {schema}"))
                .and_then(|schema| BodyRules::new(schema, schemas))
                .map(Some)
                .map_err(failed)?,
            None => None,
        };
        let model = operation["x-model"]["id"].as_str().map(str::to_owned);
        if model.is_some() && body.is_none() {
            return Err(failed("it submits to a model without a body".to_owned()));
        }
        let mut replies = BTreeMap::new();
        for (status, reply) in operation["responses"].as_object().into_iter().flatten() {
            let reply = resolve(bundle, reply)
                .ok_or_else(|| failed(format!("no such response: {reply}")))?;
            if let Some(schema) = json_schema(reply) {
                replies.insert(status.clone(), schemas.compile(schema).map_err(failed)?);
            }
        }
        Ok(Self {
            method,
            path: path.to_owned(),
            model,
            makes: Sample::of(operation["x-model"]["type"].as_str().unwrap_or_default()),
            body,
            replies,
            name,
        })
    }

    /// What the body of a request says, or what the vendor says against it.
    pub(crate) fn accept(&self, body: &[u8]) -> Result<Map<String, Value>, String> {
        let accepted = self.body.as_ref().map(|rules| rules.accept(body));
        accepted.unwrap_or_else(|| Ok(Map::new()))
    }

    /// What the vendor says against a part of a body.
    pub(crate) fn accept_part(&self, sent: Map<String, Value>) -> Result<(), String> {
        let accepted = self.body.as_ref().map(|rules| rules.accept_part(sent));
        accepted.unwrap_or(Ok(()))
    }

    /// Whether the bundle allows this reply.
    pub(crate) fn check(&self, status: StatusCode, body: &Value) -> Result<(), String> {
        let family = format!("{}XX", status.as_u16() / 100);
        let validator = [status.as_str(), &family, "default"]
            .iter()
            .find_map(|status| self.replies.get(*status))
            .ok_or_else(|| "the bundle knows no such status".to_owned())?;
        check(validator, body)
    }
}

/// Whether `body` obeys a schema; an error names the place and the rule.
pub(crate) fn check(validator: &Validator, body: &Value) -> Result<(), String> {
    validator.validate(body).map_err(|error| {
        let cause = cause(&error);
        format!("at \"{}\": {cause}", cause.instance_path())
    })
}

/// `value`, or what it refers to within the bundle.
fn resolve<'a>(bundle: &'a Value, value: &'a Value) -> Option<&'a Value> {
    match value.get("$ref") {
        Some(target) => bundle.pointer(target.as_str()?.strip_prefix('#')?),
        None => Some(value),
    }
}

/// The schema of a body or a response that is JSON.
fn json_schema(content: &Value) -> Option<&Value> {
    content["content"]["application/json"].get("schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &str) -> Operation {
        let bundle = Bundle::parse(&BUILT_IN).unwrap();
        let mut operations = bundle.operations.into_iter();
        operations.find(|operation| operation.name == name).unwrap()
    }

    #[test]
    fn the_built_in_bundle_is_read() {
        let operation = operation("submit_kwaivgi_kling_lipsync_text_to_video");
        assert_eq!(operation.method, Method::POST);
        assert_eq!(operation.path, "/kwaivgi/kling-lipsync/text-to-video");
        assert_eq!(
            operation.model.as_deref(),
            Some("kwaivgi/kling-lipsync/text-to-video")
        );
        assert!(operation.body.is_some());
    }

    #[test]
    fn replies_that_break_the_bundle_are_caught() {
        let operation = operation("get_prediction_result");
        let check = |status, body| operation.check(status, &body);

        let good = json!({ "code": 200, "data": { "id": "abcd", "status": "a new word" } });
        assert_eq!(check(StatusCode::OK, good), Ok(()));
        assert_eq!(
            check(StatusCode::OK, json!({ "code": 200, "data": null })),
            Ok(())
        );

        let no_id = json!({ "code": 200, "data": { "status": "created" } });
        let error = check(StatusCode::OK, no_id).unwrap_err();
        assert!(error.contains("/data") && error.contains("id"), "{error}");
        let wrong = json!({ "code": 200, "data": { "id": "abcd", "status": 5 } });
        assert!(
            check(StatusCode::OK, wrong)
                .unwrap_err()
                .contains("/data/status")
        );

        assert_eq!(
            check(StatusCode::BAD_GATEWAY, json!({ "code": 502 })),
            Ok(())
        );
        let unknown = check(StatusCode::IM_A_TEAPOT, json!({ "code": 418 }));
        assert_eq!(unknown.unwrap_err(), "the bundle knows no such status");
    }

    #[test]
    fn what_is_wrong_with_a_bundle_is_said() {
        let no_paths = Bundle::parse("{}").err();
        assert!(no_paths.is_some_and(|error| error.contains("no paths")));
        let dangling = BUILT_IN.replacen("#/components/schemas/UploadRequest", "#/nowhere", 1);
        let error = Bundle::parse(&dangling).err().unwrap();
        assert!(
            error.starts_with("create_upload: no such schema"),
            "{error}"
        );
    }
}
