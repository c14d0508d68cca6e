//! A store in memory whose replies a test can change: delay them, or fail them.

use std::fmt::Debug;
use std::sync::Arc;

use wavespeed::{
    Account, Claim, Downloaded, Intent, JobFilter, JobNumber, JobRecord, MemoryStore, Prediction,
    PredictionId, Resolution, Store, StoreFuture,
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
    fn intend(&self, intent: &Intent<'_>) -> StoreFuture<(JobNumber, Claim)> {
        self.hook.reply("intend", self.memory.intend(intent))
    }

    fn settle(&self, job: JobNumber, resolution: Resolution) -> StoreFuture<()> {
        self.hook
            .reply("settle", self.memory.settle(job, resolution))
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

    fn forget(&self, account: &Account, job: JobNumber) -> StoreFuture<bool> {
        self.hook.reply("forget", self.memory.forget(account, job))
    }
}
