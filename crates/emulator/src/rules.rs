//! Judges the body of a request by the schema of its operation, and words the refusal as the
//! vendor does. Of the wordings only the one for a wrong choice is recorded; the others are
//! guesses in its style.

use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};

use crate::schema::{Schemas, cause};

/// What an operation wants of its body.
pub(crate) struct BodyRules {
    known: Vec<Field>,
    validator: Arc<Validator>,
}

struct Field {
    name: String,
    /// What is taken for it where it was not sent; only optional fields have one.
    default: Option<Value>,
}

impl BodyRules {
    /// The rules of `schema`, which has no references at its top.
    pub(crate) fn new(schema: &Value, schemas: &mut Schemas) -> Result<Self, String> {
        let properties = schema["properties"]
            .as_object()
            .ok_or("the schema of its body has no properties")?;
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let field = |(name, property): (&String, &Value)| Field {
            name: name.clone(),
            default: property
                .get("default")
                .filter(|_| !required.iter().any(|required| required == name))
                .cloned(),
        };
        Ok(Self {
            known: properties.iter().map(field).collect(),
            validator: schemas.compile(schema)?,
        })
    }

    /// The known fields of `body` with defaults filled in, or what the vendor says of the first
    /// rule that is broken. Unknown fields are dropped without a word, as the vendor does it.
    pub(crate) fn accept(&self, body: &[u8]) -> Result<Map<String, Value>, String> {
        let Ok(Value::Object(sent)) = serde_json::from_slice(body) else {
            // A guess.
            return Err("request body must be a JSON object".to_owned());
        };
        self.judge(sent, true)
    }

    /// As [`accept`](Self::accept), of a body that need not be whole.
    pub(crate) fn accept_part(&self, sent: Map<String, Value>) -> Result<(), String> {
        self.judge(sent, false).map(drop)
    }

    fn judge(
        &self,
        mut sent: Map<String, Value>,
        whole: bool,
    ) -> Result<Map<String, Value>, String> {
        let taken = |field: &Field| {
            let value = sent.remove(&field.name).or_else(|| field.default.clone())?;
            Some((field.name.clone(), value))
        };
        let accepted = Value::Object(self.known.iter().filter_map(taken).collect());
        let errors: Vec<_> = self.validator.iter_errors(&accepted).collect();
        let first = errors
            .iter()
            .map(|error| cause(error))
            .filter(|error| whole || !matches!(error.kind(), Kind::Required { .. }))
            // The order must not depend on how this build orders JSON: what is missing comes
            // first, then the fields by their names. (Which one the vendor picks is not known.)
            .min_by_key(|error| {
                let missing = matches!(error.kind(), Kind::Required { .. });
                (
                    !missing,
                    field_name(error),
                    error.kind().keyword().to_owned(),
                )
            })
            .map(refusal);
        drop(errors);
        match (first, accepted) {
            (None, Value::Object(accepted)) => Ok(accepted),
            (refusal, _) => Err(refusal.unwrap_or_default()),
        }
    }
}

/// What the vendor says of a broken rule.
fn refusal(error: &ValidationError<'_>) -> String {
    let field = field_name(error);
    let value = error.instance();
    if let Kind::Enum { options } = error.kind() {
        let options: Vec<_> = match &**options {
            Value::Array(options) => options.iter().map(Value::to_string).collect(),
            other => vec![other.to_string()],
        };
        let options = options.join(", ");
        // Recorded.
        return format!(
            "field \"{field}\" must be one of [{options}], got {}; please use one of the allowed values",
            shown(value)
        );
    }
    // Guesses, all of them.
    let rule = match error.kind() {
        Kind::Required { .. } => return format!("field \"{field}\" is required"),
        Kind::Type {
            kind: TypeKind::Single(kind),
        } => format!("must be of type {kind}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::Format { format } if format == "date-time" => "must be an ISO 8601 time".to_owned(),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        _ => return format!("field \"{field}\" is not valid: {}", error.masked()),
    };
    match (error.kind(), &**value) {
        (Kind::MinLength { .. } | Kind::MaxLength { .. }, Value::String(text)) => {
            format!("field \"{field}\" {rule}, got {}", text.chars().count())
        }
        (Kind::MinItems { .. } | Kind::MaxItems { .. }, Value::Array(items)) => {
            format!("field \"{field}\" {rule}, got {}", items.len())
        }
        (_, value) => format!("field \"{field}\" {rule}, got {}", shown(value)),
    }
}

/// The field a violation is about, `loras[0].path` within others.
fn field_name(error: &ValidationError<'_>) -> String {
    let mut name = String::new();
    for segment in error.instance_path().segments() {
        match segment {
            LocationSegment::Property(property) => push_property(&mut name, &property),
            LocationSegment::Index(index) => name += &format!("[{index}]"),
        }
    }
    if let Kind::Required {
        property: Value::String(property),
    } = error.kind()
    {
        push_property(&mut name, property);
    }
    name
}

fn push_property(name: &mut String, property: &str) {
    if !name.is_empty() {
        name.push('.');
    }
    name.push_str(property);
}

/// A value with its type, such as `string "bogus"`.
fn shown(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => return "an array".to_owned(),
        Value::Object(_) => return "an object".to_owned(),
    };
    format!("{kind} {value}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> BodyRules {
        let schema = json!({
            "type": "object",
            "required": ["voice_id"],
            "properties": {
                "voice_id": { "type": "string", "enum": ["a", "b"], "default": "a" },
                "steps": { "type": "integer", "enum": [4, 8] },
                "text": { "type": "string", "minLength": 1, "maxLength": 3 },
                "speed": { "type": "number", "minimum": 0.8, "maximum": 2, "default": 1 },
                "loras": {
                    "type": "array",
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["path"],
                        "properties": { "path": { "type": "string" } },
                    },
                },
            },
        });
        BodyRules::new(
            &schema,
            &mut Schemas::new(&json!({ "components": {} })).unwrap(),
        )
        .unwrap()
    }

    fn refused(body: Value) -> String {
        rules().accept(body.to_string().as_bytes()).unwrap_err()
    }

    #[test]
    fn known_fields_are_kept_unknown_ones_dropped_and_defaults_filled_in() {
        let body = json!({ "voice_id": "b", "text": "hi", "txet": "hi" }).to_string();
        let accepted = rules().accept(body.as_bytes()).unwrap();
        assert_eq!(
            Value::Object(accepted),
            json!({ "voice_id": "b", "text": "hi", "speed": 1 })
        );
    }

    #[test]
    fn a_required_field_has_no_default() {
        assert_eq!(refused(json!({})), r#"field "voice_id" is required"#);
    }

    #[test]
    fn each_broken_rule_names_the_field_the_rule_and_the_value() {
        let with = |name: &str, value: Value| {
            let mut body = json!({ "voice_id": "a" });
            body[name] = value;
            refused(body)
        };
        for (name, value, message) in [
            (
                "voice_id",
                json!("bogus"),
                r#"field "voice_id" must be one of ["a", "b"], got string "bogus"; please use one of the allowed values"#,
            ),
            (
                "steps",
                json!(5),
                r#"field "steps" must be one of [4, 8], got number 5; please use one of the allowed values"#,
            ),
            (
                "text",
                json!(5),
                r#"field "text" must be of type string, got number 5"#,
            ),
            (
                "text",
                json!(""),
                r#"field "text" must have at least 1 characters, got 0"#,
            ),
            (
                "text",
                json!("日本語です"),
                r#"field "text" must have at most 3 characters, got 5"#,
            ),
            (
                "speed",
                json!(0.5),
                r#"field "speed" must be at least 0.8, got number 0.5"#,
            ),
            (
                "speed",
                json!(3),
                r#"field "speed" must be at most 2, got number 3"#,
            ),
            ("loras", json!([{}]), r#"field "loras[0].path" is required"#),
            (
                "loras",
                json!([{ "path": "a" }, { "path": "b" }]),
                r#"field "loras" must have at most 1 items, got 2"#,
            ),
        ] {
            assert_eq!(with(name, value), message);
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["", "[]", "{", "null"] {
            let message = rules().accept(body.as_bytes()).unwrap_err();
            assert_eq!(message, "request body must be a JSON object");
        }
    }

    #[test]
    fn a_missing_field_is_told_before_a_wrong_one() {
        assert_eq!(
            refused(json!({ "speed": 9 })),
            r#"field "voice_id" is required"#
        );
    }
}
