//! The claim on a job.

use std::fmt;

/// An exclusive claim on a job, held until dropped; see
/// [`Store::claim`](crate::Store::claim).
///
/// ```
/// use std::sync::Arc;
/// use wavespeed::Claim;
///
/// let lock = Arc::new("a lock on the job");
/// let claim = Claim::new(Arc::clone(&lock));
/// assert_eq!(Arc::strong_count(&lock), 2);
/// drop(claim);
/// assert_eq!(Arc::strong_count(&lock), 1);
/// ```
#[derive(Default)]
pub struct Claim(Option<Box<dyn Send + Sync>>);

impl Claim {
    /// Creates a claim that lasts until `guard` is dropped with it.
    #[must_use]
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.0.is_some()).finish()
    }
}
