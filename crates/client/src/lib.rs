//! Typed client for the WaveSpeedAI API.
//!
//! Most of this crate is generated from the OpenAPI description in `spec/`: the types, one method for
//! each call of the account ([`Client`]), and the [`CATALOGUE`] of models with the rules of their
//! inputs. The rest is written by hand because a generator cannot derive it: answers that are kept
//! whole ([`Answer`], [`Prediction`]), statuses that the vendor adds later ([`Status`]), the API key
//! ([`ApiKey`]), the one call that costs money ([`Client::submit_raw`]), and the one call whose body
//! is a form ([`Client::upload_binary`]).
//!
//! Every request is sent by an [`HttpService`]: a `reqwest::Client`, or a service of the program that wraps
//! it.
//!
//! Each provider of models is a module of [`models`] and a cargo feature of the same name; the
//! modules of disabled features are not compiled. The feature `all-providers` enables all of them.
//!
//! This crate makes single calls: it has no retries, no waiting and no files. The crate `wavespeed`,
//! which is built on this one, adds them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod catalogue;
mod client;
mod deserialize;
mod enums;
mod generated;
mod http;
mod ids;
mod key;
mod model;
/// The input types of the models: one module, and one cargo feature, for each provider.
///
/// A module exists only if its feature is enabled, so a program compiles only what it uses. Without any
/// of them, this module is empty. `all-providers` enables all of them, also for the documentation:
///
/// ```sh
/// cargo doc --open -p wavespeed --features all-providers
/// ```
///
/// The feature `kwaivgi` enables the module `kwaivgi` with the types of Kling, such as
/// `KlingLipsyncTextToVideo`: a struct of each model, an enum of each choice, and a struct of the inputs
/// that a model requires.
///
/// The enums are open. A string converts into the variant of its value, and any other string into the
/// variant `Other`, so a choice that the vendor adds later needs no update of this crate:
/// `input.voice_id = "new_voice".into()`. The crate `wavespeed` refuses choices that are not in the
/// catalogue unless that rule is overridden.
///
/// Inputs are also read by serde, from a file or a request. A field that the model does not have is an
/// error, since it would be lost.
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
pub use client::Client;
pub use generated::types;
pub use http::{HttpError, HttpErrorKind, HttpFuture, HttpService, Purpose, RequestContext};
pub use ids::{InvalidId, ModelId, PredictionId};
pub use key::{ApiKey, InvalidKey};
pub use model::find::model;
pub use model::from_list::request_schema;
pub use model::{Bounds, Choice, Input, Literal, Media, MediaKind, Model, ModelInput, Shape};
pub use multipart_upload::Form;
pub use prediction::{NotCompleted, Prediction};
pub use status::Status;

pub use reqwest;
pub use serde_json;
