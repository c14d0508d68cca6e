//! The errors of blocking calls.

use std::io;

use crate::builder::error::BuildError;

/// Error of a blocking call: the error of the async call, unless the call could not be made.
///
/// ```no_run
/// # fn example(ws: wavespeed::blocking::Wavespeed, input: wavespeed::RawInput) {
/// use wavespeed::{SubmitError, blocking::BlockingError};
///
/// match ws.submit(input, |submit| submit) {
///     Ok(job) => println!("{}", job.id()),
///     Err(BlockingError::Call(SubmitError::Invalid(faults))) => println!("{faults}"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockingError<E> {
    /// The call was made inside an async runtime, whose tasks it would stall. Nothing was sent.
    #[error("a blocking call was made inside an async runtime; use the async client there")]
    InsideRuntime,
    /// The call failed.
    #[error(transparent)]
    Call(E),
}

impl<E> From<E> for BlockingError<E> {
    fn from(error: E) -> Self {
        Self::Call(error)
    }
}

/// Error of creating a blocking client. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The client was to be created inside an async runtime, where none of its calls could be made.
    #[error(
        "a blocking client was to be created inside an async runtime; use the async client there"
    )]
    InsideRuntime,
    /// The settings are invalid.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The thread of the runtime could not be started.
    #[error("the thread of the client could not be started: {0}")]
    Thread(#[source] io::Error),
}
