//! A stream of the async client as an iterator.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use futures_util::stream::Stream;

use crate::blocking::error::BlockingError;
use crate::blocking::runtime::Runtime;

/// An iterator that blocks until the next item of a stream is there, and ends after an error.
pub(super) struct Iter<S> {
    /// The stream, until it has ended.
    stream: Option<Pin<Box<S>>>,
    runtime: Arc<Runtime>,
}

impl<S> Iter<S> {
    pub(super) fn new(stream: S, runtime: Arc<Runtime>) -> Self {
        let stream = Some(Box::pin(stream));
        Self { stream, runtime }
    }
}

impl<S: Stream<Item = Result<T, E>>, T, E> Iterator for Iter<S> {
    type Item = Result<T, BlockingError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.stream.as_mut()?.try_next();
        let item = self.runtime.call(next).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.stream = None;
        }
        item
    }
}
