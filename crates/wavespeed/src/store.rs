//! Remembering what was submitted, so that nothing paid for is lost when the process ends.

use std::fmt;

use serde_json::Value;
use wavespeed_client::{ModelId, Prediction, PredictionId};

/// Where submits are written down. The library calls it around every submit and every end of a
/// task; implement it to survive the death of the process.
///
/// The calls are made from asynchronous code between two of its steps, so they must be quick, and
/// what they wrote must be safe (on disk) when they return.
pub trait Store: fmt::Debug + Send + Sync {
    /// A submit is about to be sent. If this fails, it is not sent.
    ///
    /// # Errors
    /// If it could not be written down.
    fn intend(&self, model: &ModelId, input: &Value) -> Result<IntentId, StoreError>;

    /// What became of the submit. An intent for which this never comes (the process ended, the
    /// future was dropped) may have been billed.
    ///
    /// # Errors
    /// If it could not be written down. The submit is done in any case.
    fn settle(&self, intent: IntentId, outcome: Settled<'_>) -> Result<(), StoreError>;

    /// A task was seen to have ended.
    ///
    /// # Errors
    /// If it could not be written down.
    fn ended(&self, prediction: &Prediction) -> Result<(), StoreError>;
}

/// The number a [`Store`] gave to a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntentId(pub u64);

/// What became of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled<'a> {
    /// It was accepted under this id.
    Accepted(&'a PredictionId),
    /// It was not accepted; nothing is billed.
    Rejected,
    /// It may have been accepted.
    Unknown,
}

/// Something could not be written down.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub Box<dyn std::error::Error + Send + Sync>);

/// Remembers nothing. The default. Without a store, a task whose id the program has lost (it
/// crashed, the answer to the submit was lost) is found only in the vendor's own history.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoStore;

impl Store for NoStore {
    fn intend(&self, _: &ModelId, _: &Value) -> Result<IntentId, StoreError> {
        Ok(IntentId(0))
    }

    fn settle(&self, _: IntentId, _: Settled<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn ended(&self, _: &Prediction) -> Result<(), StoreError> {
        Ok(())
    }
}
