//! Bringing the vendor's list of models into the spec: one file a model, in the style of those
//! written by hand. What a person changed in a file stays; what is broken in one entry never stops
//! the others. It writes files of the spec and nothing else.

pub mod listing;
pub mod mend;
mod merge;
mod names;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

pub use listing::Listing;
pub use mend::{Mend, Skip};
pub use merge::Kept;

use crate::error::{Error, Finding};
use crate::lint::{lint, types_of};
use crate::spec::{self, MODELS, Model, Source, Spec};
use crate::{write, yaml};

/// What the vendor said at the last import, one model in each line. Against it the vendor's changes
/// are told from those made by hand.
pub const IMPORTED: &str = "spec/imported.jsonl";
/// Where the vendor's API begins.
const PATH: &str = "/api/v3/";

/// What an import would do.
#[derive(Debug)]
pub struct Plan {
    /// What becomes of each entry, by id.
    pub outcomes: BTreeMap<String, Outcome>,
    /// The models of the last import that the vendor no longer lists.
    pub gone: Vec<String>,
    files: Vec<(String, String)>,
    imported: Listing,
}

/// What becomes of one entry.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the file says now; nothing if there is none.
    pub before: Option<Value>,
    /// What it would say; nothing if the entry is left out.
    pub after: Result<Value, Skip>,
    /// What had to be mended.
    pub mends: Vec<Mend>,
    /// Where the file stays although the vendor says something else.
    pub kept: Vec<Kept>,
    /// What the vendor said at the last import, and says now.
    pub vendor: Option<(Value, Value)>,
    text: String,
}

/// What an import of the list would do to the spec below `root`. Models that are not `like` the
/// pattern are left alone.
///
/// # Errors
/// [`Error::Read`] and [`Error::Findings`] if the spec itself cannot be read or breaks rules.
pub fn plan(root: &Path, listing: &Listing, like: &str) -> Result<Plan, Error> {
    let spec = spec::load(root)?;
    let mut imported = Listing::imported(root)?;
    let known = imported.clone().only(like);
    let listed: BTreeSet<&str> = listing.0.iter().map(listing::id).collect();
    // A model whose file was deleted is not missed.
    let has_file = |id: &str| spec.models.iter().any(|model| model.id == id);
    let gone = known.0.iter().map(listing::id);
    let gone = gone.filter(|id| !listed.contains(id) && has_file(id));
    let gone = gone.map(str::to_owned).collect();
    imported.0.retain(|entry| {
        let id = listing::id(entry);
        listed.contains(id) || has_file(id)
    });
    let mut providers: BTreeMap<String, String> = BTreeMap::new();
    for model in &spec.models {
        let provider = model.provider();
        providers.insert(crate::names::snake(provider), provider.to_owned());
    }

    let mut outcomes = BTreeMap::new();
    let mut entries: BTreeMap<String, &Value> = BTreeMap::new();
    let chosen = listing.clone().only(like);
    for (entry, place) in listing.0.iter().zip(1..) {
        let id = listing::id(entry);
        if chosen.get(id).is_none() {
            continue;
        }
        let (key, outcome) = match outcomes.contains_key(id) {
            false if id.is_empty() => (
                format!("entry {place}"),
                outcome(root, &spec, &imported, entry)?,
            ),
            false => {
                let outcome = match taken(id, &mut providers) {
                    Some(skip) => left_out(None, skip),
                    None => outcome(root, &spec, &imported, entry)?,
                };
                (id.to_owned(), outcome)
            }
            true => (format!("{id} (entry {place})"), twice(id)),
        };
        entries.insert(key.clone(), entry);
        outcomes.insert(key, outcome);
    }
    name_types(&spec, &mut outcomes);
    judge(&spec, &mut outcomes)?;
    let mut files = Vec::new();
    for (id, outcome) in &outcomes {
        if outcome.after.is_ok() {
            files.push((file(id), outcome.text.clone()));
            imported.put(entries[id]);
        }
    }
    Ok(Plan {
        outcomes,
        gone,
        files,
        imported,
    })
}

impl Plan {
    /// Writes the files below `root`.
    ///
    /// # Errors
    /// [`Error::Write`] if one cannot be written.
    pub fn apply(&self, root: &Path) -> Result<(), Error> {
        for (file, text) in &self.files {
            write::ensure_file_contents(&root.join(file), text.as_bytes(), false)?;
        }
        // The last, so that an import that was cut off is made again.
        write::ensure_file_contents(
            &root.join(IMPORTED),
            self.imported.to_lines().as_bytes(),
            false,
        )?;
        Ok(())
    }
}

fn file(id: &str) -> String {
    format!("{MODELS}/{id}.yaml")
}

/// Why a provider cannot have a module of its own, if another one has it.
fn taken(id: &str, providers: &mut BTreeMap<String, String>) -> Option<Skip> {
    let (provider, _) = id.split_once('/')?;
    let module = crate::names::snake(provider);
    let first = providers
        .entry(module)
        .or_insert_with(|| provider.to_owned());
    (first != provider).then(|| Skip {
        rule: "id",
        what: format!("`{provider}` would have the module of `{first}`"),
    })
}

fn twice(id: &str) -> Outcome {
    let what = format!("{id} is listed twice; the first one counts");
    left_out(
        None,
        Skip {
            rule: "twice",
            what,
        },
    )
}

fn left_out(before: Option<Value>, skip: Skip) -> Outcome {
    Outcome {
        before,
        after: Err(skip),
        mends: Vec::new(),
        kept: Vec::new(),
        vendor: None,
        text: String::new(),
    }
}

fn outcome(root: &Path, spec: &Spec, imported: &Listing, entry: &Value) -> Result<Outcome, Error> {
    let id = listing::id(entry);
    let found = spec.models.iter().find(|model| model.id == id);
    let before = found.map(|model| model.source.value.clone());
    let mended = match mend::model(entry) {
        Ok(mended) => mended,
        Err(skip) => return Ok(left_out(before, skip)),
    };
    let (theirs, mut mends) = (mended.model, mended.mends);
    let mut kept = Vec::new();
    let base = imported.get(id).and_then(|entry| mend::model(entry).ok());
    let base = base.map(|base| base.model);
    let ours = before.as_ref().and_then(Value::as_object);
    let mut model = match ours {
        Some(ours) => merge::merge(base.as_ref(), ours, &theirs, &mut kept),
        None => theirs.clone(),
    };
    let vendor = base.map(|base| (base.into(), theirs.into()));
    names::choices(&mut model, ours, &mut mends);
    let text = match ours {
        Some(ours) => {
            spec::read(&root.join(file(id))).map(|text| yaml::rewrite(&text, ours, &model))?
        }
        None => format!("{HEADER}{}", yaml::write(&model)),
    };
    Ok(Outcome {
        before,
        after: Ok(model.into()),
        mends,
        kept,
        vendor,
        text,
    })
}

/// Stands above a file that nobody has touched yet.
const HEADER: &str = "# Source: the vendor's list of models.\n";

/// Gives new models names for their types, after those that have one.
fn name_types(spec: &Spec, outcomes: &mut BTreeMap<String, Outcome>) {
    let mut taken: BTreeSet<String> = spec
        .api
        .value
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .flat_map(|(name, schema)| types_of(name, schema))
        .collect();
    for model in &spec.models {
        taken.extend(types_of(&model.type_name, &model.source.value));
    }
    for (id, outcome) in outcomes
        .iter_mut()
        .filter(|(_, outcome)| outcome.before.is_none())
    {
        let Ok(Value::Object(model)) = &mut outcome.after else {
            continue;
        };
        let mends = outcome.mends.len();
        names::type_name(id, model, &taken, &mut outcome.mends);
        if outcome.mends.len() > mends {
            outcome.text = format!("{HEADER}{}", yaml::write(model));
        }
        let value = Value::Object(model.clone());
        taken.extend(types_of(&model_of(id, value.clone()).type_name, &value));
    }
}

fn model_of(id: &str, value: Value) -> Model {
    Model::new(Source {
        file: file(id),
        value,
    })
}

/// Leaves out what would break a rule of the spec: the lint is what stands between the vendor's list
/// and code that does not compile.
fn judge(spec: &Spec, outcomes: &mut BTreeMap<String, Outcome>) -> Result<(), Error> {
    // What is written is what counts, not what was meant.
    for (id, outcome) in outcomes.iter_mut() {
        let Ok(after) = &outcome.after else { continue };
        let read = spec::parse(&outcome.text);
        if !read.as_ref().is_ok_and(|read| yaml::same(read, after)) {
            let what = format!("{} cannot be changed by rule; mend it by hand", file(id));
            outcome.after = Err(Skip { rule: "lint", what });
        }
    }
    loop {
        let mut whole = spec.clone();
        for (id, outcome) in outcomes.iter() {
            let Ok(after) = &outcome.after else { continue };
            whole.models.retain(|model| model.id != *id);
            whole.models.push(model_of(id, after.clone()));
        }
        whole.models.sort_by(|a, b| a.id.cmp(&b.id));
        let mut findings = lint(&whole);
        if findings.is_empty() {
            return Ok(());
        }
        let before = findings.len();
        findings.retain(|finding| !blame(finding, outcomes));
        if findings.len() == before {
            return Err(Error::Findings(findings));
        }
    }
}

/// Leaves out the entry that a finding is about, if there is one.
fn blame(finding: &Finding, outcomes: &mut BTreeMap<String, Outcome>) -> bool {
    let id = finding
        .file
        .strip_prefix(MODELS)
        .and_then(|path| path.strip_suffix(".yaml"));
    let id = id.map(|path| path.trim_start_matches('/'));
    let Some(outcome) = id.and_then(|id| outcomes.get_mut(id)) else {
        return false;
    };
    let untouched = |after: &Value| {
        outcome
            .before
            .as_ref()
            .is_some_and(|before| yaml::same(before, after))
    };
    if outcome.after.as_ref().is_ok_and(untouched) {
        return false;
    }
    let what = format!("{}: {}", finding.place, finding.problem);
    outcome.after = Err(Skip { rule: "lint", what });
    true
}

/// A model as the vendor would list it, mended: what an import starts from. For tests of the way
/// there and back.
///
/// # Errors
/// [`Skip`] if the entry is left out.
pub fn mended(entry: &Value) -> Result<Map<String, Value>, Skip> {
    mend::model(entry).map(|mended| mended.model)
}
