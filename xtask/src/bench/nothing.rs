use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Verified};
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Decided, Entry, History, Intake, Journal,
    JournalError, Notebook, Page, Pruned, Query, Queue, Record, Rejection, ReplayOutcome, ReplayRequest,
    Retention, Settlement, Shares, Stats, Usage,
};

/// A journal that keeps nothing and says that it did: what remains is what everything else costs.
pub(super) struct KeepsNothing {
    arrivals: watch::Sender<u64>,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, JournalError>>;

fn answer<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    ready(Ok(value)).boxed()
}

impl KeepsNothing {
    pub(super) fn new() -> Self {
        Self { arrivals: watch::Sender::new(0) }
    }
}

impl Intake for KeepsNothing {
    fn append_decided(&self, _: Verified<Delivery>, _: Option<Decided>) -> Answer<'_, AppendOutcome> {
        answer(AppendOutcome::New)
    }

    fn append_if_unknown(&self, _: Verified<Delivery>, _: Option<Decided>) -> Answer<'_, AppendOutcome> {
        answer(AppendOutcome::New)
    }

    fn append_with_facts(&self, _: Verified<Delivery>, _: Facts) -> Answer<'_, AppendOutcome> {
        answer(AppendOutcome::New)
    }

    fn append_to_decide_again(&self, _: Verified<Delivery>) -> Answer<'_, AppendOutcome> {
        answer(AppendOutcome::New)
    }

    fn check(&self) -> Answer<'_, ()> {
        answer(())
    }

    fn reject(&self, _: Vec<Rejection>) -> Answer<'_, ()> {
        answer(())
    }
}

impl Queue for KeepsNothing {
    fn claim(&self, _: ClaimRequest) -> Answer<'_, Vec<ClaimedDelivery>> {
        answer(Vec::new())
    }

    fn record_facts(&self, _: ClaimToken, _: Facts) -> Answer<'_, ()> {
        answer(())
    }

    fn record_verification(&self, _: ClaimToken, _: Verification) -> Answer<'_, ()> {
        answer(())
    }

    fn settle(&self, _: ClaimToken, _: Settlement) -> Answer<'_, ()> {
        answer(())
    }

    fn release(&self, _: ClaimToken, _: Timestamp, _: Settlement) -> Answer<'_, ()> {
        answer(())
    }

    fn stats(&self) -> Answer<'_, Stats> {
        answer(Stats::default())
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }
}

impl History for KeepsNothing {
    fn find(&self, _: &DeliveryId) -> Answer<'_, Option<Record>> {
        answer(None)
    }

    fn history(&self, _: Query) -> Answer<'_, Page> {
        answer(Page::default())
    }

    fn rejections(&self) -> Answer<'_, Vec<Rejection>> {
        answer(Vec::new())
    }

    fn replay(&self, _: ReplayRequest) -> Answer<'_, ReplayOutcome> {
        answer(ReplayOutcome::Missing)
    }

    fn shares(&self, _tenant: Option<Arc<str>>) -> Answer<'_, Shares> {
        answer(Shares::default())
    }

    fn usage(&self) -> Answer<'_, Usage> {
        answer(Usage::default())
    }

    fn prune(&self, _: Retention) -> Answer<'_, Pruned> {
        answer(Pruned::default())
    }
}

impl Notebook for KeepsNothing {
    fn watermark<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Timestamp>> {
        answer(None)
    }

    fn raise_watermark<'a>(&'a self, _: &'a str, _: Timestamp) -> Answer<'a, ()> {
        answer(())
    }

    fn entry<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Entry>> {
        answer(None)
    }

    fn compare_and_swap<'a>(&'a self, _: &'a str, _: u64, _: String) -> Answer<'a, bool> {
        answer(true)
    }
}

impl Journal for KeepsNothing {
    fn close(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}
