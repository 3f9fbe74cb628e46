//! A journal and a launcher that do their work and kill the process between two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use trigger_cluster::KubeLauncher;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Verified};
use trigger_dispatch::{LaunchError, Launched, Launcher};
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Decided, Entry, History, Intake, Journal,
    JournalError, Notebook, Page, Pruned, Query, Queue, Record, Rejection, ReplayOutcome, ReplayRequest,
    Retention, Settlement, Shares, Stats, Usage,
};
use trigger_targets::{FollowUp, Plan, Subject};

/// What has just been done when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The delivery was verified; nothing is kept yet.
    Accepted,
    /// It is on disk; the sender knows nothing of it yet.
    Committed,
    /// It is claimed; nothing is decided yet.
    Claimed,
    /// A run was created; the journal knows nothing of it yet.
    Launched,
    /// It is settled.
    Settled,
}

impl Step {
    pub(super) const ALL: [Self; 5] =
        [Self::Accepted, Self::Committed, Self::Claimed, Self::Launched, Self::Settled];
}

/// Kills the process when it comes to a step for so manyeth time.
pub(super) struct Trap {
    step: Step,
    left: AtomicU64,
}

impl Trap {
    pub(super) fn new(step: Step, count: u64) -> Arc<Self> {
        Arc::new(Self { step, left: AtomicU64::new(count) })
    }

    fn pass(&self, step: Step) {
        if step == self.step && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Like kill -9 from outside: nothing is tidied up.
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    }
}

pub(super) struct SuicidalLauncher {
    inner: KubeLauncher,
    trap: Arc<Trap>,
}

impl SuicidalLauncher {
    pub(super) fn new(inner: KubeLauncher, trap: Arc<Trap>) -> Self {
        Self { inner, trap }
    }
}

impl Launcher for SuicidalLauncher {
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>> {
        async move {
            let launched = self.inner.launch(plan).await;
            if launched.is_ok() {
                self.trap.pass(Step::Launched);
            }
            launched
        }
        .boxed()
    }

    fn exists<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<bool, LaunchError>> {
        self.inner.exists(subject)
    }

    fn follow_up<'a>(&'a self, records: &'a [&'a FollowUp]) -> BoxFuture<'a, ()> {
        self.inner.follow_up(records)
    }
}

pub(super) struct SuicidalJournal {
    inner: Arc<dyn Journal>,
    trap: Arc<Trap>,
}

impl SuicidalJournal {
    pub(super) fn new(inner: Arc<dyn Journal>, trap: Arc<Trap>) -> Self {
        Self { inner, trap }
    }
}

impl SuicidalJournal {
    /// Passes the steps before and after an append, which begins between them.
    fn appended<'a>(
        &'a self,
        append: impl FnOnce() -> BoxFuture<'a, Result<AppendOutcome, JournalError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<AppendOutcome, JournalError>> {
        async move {
            self.trap.pass(Step::Accepted);
            let appended = append().await;
            if appended.is_ok() {
                self.trap.pass(Step::Committed);
            }
            appended
        }
        .boxed()
    }
}

impl Intake for SuicidalJournal {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(|| self.inner.append_decided(delivery, decided))
    }

    fn append_if_unknown(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(|| self.inner.append_if_unknown(delivery, decided))
    }

    fn append_with_facts(
        &self,
        delivery: Verified<Delivery>,
        facts: Facts,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(|| self.inner.append_with_facts(delivery, facts))
    }

    fn append_to_decide_again(
        &self,
        delivery: Verified<Delivery>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(|| self.inner.append_to_decide_again(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.check()
    }

    fn reject(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.reject(rejections)
    }
}

impl Queue for SuicidalJournal {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        async move {
            let claimed = self.inner.claim(request).await;
            if claimed.as_ref().is_ok_and(|claimed| !claimed.is_empty()) {
                self.trap.pass(Step::Claimed);
            }
            claimed
        }
        .boxed()
    }

    fn record_facts(&self, token: ClaimToken, facts: Facts) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.record_facts(token, facts)
    }

    fn record_verification(
        &self,
        token: ClaimToken,
        verification: Verification,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.record_verification(token, verification)
    }

    fn settle(&self, token: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let settled = self.inner.settle(token, settlement).await;
            if settled.is_ok() {
                self.trap.pass(Step::Settled);
            }
            settled
        }
        .boxed()
    }

    fn release(
        &self,
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.release(token, due, settlement)
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.inner.stats()
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals()
    }
}

impl History for SuicidalJournal {
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        self.inner.find(id)
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        self.inner.history(query)
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.inner.rejections()
    }

    fn replay(&self, request: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        self.inner.replay(request)
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        self.inner.usage()
    }

    fn shares(&self, tenant: Option<Arc<str>>) -> BoxFuture<'_, Result<Shares, JournalError>> {
        self.inner.shares(tenant)
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        self.inner.prune(retention)
    }
}

impl Notebook for SuicidalJournal {
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        self.inner.watermark(name)
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.inner.raise_watermark(name, to)
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        self.inner.entry(name)
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        self.inner.compare_and_swap(name, after, text)
    }
}

impl Journal for SuicidalJournal {
    fn failed(&self) -> BoxFuture<'_, ()> {
        self.inner.failed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
