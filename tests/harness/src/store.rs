//! A store in memory whose replies a test can change: delay them, or fail them.

use std::fmt::Debug;
use std::sync::Arc;

use wavespeed::{
    Account, Claim, Downloaded, Intended, Intent, JobFilter, JobNumber, JobRecord, MemoryStore,
    Prediction, PredictionId, Settlement, Store, StoreFuture,
};

/// The change of the replies of a [`HookedStore`].
pub trait Hook: Debug + Send + Sync {
    /// Returns the reply to the method with this name, from the one of the store in memory, which has
    /// carried out the call.
    fn reply<T: Send + 'static>(&self, method: &str, reply: StoreFuture<T>) -> StoreFuture<T>;
}

/// A store in memory whose replies pass through a [`Hook`].
#[derive(Clone, Debug, Default)]
pub struct HookedStore<H> {
    /// The store that keeps the records.
    pub memory: Arc<MemoryStore>,
    /// The change of its replies.
    pub hook: H,
}

impl<H: Hook> Store for HookedStore<H> {
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<Intended> {
        self.hook.reply("intend", self.memory.intend(intent))
    }

    fn settle(&self, job: JobNumber, settlement: &Settlement) -> StoreFuture<()> {
        let settled = self.memory.settle(job, settlement);
        self.hook.reply("settle", settled)
    }

    fn claim(&self, job: JobNumber) -> StoreFuture<Claim> {
        self.hook.reply("claim", self.memory.claim(job))
    }

    fn record_end(&self, account: &Account, prediction: &Prediction) -> StoreFuture<()> {
        let recorded = self.memory.record_end(account, prediction);
        self.hook.reply("record_end", recorded)
    }

    fn record_saved(
        &self,
        account: &Account,
        id: &PredictionId,
        files: &[Downloaded],
    ) -> StoreFuture<()> {
        let recorded = self.memory.record_saved(account, id, files);
        self.hook.reply("record_saved", recorded)
    }

    fn jobs(&self, account: &Account, filter: JobFilter<'_>) -> StoreFuture<Vec<JobRecord>> {
        self.hook.reply("jobs", self.memory.jobs(account, filter))
    }

    fn known_ids(&self, account: &Account, ids: &[PredictionId]) -> StoreFuture<Vec<PredictionId>> {
        let known = self.memory.known_ids(account, ids);
        self.hook.reply("known_ids", known)
    }

    fn forget(&self, job: JobNumber) -> StoreFuture<bool> {
        self.hook.reply("forget", self.memory.forget(job))
    }

    fn flush(&self) -> StoreFuture<()> {
        self.hook.reply("flush", self.memory.flush())
    }
}
