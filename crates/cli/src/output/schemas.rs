//! JSON Schemas of the documents of `--json`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use super::document::Document;
use super::document::account::{BillingDocument, DeletedDocument, TaskDocument, UsageDocument};
use super::document::check::CheckDocument;
use super::document::journal::{JobDocument, UploadDocument};
use super::document::models::{ModelDocument, VoiceDocument};
use super::document::price::{DryRunDocument, QuoteDocument};
use super::document::stats::StatsDocument;

/// Returns the JSON Schemas of the documents of `--json`, by command. A test compares them with
/// snapshots.
#[must_use]
pub fn schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        (
            "lipsync, run, wait, show, download, resume",
            schema::<Document>(),
        ),
        ("check", schema::<Vec<CheckDocument>>()),
        ("dry-run", schema::<DryRunDocument>()),
        ("price", schema::<QuoteDocument>()),
        ("upload", schema::<UploadDocument>()),
        ("jobs", schema::<Vec<JobDocument>>()),
        ("models", schema::<Vec<ModelDocument>>()),
        ("schema", json!({ "type": "object" })),
        ("history", schema::<Vec<TaskDocument>>()),
        ("billings", schema::<Vec<BillingDocument>>()),
        ("stats", schema::<StatsDocument>()),
        ("usage", schema::<UsageDocument>()),
        ("delete", schema::<DeletedDocument>()),
        ("voices", schema::<Vec<VoiceDocument>>()),
    ])
}

fn schema<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}
