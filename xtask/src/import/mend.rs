//! From an entry of the vendor's list to a model of the spec. Entries are made by many hands: what
//! is broken in one is mended by a rule that has a name, or the model is left out with the reason.
//! Nothing here knows what the spec says already; that is `merge`'s.

use serde_json::{Map, Number, Value, json};

use super::listing::{id, run};
use crate::lint::{has_type, misfit};
use crate::prose;

type Schema = Map<String, Value>;

/// How deep a schema may go before any value goes; a reference may lead back to itself.
const DEPTH: usize = 8;
/// How many schemas a model may have before any value goes; references make many of few.
const MOST: usize = 5_000;

/// The rules by which an entry is mended and a model is left out. `spec/README.md` explains them.
pub const RULES: &[&str] = &[
    "type-word",
    "null",
    "choices",
    "default",
    "limits",
    "required",
    "any-value",
    "choice-names",
    "type-name",
];
/// The reasons for which a model is left out.
pub const REASONS: &[&str] = &["id", "schema", "path", "twice", "lint"];

/// A model of the spec, made of an entry.
#[derive(Clone, Debug)]
pub struct Mended {
    /// What its file would say.
    pub model: Schema,
    /// What had to be mended.
    pub mends: Vec<Mend>,
}

/// Something that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// The name of the rule.
    pub rule: &'static str,
    /// The keys that lead to the place.
    pub place: String,
    /// What was found and what became of it.
    pub what: String,
}

/// Why a model is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The name of the reason.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
}

/// The model of an entry.
///
/// # Errors
/// [`Skip`] if none can be made of it.
pub fn model(entry: &Value) -> Result<Mended, Skip> {
    let skip = |rule, what: String| Err(Skip { rule, what });
    let id = id(entry);
    if !is_id(id) {
        return skip(
            "id",
            format!("`{}` is not the id of a model", id.escape_debug()),
        );
    }
    let Some(call) = run(entry) else {
        return skip("schema", "it has no call `model_run`".into());
    };
    let path = format!("{}{id}", super::PATH);
    if call["api_path"]
        .as_str()
        .is_some_and(|stated| stated != path)
    {
        return skip(
            "path",
            format!("it is submitted to {}, not to {path}", call["api_path"]),
        );
    }
    let root = &call["request_schema"];
    if !root["properties"].is_object() || root["type"].as_str().is_some_and(|kind| kind != "object")
    {
        return skip(
            "schema",
            "its inputs are not an object with properties".into(),
        );
    }
    let mut mender = Mender {
        root,
        mends: Vec::new(),
        open: vec![String::new()],
        left: MOST,
    };
    let mut object = mender.object(root, "", 0);
    let inputs = object.get_mut("properties").and_then(Value::as_object_mut);
    for (name, input) in inputs.into_iter().flatten() {
        if let (Some(kind), Some(keys)) = (
            media(name, &root["properties"][name], input),
            input.as_object_mut(),
        ) {
            // Whether a `data:` URL is taken is not said, so that none is refused.
            keys.insert("x-media".into(), json!({ "kind": kind, "inline": true }));
        }
    }
    let mut model = Schema::from_iter([("type".to_owned(), "object".into())]);
    let words = text(&entry["description"]);
    let description = words.unwrap_or_else(|| title(id));
    model.insert("description".into(), description.into());
    let kind = entry["type"]
        .as_str()
        .filter(|kind| !kind.trim().is_empty());
    let kind = kind.map_or_else(|| kind_of(id), prose::one_line);
    let stated = text(&entry["name"]).filter(|name| name != id);
    let name = stated.unwrap_or_else(|| title(id));
    model.insert("x-model".into(), json!({ "name": name, "type": kind }));
    model.extend(object.into_iter().filter(|(key, _)| key != "type"));
    Ok(Mended {
        model,
        mends: mender.mends,
    })
}

/// The kind of file behind the URLs that an input takes: by what the vendor's form accepts, else by
/// its name. Without it the path of a local file would be sent as a text, and paid for.
fn media(name: &str, raw: &Value, input: &Value) -> Option<&'static str> {
    let text = match input["type"].as_str() {
        Some("array") => &input["items"],
        _ => input,
    };
    if text["type"] != "string" || text.get("enum").is_some() {
        return None;
    }
    let accepted = raw["x-accept"].as_str().unwrap_or_default();
    let stem = name.trim_end_matches("_urls").trim_end_matches("_url");
    let stem = stem.trim_end_matches('s');
    let kinds = ["image", "video", "audio"];
    let named = |kind: &&&str| stem == **kind || stem.ends_with(&format!("_{kind}"));
    let by_form = kinds.iter().find(|kind| accepted.starts_with(**kind));
    by_form.or_else(|| kinds.iter().find(named)).copied()
}

/// Ids become paths of files and of URLs, on every system.
fn is_id(id: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com1", "lpt1"];
    let is_part = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && !part.ends_with('.')
            && !DEVICES.contains(&stem.to_lowercase().as_str())
    };
    id.len() <= 200 && id.contains('/') && id.split('/').all(is_part)
}

/// A name for a model that has none: its id without the provider, in capitals.
fn title(id: &str) -> String {
    const SHORT: [&str; 9] = ["i2i", "i2v", "t2i", "t2v", "v2v", "tts", "ai", "3d", "hd"];
    let (_, name) = id.split_once('/').unwrap_or(("", id));
    let words = name.split(['/', '-', '_']).filter(|word| !word.is_empty());
    let capital = |word: &str| {
        if SHORT.contains(&word) {
            return word.to_uppercase();
        }
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    };
    words.map(capital).collect::<Vec<_>>().join(" ")
}

/// The kind of a model whose entry does not say: as its id does, in full or in short.
fn kind_of(id: &str) -> String {
    const SHORT: [(&str, &str); 6] = [
        ("t2v", "text-to-video"),
        ("i2v", "image-to-video"),
        ("v2v", "video-to-video"),
        ("t2i", "text-to-image"),
        ("i2i", "image-to-image"),
        ("tts", "text-to-audio"),
    ];
    const MEDIA: [&str; 5] = ["text", "image", "video", "audio", "3d"];
    let words: Vec<&str> = id.split(['/', '-', '_', '.']).collect();
    let full = words
        .windows(3)
        .rev()
        .find(|words| words[1] == "to" && MEDIA.contains(&words[0]) && MEDIA.contains(&words[2]));
    let short = || SHORT.iter().find(|(short, _)| words.contains(short));
    match full {
        Some(words) => words.join("-"),
        None => short().map_or("other", |(_, kind)| kind).to_owned(),
    }
}

struct Mender<'a> {
    root: &'a Value,
    mends: Vec<Mend>,
    /// Where the references lead that are being followed.
    open: Vec<String>,
    /// How many schemas there may still be.
    left: usize,
}

impl Mender<'_> {
    fn note(&mut self, rule: &'static str, place: &str, what: impl Into<String>) {
        self.mends.push(Mend {
            rule,
            place: place.to_owned(),
            what: what.into(),
        });
    }

    /// The properties of an object, in the order in which the vendor shows them.
    fn object(&mut self, raw: &Value, place: &str, depth: usize) -> Schema {
        let empty = Schema::new();
        let found = raw["properties"].as_object().unwrap_or(&empty);
        let shown = raw["x-order-properties"].as_array().into_iter().flatten();
        let shown = shown
            .filter_map(Value::as_str)
            .filter(|name| found.contains_key(*name));
        let mut names: Vec<&str> = Vec::new();
        for name in shown.chain(found.keys().map(String::as_str)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut object = Schema::from_iter([("type".to_owned(), "object".into())]);
        let required = raw["required"].as_array().into_iter().flatten();
        let mut wanted: Vec<Value> = Vec::new();
        for name in required {
            if name.as_str().is_none_or(|name| !found.contains_key(name)) {
                let what = format!("{name} is not an input; left out");
                self.note("required", &joined(place, "required"), what);
            } else if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        if !wanted.is_empty() {
            object.insert("required".into(), wanted.into());
        }
        let place = joined(place, "properties");
        let properties = names.into_iter().map(|name| {
            let schema = self.schema(&found[name], &joined(&place, name), depth + 1);
            (name.to_owned(), schema.into())
        });
        let properties: Schema = properties.collect();
        object.insert("properties".into(), properties.into());
        object
    }

    fn schema(&mut self, raw: &Value, place: &str, depth: usize) -> Schema {
        let mut raw = raw.as_object().cloned().unwrap_or_default();
        let mut nullable = raw.get("nullable") == Some(&true.into());
        let (told, open) = (self.mends.len(), self.open.len());
        self.left = self.left.saturating_sub(1);
        for _ in 0..DEPTH {
            match self.simpler(&raw, place) {
                Some((next, null)) => (raw, nullable) = (next, nullable || null),
                None => break,
            }
        }
        let kind = if depth > DEPTH || self.left == 0 {
            None
        } else {
            let said = self.mends.len() > told;
            self.kind(&mut raw, place, &mut nullable, said)
        };
        let mut schema = Schema::new();
        if let Some(kind) = kind {
            schema.insert("type".into(), kind.into());
        }
        if nullable && kind.is_some() {
            schema.insert("nullable".into(), true.into());
        }
        let words = raw.get("description").and_then(text);
        if let Some(words) = words.or_else(|| raw.get("title").and_then(text)) {
            schema.insert("description".into(), words.into());
        }
        match kind {
            Some("string") => self.limits(&raw, ("minLength", "maxLength"), &mut schema, place),
            Some("integer" | "number") => {
                self.limits(&raw, ("minimum", "maximum"), &mut schema, place);
                self.step(&raw, &mut schema, place);
            }
            Some("array") => {
                self.limits(&raw, ("minItems", "maxItems"), &mut schema, place);
                let items = raw.get("items").unwrap_or(&Value::Null);
                let items = self.schema(items, &joined(place, "items"), depth + 1);
                schema.insert("items".into(), items.into());
            }
            Some("object") => {
                let given = Value::Object(raw.clone());
                if raw
                    .get("properties")
                    .and_then(Value::as_object)
                    .is_some_and(|all| !all.is_empty())
                {
                    schema.extend(self.object(&given, place, depth));
                } else if let Some(values @ Value::Object(_)) = raw.get("additionalProperties") {
                    let values =
                        self.schema(values, &joined(place, "additionalProperties"), depth + 1);
                    schema.insert("additionalProperties".into(), values.into());
                }
            }
            _ => {}
        }
        self.choices(&raw, &mut schema, place);
        self.default(&raw, &mut schema, place);
        for key in ["deprecated", "x-hidden"] {
            if raw.get(key) == Some(&true.into()) {
                schema.insert(key.into(), true.into());
            }
        }
        if let (Some("string"), Some(Value::String(format))) = (kind, raw.get("format"))
            && format.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        {
            schema.insert("format".into(), format.clone().into());
        }
        self.open.truncate(open);
        let mut ordered: Vec<_> = schema.into_iter().collect();
        ordered.sort_by_key(|(key, _)| rank(key));
        ordered.into_iter().collect()
    }

    /// The schema without its outermost reference or alternative, and whether null was one.
    fn simpler(&mut self, raw: &Schema, place: &str) -> Option<(Schema, bool)> {
        let mut rest = raw.clone();
        if let Some(reference) = rest.shift_remove("$ref") {
            let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
            let is_open =
                pointer.is_some_and(|pointer| self.open.iter().any(|open| open == pointer));
            let target = pointer.filter(|_| !is_open);
            let target = target.and_then(|pointer| self.root.pointer(pointer)?.as_object());
            if target.is_none() {
                let leads = if is_open { "back to itself" } else { "nowhere" };
                let what = format!("the reference {reference} leads {leads}; any value goes");
                self.note("any-value", place, what);
            }
            self.open.extend(pointer.map(str::to_owned));
            return Some((with(target.cloned().unwrap_or_default(), rest), false));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            let Some(members) = rest.shift_remove(key) else {
                continue;
            };
            let members = members.as_array().cloned().unwrap_or_default();
            let is_null = |member: &&Value| member["type"] == "null";
            let (nulls, others): (Vec<&Value>, Vec<&Value>) = members.iter().partition(is_null);
            let null = !nulls.is_empty();
            let kinds: Vec<_> = others
                .iter()
                .map(|member| member["type"].as_str())
                .collect();
            let one = match (others.as_slice(), key) {
                ([one], _) => one.as_object().cloned(),
                (all, "allOf") => {
                    let all = all.iter().filter_map(|one| one.as_object().cloned());
                    Some(all.fold(Schema::new(), both))
                }
                ([], _) => None,
                _ if kinds.iter().all(|kind| *kind == Some("string")) => {
                    self.note(
                        "any-value",
                        place,
                        format!("`{key}` of texts; any text goes"),
                    );
                    Some(Schema::from_iter([("type".to_owned(), "string".into())]))
                }
                _ if kinds
                    .iter()
                    .all(|kind| matches!(kind, Some("integer" | "number"))) =>
                {
                    self.note(
                        "any-value",
                        place,
                        format!("`{key}` of numbers; any number goes"),
                    );
                    Some(Schema::from_iter([("type".to_owned(), "number".into())]))
                }
                _ => None,
            };
            if one.is_none() {
                self.note(
                    "any-value",
                    place,
                    format!("`{key}` has no type; any value goes"),
                );
                rest.retain(|key, _| ["description", "title", "x-hidden"].contains(&key.as_str()));
            }
            return Some((with(one.unwrap_or_default(), rest), null));
        }
        None
    }

    /// The type, by its right word; what is not said is read from what stands around it.
    fn kind(
        &mut self,
        raw: &mut Schema,
        place: &str,
        nullable: &mut bool,
        said: bool,
    ) -> Option<&'static str> {
        if let Some(value) = raw.shift_remove("const") {
            raw.entry("enum").or_insert_with(|| json!([value]));
        }
        let stated = raw.get("type").cloned().unwrap_or_default();
        let words: Vec<&str> = match &stated {
            Value::String(word) => vec![word.as_str()],
            Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        *nullable |= words.contains(&"null");
        let words: Vec<&str> = words.into_iter().filter(|word| *word != "null").collect();
        let known = |word: &str| {
            Some(match word.to_lowercase().as_str() {
                "string" | "str" | "text" | "url" | "uri" => "string",
                "integer" | "int" => "integer",
                "number" | "float" | "double" => "number",
                "boolean" | "bool" => "boolean",
                "array" | "list" => "array",
                "object" | "dict" => "object",
                _ => return None,
            })
        };
        let kind = match words.as_slice() {
            [word] => known(word),
            [] => read_off(raw),
            _ => None,
        };
        // Only the vendor's own word is not worth a word.
        let plain = matches!((&stated, kind), (Value::String(word), Some(kind)) if word == kind);
        if !(plain || said && kind.is_none()) {
            let becomes = kind.map_or("any value goes".into(), |kind| format!("taken for {kind}"));
            let (rule, found) = match (&stated, kind) {
                (Value::Null, None) => ("any-value", "no type".to_owned()),
                (Value::Null, _) => ("type-word", "no type".to_owned()),
                (Value::Array(_), Some(_)) if *nullable => ("null", format!("the type {stated}")),
                (_, None) => ("any-value", format!("the type {stated}")),
                _ => ("type-word", format!("the type {stated}")),
            };
            self.note(rule, place, format!("{found}; {becomes}"));
        }
        kind
    }

    /// Limits that can be kept: numbers of the right kind, the least not above the most.
    fn limits(
        &mut self,
        raw: &Schema,
        (least, most): (&str, &str),
        schema: &mut Schema,
        place: &str,
    ) {
        let real = schema["type"] == "number";
        let counts = least != "minimum";
        let read = |value: &Value| {
            let number = whole(value);
            let fits = match &number {
                Value::Number(number) if real => number.as_f64().is_some_and(f64::is_finite),
                Value::Number(number) if counts => {
                    number.as_u64().is_some_and(|n| u32::try_from(n).is_ok())
                }
                Value::Number(number) => number.is_i64(),
                _ => false,
            };
            fits.then_some(number)
        };
        for key in [least, most] {
            let Some(value) = raw.get(key).filter(|value| !value.is_null()) else {
                continue;
            };
            match read(value) {
                Some(number) => drop(schema.insert(key.into(), number)),
                None => self.note(
                    "limits",
                    &joined(place, key),
                    format!("{value} is no limit; left out"),
                ),
            }
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        if let (Some(low), Some(high)) = (bound(least), bound(most))
            && low > high
        {
            self.note(
                "limits",
                place,
                format!("`{least}` {low} is above `{most}` {high}; both left out"),
            );
            schema.shift_remove(least);
            schema.shift_remove(most);
        }
        for key in ["pattern", "exclusiveMinimum", "exclusiveMaximum"] {
            if let Some(value) = raw.get(key).filter(|value| !value.is_null()) {
                self.note(
                    "limits",
                    &joined(place, key),
                    format!("{value} cannot be kept; left out"),
                );
            }
        }
    }

    fn step(&mut self, raw: &Schema, schema: &mut Schema, place: &str) {
        let Some(value) = raw.get("multipleOf") else {
            return;
        };
        let number = whole(value);
        let positive = number.as_f64().is_some_and(|step| step > 0.0);
        if positive && (schema["type"] == "number" || number.is_i64()) {
            schema.insert("multipleOf".into(), number);
        } else {
            let place = joined(place, "multipleOf");
            self.note("limits", &place, format!("{value} is no step; left out"));
        }
    }

    /// Choices that have a type: texts or whole numbers. Others are said in words.
    fn choices(&mut self, raw: &Schema, schema: &mut Schema, place: &str) {
        let Some(given) = raw.get("enum").and_then(Value::as_array) else {
            return;
        };
        let at = joined(place, "enum");
        let kind = schema
            .get("type")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut values: Vec<Value> = Vec::new();
        for value in given.iter().map(whole) {
            if value.is_null() && kind.is_some() {
                self.note("null", &at, "null is one of the choices; it is `nullable`");
                schema.insert("nullable".into(), true.into());
            } else if values.contains(&value) {
                self.note("choices", &at, format!("{value} comes twice"));
            } else {
                values.push(value);
            }
        }
        let all = |kind: &str| values.iter().all(|value| has_type(value, kind));
        match kind.as_deref() {
            _ if values.is_empty() => self.note("choices", &at, "there is no choice; left out"),
            Some("string") if all("string") => drop(schema.insert("enum".into(), values.into())),
            Some("integer") if values.iter().all(Value::is_i64) => {
                schema.insert("enum".into(), values.into());
            }
            Some("array") if schema["items"].get("enum").is_none() && all("string") => {
                self.note("choices", &at, "they are those of the elements");
                let items = json!({ "type": "string", "enum": values });
                if schema["items"]["type"] == "string"
                    || schema["items"].as_object().is_some_and(Map::is_empty)
                {
                    let own = schema["items"].as_object().cloned().unwrap_or_default();
                    schema.insert(
                        "items".into(),
                        with(own, items.as_object().cloned().unwrap_or_default()).into(),
                    );
                }
            }
            Some("boolean") => {}
            _ => {
                self.note(
                    "choices",
                    &at,
                    "they are not all texts or whole numbers; said in words",
                );
                let shown: Vec<_> = values
                    .iter()
                    .map(|value| value.to_string().replace('`', "'"))
                    .collect();
                let words = schema
                    .get("description")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let words = format!("{words} One of {}.", shown.join(", "));
                schema.insert("description".into(), prose::one_line(&words).into());
            }
        }
    }

    /// A default that an input can have.
    fn default(&mut self, raw: &Schema, schema: &mut Schema, place: &str) {
        let Some(given) = raw.get("default").filter(|value| !value.is_null()) else {
            return;
        };
        let kind = schema.get("type").and_then(Value::as_str);
        let value = match (kind, given) {
            (Some("integer" | "number" | "boolean"), Value::String(text)) => {
                serde_json::from_str(text.trim()).unwrap_or_else(|_| given.clone())
            }
            (Some("string"), Value::Number(number)) => number.to_string().into(),
            _ => whole(given),
        };
        let at = joined(place, "default");
        match misfit(&value, &Value::Object(schema.clone())) {
            Some(problem) => self.note("default", &at, format!("{problem}; left out")),
            None => {
                if value != *given && value != whole(given) {
                    self.note("default", &at, format!("{given} is meant to be {value}"));
                }
                schema.insert("default".into(), value);
            }
        }
    }
}

/// The order in which a schema is read best: what it is, what it can be, what it consists of.
fn rank(key: &str) -> usize {
    const ORDER: [&str; 15] = [
        "type",
        "nullable",
        "deprecated",
        "format",
        "description",
        "default",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "x-hidden",
        "enum",
    ];
    ORDER
        .iter()
        .position(|known| *known == key)
        .unwrap_or(ORDER.len())
}

/// The type of a schema that does not say it.
fn read_off(raw: &Schema) -> Option<&'static str> {
    let choices = raw
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let of = |value: &Value| {
        Some(match whole(value) {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            _ => return None,
        })
    };
    let mut kinds = choices.filter(|value| !value.is_null()).map(of);
    if let Some(first) = kinds.next() {
        return first.filter(|_| kinds.all(|kind| kind == first));
    }
    if raw.contains_key("properties") {
        return Some("object");
    }
    if raw.contains_key("items") {
        return Some("array");
    }
    // A default of 1 can be that of a number.
    raw.get("default")
        .and_then(of)
        .filter(|kind| *kind != "integer")
}

/// `2.0` as `2`, wherever it stands.
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => whole_number(number).map_or_else(|| value.clone(), Value::Number),
        Value::Array(values) => values.iter().map(whole).collect(),
        Value::Object(keys) => {
            let keys = keys.iter().map(|(key, value)| (key.clone(), whole(value)));
            Value::Object(keys.collect())
        }
        other => other.clone(),
    }
}

fn whole_number(number: &Number) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number
        .as_f64()
        .filter(|float| number.is_f64() && float.fract() == 0.0)?;
    // Within 2^53 the cast loses nothing.
    #[allow(clippy::cast_possible_truncation)]
    (float.abs() <= EXACT).then(|| Number::from(float as i64))
}

/// One line of text that is neither code nor control characters; nothing if none is left.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.replace("```", " ").replace("~~~", " ");
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let closed = text.matches('`').count().is_multiple_of(2);
    let text = if closed { text } else { text.replace('`', "'") };
    Some(prose::one_line(&text)).filter(|text| !text.is_empty())
}

/// The keys of both; those of the second win.
fn with(mut all: Schema, more: Schema) -> Schema {
    all.extend(more);
    all
}

/// What holds of both: all inputs of one and of the other.
fn both(one: Schema, mut other: Schema) -> Schema {
    for key in ["properties", "required"] {
        match (one.get(key), other.get_mut(key)) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                *other = with(one.clone(), other.clone());
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => {
                *other = [&one[..], other].concat();
            }
            _ => {}
        }
    }
    with(one, other)
}

fn joined(place: &str, key: &str) -> String {
    if place.is_empty() {
        key.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_reason_is_explained() {
        let text = include_str!("../../../spec/README.md");
        let from = |start: &str| text.split_once(start).unwrap().1;
        let table = from("| rule | what it mends |")
            .split("\n\n")
            .next()
            .unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let rules: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
        assert_eq!(rules, RULES);
        let reasons = from("with one of these reasons:")
            .split("The others")
            .next()
            .unwrap();
        let reasons: Vec<&str> = reasons.split('`').skip(1).step_by(2).collect();
        assert_eq!(reasons, REASONS);
    }
}
