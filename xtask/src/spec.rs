//! Reading the spec and putting it together: `spec/wavespeed.yaml` and one file per model become
//! one OpenAPI document. It knows where things stand and nothing of Rust; the rules they must obey
//! are [`lint`](crate::lint)'s.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, Finding};
use crate::names;

/// The file that holds everything but the models, relative to the root.
pub const API: &str = "spec/wavespeed.yaml";
/// The folder of the models, relative to the root.
pub const MODELS: &str = "spec/models";
/// The flags that inputs may not take, relative to the root.
pub const RESERVED_FLAGS: &str = "crates/cli/reserved-flags.txt";

/// A file of the spec.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, relative to the root, with slashes.
    pub file: String,
    /// What it says, in its order.
    pub value: Value,
}

/// A model: one file under `spec/models/`.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its file.
    pub source: Source,
    /// Its id: the path of the file below `spec/models/`, without the extension.
    pub id: String,
    /// The name of its input type.
    pub type_name: String,
}

impl Model {
    /// A model from its file.
    #[must_use]
    pub fn new(source: Source) -> Self {
        let path = source.file.strip_prefix(MODELS).unwrap_or(&source.file);
        let id = path
            .trim_start_matches('/')
            .trim_end_matches(".yaml")
            .to_owned();
        let given = source
            .value
            .pointer("/x-model/type_name")
            .and_then(Value::as_str);
        let type_name = given.map_or_else(|| names::type_name(&id), str::to_owned);
        Self {
            source,
            id,
            type_name,
        }
    }

    /// The part of the id before the first slash.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }
}

/// The whole spec, as its authors wrote it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Everything but the models.
    pub api: Source,
    /// The models, sorted by id.
    pub models: Vec<Model>,
    /// The flags that inputs may not take.
    pub reserved_flags: Vec<String>,
}

/// Reads the spec below `root`.
///
/// # Errors
/// [`Error::Read`] for a file that cannot be read, [`Error::Findings`] for those that are not YAML
/// or do not belong there, all at once.
pub fn load(root: &Path) -> Result<Spec, Error> {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut paths = vec![root.join(API)];
    collect(&root.join(MODELS), &mut paths)?;
    for path in paths {
        match source(root, &path)? {
            Ok(source) => sources.push(source),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Err(Error::Findings(findings));
    }
    let api = sources.remove(0);
    let mut models: Vec<Model> = sources.into_iter().map(Model::new).collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Spec {
        api,
        models,
        reserved_flags: reserved_flags(root)?,
    })
}

/// Reads YAML as JSON, in its order. `yes`, `no`, `on` and `off` are strings, as are numbers with
/// leading zeros or underscores; a key that comes twice is an error.
///
/// # Errors
/// Says what is wrong, and where.
pub fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// One OpenAPI document of the spec's files. It says what the files say and nothing else.
#[must_use]
pub fn bundle(spec: &Spec) -> Value {
    let mut document = spec.api.value.clone();
    let template = document
        .as_object_mut()
        .and_then(|root| root.shift_remove("x-model-operation"))
        .unwrap_or_default();
    for model in &spec.models {
        add_tag(&mut document, model.provider());
        let operation = json!({ "post": operation(model, &template) });
        set(
            &mut document,
            "/paths",
            &format!("/{}", model.id),
            operation,
        );
        set(
            &mut document,
            "/components/schemas",
            &model.type_name,
            schema(model),
        );
    }
    document
}

/// The bundle as it is written.
#[must_use]
pub fn to_text(bundle: &Value) -> String {
    format!("{bundle:#}\n")
}

/// The schema, parameter or answer that is meant: references are followed, also one in `allOf`.
#[must_use]
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let only = value
        .get("allOf")
        .and_then(|all| all.get(0))
        .unwrap_or(value);
    let reference = only.get("$ref").and_then(Value::as_str);
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

fn operation(model: &Model, template: &Value) -> Value {
    let file = &model.source.value;
    let mut operation = Map::new();
    operation.insert("operationId".into(), names::operation_id(model).into());
    operation.insert("tags".into(), json!([model.provider()]));
    operation.insert(
        "summary".into(),
        file.pointer("/x-model/name").cloned().unwrap_or_default(),
    );
    for key in ["description", "externalDocs"] {
        if let Some(value) = file.get(key) {
            operation.insert(key.into(), value.clone());
        }
    }
    let mut words = Map::from_iter([("id".to_owned(), Value::from(model.id.as_str()))]);
    words.extend(
        file.get("x-model")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    );
    words.shift_remove("type_name");
    operation.insert("x-model".into(), words.into());
    for (key, value) in template.as_object().into_iter().flatten() {
        if key == "responses" {
            let schema = json!({ "$ref": format!("#/components/schemas/{}", model.type_name) });
            let content = json!({ "application/json": { "schema": schema } });
            let body = json!({ "required": true, "content": content });
            operation.insert("requestBody".into(), body);
        }
        operation.insert(key.clone(), value.clone());
    }
    operation.into()
}

fn schema(model: &Model) -> Value {
    let mut schema = model.source.value.clone();
    if let Some(keys) = schema.as_object_mut() {
        keys.shift_remove("x-model");
        keys.shift_remove("externalDocs");
    }
    schema
}

fn add_tag(document: &mut Value, provider: &str) {
    let tag = json!({ "name": provider, "description": format!("Models of {provider}.") });
    if let Some(tags) = document.get_mut("tags").and_then(Value::as_array_mut)
        && !tags.iter().any(|tag| tag["name"] == provider)
    {
        tags.push(tag);
    }
}

fn set(document: &mut Value, pointer: &str, key: &str, value: Value) {
    if let Some(map) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        map.insert(key.to_owned(), value);
    }
}

fn source(root: &Path, path: &Path) -> Result<Result<Source, Finding>, Error> {
    let file = relative(root, path);
    let finding = |problem: String, mend: &str| {
        let (file, place, mend) = (file.clone(), String::new(), mend.to_owned());
        Ok(Err(Finding {
            file,
            place,
            problem,
            mend,
        }))
    };
    if path.extension().is_none_or(|extension| extension != "yaml") {
        return finding(
            "not a .yaml file".into(),
            "rename it or move it out of here",
        );
    }
    match parse(&read(path)?) {
        Ok(value @ Value::Object(_)) => Ok(Ok(Source { file, value })),
        Ok(_) => finding(
            "not a mapping".into(),
            "start with keys such as `type: object`",
        ),
        Err(error) => finding(error.replace('\n', " "), "mend the YAML at this place"),
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn reserved_flags(root: &Path) -> Result<Vec<String>, Error> {
    let text = read(&root.join(RESERVED_FLAGS))?;
    let names = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.iter()
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_keeps_its_order_and_its_words() {
        let value = parse("b: [no, on, 'true', 1_0, 007, 16:9]\na: {y: 1, x: 1.5}").unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"b":["no","on","true","1_0","007","16:9"],"a":{"y":1,"x":1.5}}"#
        );
    }

    #[test]
    fn a_key_that_comes_twice_is_an_error_with_its_place() {
        let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert!(
            error.contains("duplicate") && error.contains("line 3"),
            "{error}"
        );
    }

    #[test]
    fn a_given_type_name_stays_out_of_the_bundle() {
        let value = json!({ "x-model": { "name": "N", "type": "t", "type_name": "Given" } });
        let file = "spec/models/a/b.yaml".to_owned();
        let model = Model::new(Source { file, value });
        assert_eq!(
            (model.id.as_str(), model.type_name.as_str()),
            ("a/b", "Given")
        );
        let words = &operation(&model, &json!({}))["x-model"];
        assert_eq!(words, &json!({ "id": "a/b", "name": "N", "type": "t" }));
    }
}
