//! Chooses the model of a command: from the catalogue, or from the vendor's own list.

use serde_json::Value;
use wavespeed::{Fault, Files, Model, ModelId, check, local_files, nearest};

use crate::args;
use crate::context::Context;
use crate::output::failure::Failure;

/// A model, and the source of its inputs.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) model: &'static Model,
    source: Source,
}

/// The source of the inputs of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Catalogue,
    /// The vendor's own list, by `--live`.
    VendorList,
    /// None: the catalogue does not have the model, and the list was not read.
    Unlisted,
}

impl Chosen {
    /// Returns the faults of an input, as far as the inputs of the model are known.
    pub(crate) fn check(self, input: &Value, files: Files) -> Vec<Fault> {
        match self.source {
            Source::Unlisted => local_files(input),
            Source::Catalogue | Source::VendorList => check(self.model, input, files),
        }
    }

    /// Returns the model, if its inputs are known.
    pub(crate) fn known(self) -> Result<&'static Model, Failure> {
        let Self { model, source } = self;
        match source {
            Source::Catalogue | Source::VendorList => Ok(model),
            Source::Unlisted => Err(Failure::usage(format!(
                "the limits of {} are not known: the catalogue does not have it",
                model.id
            ))
            .hint("read them from the vendor's own list: --live")),
        }
    }

    /// Returns the model, if it comes from the vendor's list: the submit must not check it by the
    /// catalogue.
    pub(crate) fn listed(self) -> Option<&'static Model> {
        Some(self.model).filter(|_| self.source == Source::VendorList)
    }
}

/// Chooses the model with this id. A model that the catalogue does not have can be run unchecked.
/// `rest` is the first word that the command line could not understand without the flags of the model.
pub(crate) async fn choose(
    id: &str,
    live: bool,
    rest: Option<&str>,
    context: &mut Context,
) -> Result<Chosen, Failure> {
    let is_id = id.parse::<ModelId>().is_ok();
    // A malformed id gets its own error below, which says more.
    if let Some(rest) = rest.filter(|_| is_id) {
        let message = format!("{id} is not in the catalogue, so {rest} is not understood");
        let hint = format!(
            "{}give the inputs of other models as -i name=value",
            did_you_mean(id)
        );
        return Err(Failure::usage(message).hint(hint));
    }
    if live {
        return from_list(id, context).await;
    }
    if let Some(model) = wavespeed::model(id) {
        let source = Source::Catalogue;
        return Ok(Chosen { model, source });
    }
    let near = did_you_mean(id);
    if !is_id {
        let message = format!("{id:?} is not a model of the catalogue");
        return Err(Failure::usage(message).hint(format!("{near}list them with: wave models")));
    }
    context.warn(&format!(
        "{id} is not a model of the catalogue, so its inputs are not checked; {near}--live \
         checks them by the vendor's own list"
    ));
    Ok(Chosen {
        model: Model::unknown(id),
        source: Source::Unlisted,
    })
}

async fn from_list(id: &str, context: &mut Context) -> Result<Chosen, Failure> {
    let list = context.live(Some(id)).await?;
    if let Some(model) = list.model(id) {
        let source = Source::VendorList;
        return Ok(Chosen { model, source });
    }
    // The list has some models without a schema of their inputs.
    if list.entry(id).is_some() {
        let message = format!("the vendor's list does not describe the inputs of {id}");
        return Err(Failure::usage(message).hint("run it unchecked, without --live"));
    }
    let near =
        nearest(id, list.ids()).map_or(String::new(), |near| format!("did you mean {near}? "));
    let message = format!("the vendor's list has no model {id:?}");
    Err(Failure::usage(message).hint(format!("{near}list them with: wave models --live")))
}

/// Returns the model of the catalogue with the most similar id, as the start of a hint.
pub(crate) fn did_you_mean(id: &str) -> String {
    let near = nearest(id, args::model_ids());
    near.map_or(String::new(), |near| format!("did you mean {near}? "))
}
