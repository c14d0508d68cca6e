//! Typed client for the WaveSpeedAI API.
//!
//! Most of this crate is generated from the OpenAPI description in `spec/`: the types, one method
//! per call of the account ([`Client`]), and the [`CATALOGUE`] of models with every rule of their
//! inputs. By hand stands only what a generator cannot know: reading an answer without losing any
//! of it ([`Answer`], [`Prediction`]), statuses the vendor adds later ([`Status`]), the secret
//! ([`ApiKey`]), the one call that costs money ([`Client::submit_raw`]), and the one that is a form
//! ([`Client::upload_binary`]).
//!
//! Each provider of models is a module of [`models`] and a feature of its name; what is not turned
//! on is not compiled. The feature `all-providers` turns on all of them.
//!
//! There is no policy here: no retries, no waiting, no files. For those use the crate `wavespeed`,
//! which stands on this one.

mod answer;
mod catalogue;
mod enums;
mod generated;
mod ids;
mod key;
mod lookup;
mod model;
/// The inputs of the models: a module for each provider, and a feature.
pub mod models;
mod multipart_upload;
mod prediction;
mod serialize;
mod status;
mod submit;
#[doc(hidden)]
pub mod text;

pub use answer::{Answer, CallError, Envelope};
pub use catalogue::CATALOGUE;
pub use enums::InvalidChoice;
pub use generated::{ByteStream, Client, ClientInfo, Error, ResponseValue, types};
pub use ids::{InvalidId, ModelId, PredictionId};
pub use key::{ApiKey, InvalidKey};
pub use lookup::request_schema;
pub use model::{Bounds, Choice, Input, Literal, Media, MediaKind, Model, Shape};
pub use multipart_upload::Form;
pub use prediction::Prediction;
pub use status::Status;

pub use reqwest;
pub use serde_json;

/// The input of a model, as the generated types are.
pub trait ModelInput: serde::Serialize {
    /// The id of the model it is for.
    const MODEL: &'static str;
}

/// The model of this id in the [`CATALOGUE`].
#[must_use]
pub fn model(id: &str) -> Option<&'static Model> {
    CATALOGUE
        .binary_search_by(|model| model.id.cmp(id))
        .ok()
        .map(|at| &CATALOGUE[at])
}
