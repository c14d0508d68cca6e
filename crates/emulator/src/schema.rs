//! Compiles the bundle's schemas for the JSON Schema library. OpenAPI 3.0 is not quite JSON
//! Schema: `nullable` is spelt out, and references are made absolute so that each schema stands
//! by itself. What a violation is called on the wire is `rules`' business.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use serde_json::{Map, Value, json};

/// The name the bundle has among the library's documents. It is never fetched.
const BUNDLE: &str = "bundle:///openapi.json";

/// The compiler, and what it has compiled so far: models share most of their replies' schemas.
pub(crate) struct Schemas {
    components: Registry<'static>,
    compiled: HashMap<String, Arc<Validator>>,
}

impl Schemas {
    /// A compiler for the schemas of `bundle`.
    pub(crate) fn new(bundle: &Value) -> Result<Self, String> {
        let components = json!({ "components": to_json_schema(&bundle["components"]) });
        let components = Registry::new()
            // OpenAPI 3.0 took its schemas from the draft between 4 and 6.
            .draft(Draft::Draft4)
            .add(BUNDLE, components)
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            components,
            compiled: HashMap::new(),
        })
    }

    /// The validator of a schema as it stands in the bundle.
    pub(crate) fn compile(&mut self, schema: &Value) -> Result<Arc<Validator>, String> {
        let schema = to_json_schema(schema);
        let text = schema.to_string();
        if let Some(validator) = self.compiled.get(&text) {
            return Ok(Arc::clone(validator));
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .with_registry(&self.components)
            .offline()
            .build(&schema)
            .map(Arc::new)
            .map_err(|error: ValidationError<'_>| error.to_string())?;
        self.compiled.insert(text, Arc::clone(&validator));
        Ok(validator)
    }
}

/// A schema of OpenAPI 3.0, or a table of such schemas, as JSON Schema.
fn to_json_schema(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(to_json_schema).collect(),
        Value::Object(object) => {
            let mut schema: Map<String, Value> = object
                .iter()
                .map(|(key, value)| (key.clone(), to_json_schema(value)))
                .collect();
            if let Some(Value::String(target)) = schema.get_mut("$ref")
                && target.starts_with('#')
            {
                target.insert_str(0, BUNDLE);
            }
            // A property may have one of these names too, but then its value is an object.
            if schema.get("format").is_some_and(|format| format == "int64") {
                schema.entry("maximum").or_insert(i64::MAX.into());
                schema.entry("minimum").or_insert(i64::MIN.into());
            }
            if schema.get("nullable") == Some(&Value::Bool(true)) {
                schema.remove("nullable");
                return json!({ "anyOf": [schema, { "type": "null" }] });
            }
            Value::Object(schema)
        }
        other => other.clone(),
    }
}

/// The violation itself, where `error` only says that a value is neither right nor `null`.
pub(crate) fn cause<'a>(error: &'a ValidationError<'_>) -> &'a ValidationError<'a> {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } => context
            .first()
            .and_then(|alternative| alternative.first())
            .map_or(error, cause),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(schema: Value) -> Arc<Validator> {
        let bundle = json!({ "components": { "schemas": {
            "Name": { "type": "string", "minLength": 2 },
            "Maybe": { "type": "string", "nullable": true, "minLength": 2 },
        } } });
        Schemas::new(&bundle).unwrap().compile(&schema).unwrap()
    }

    #[test]
    fn nullable_lets_null_through_and_nothing_else() {
        for schema in [
            json!({ "type": "string", "minLength": 2, "nullable": true }),
            json!({ "type": "string", "enum": ["ab"], "nullable": true }),
            json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Name" }] }),
            json!({ "$ref": "#/components/schemas/Maybe" }),
        ] {
            let validator = compiled(schema.clone());
            assert!(validator.is_valid(&json!(null)), "{schema}");
            assert!(validator.is_valid(&json!("ab")), "{schema}");
            assert!(!validator.is_valid(&json!("a")), "{schema}");
            assert!(!validator.is_valid(&json!(1)), "{schema}");
        }
        assert!(!compiled(json!({ "type": "string" })).is_valid(&json!(null)));
    }

    #[test]
    fn the_cause_is_what_is_wrong_with_the_value() {
        let validator = compiled(json!({
            "properties": { "a": { "nullable": true, "allOf": [
                { "properties": { "b": { "type": "string", "nullable": true } } },
            ] } },
        }));
        let value = json!({ "a": { "b": 5 } });
        let error = validator.validate(&value).unwrap_err();
        let cause = cause(&error);
        assert_eq!(cause.instance_path().as_str(), "/a/b");
        assert_eq!(cause.to_string(), "5 is not of type \"string\"");
    }

    #[test]
    fn a_property_may_be_called_nullable() {
        let validator = compiled(json!({ "properties": { "nullable": { "type": "boolean" } } }));
        assert!(validator.is_valid(&json!({ "nullable": true })));
        assert!(!validator.is_valid(&json!({ "nullable": 1 })));
    }

    #[test]
    fn an_int64_has_64_bits() {
        let validator = compiled(json!({ "type": "integer", "format": "int64", "minimum": 1 }));
        assert!(validator.is_valid(&json!(i64::MAX)) && !validator.is_valid(&json!(0)));
        assert!(!validator.is_valid(&json!(i64::MAX as u64 + 1)));
    }

    #[test]
    fn a_schema_is_compiled_once() {
        let mut schemas = Schemas::new(&json!({ "components": {} })).unwrap();
        let first = schemas.compile(&json!({ "type": "string" })).unwrap();
        let second = schemas.compile(&json!({ "type": "string" })).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }
}
