use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Verified};

use crate::metrics::Call;
use crate::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Decided, Entry, History, Intake, Journal,
    JournalError, Metrics, Notebook, Page, Pruned, Query, Queue, Record, Rejection, ReplayOutcome,
    ReplayRequest, Retention, Settlement, Shares, Stats, Usage,
};

/// A journal that counts its failed calls and times its appends. A stale token is not a failure, and
/// neither is a tenant that has used up its share.
pub struct Measured {
    inner: Arc<dyn Journal>,
    metrics: Metrics,
}

impl Measured {
    /// Measures the calls of `inner`.
    pub fn new(inner: Arc<dyn Journal>, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }

    fn counted<'a, T: 'a>(
        &'a self,
        call: Call,
        work: BoxFuture<'a, Result<T, JournalError>>,
    ) -> BoxFuture<'a, Result<T, JournalError>> {
        work.inspect(move |answer| {
            let is_failure = |error: &JournalError| {
                !matches!(error, JournalError::StaleToken { .. } | JournalError::TenantFull { .. })
            };
            if answer.as_ref().is_err_and(is_failure) {
                self.metrics.failed(call);
            }
        })
        .boxed()
    }
}

impl Measured {
    /// Counts an append that began then: the store encodes the delivery before it returns the future.
    fn appended<'a>(
        &'a self,
        began: Instant,
        work: BoxFuture<'a, Result<AppendOutcome, JournalError>>,
    ) -> BoxFuture<'a, Result<AppendOutcome, JournalError>> {
        work.inspect(move |answer| match answer {
            Ok(_) => self.metrics.appended(began.elapsed().as_secs_f64()),
            Err(JournalError::TenantFull { .. }) => {}
            Err(_) => self.metrics.failed(Call::Append),
        })
        .boxed()
    }
}

impl Intake for Measured {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(Instant::now(), self.inner.append_decided(delivery, decided))
    }

    fn append_if_unknown(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(Instant::now(), self.inner.append_if_unknown(delivery, decided))
    }

    fn append_with_facts(
        &self,
        delivery: Verified<Delivery>,
        facts: Facts,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(Instant::now(), self.inner.append_with_facts(delivery, facts))
    }

    fn append_to_decide_again(
        &self,
        delivery: Verified<Delivery>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.appended(Instant::now(), self.inner.append_to_decide_again(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Note, self.inner.check())
    }

    fn reject(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Note, self.inner.reject(rejections))
    }
}

impl Queue for Measured {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        self.counted(Call::Claim, self.inner.claim(request))
    }

    fn record_facts(&self, token: ClaimToken, facts: Facts) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Settle, self.inner.record_facts(token, facts))
    }

    fn record_verification(
        &self,
        token: ClaimToken,
        verification: Verification,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Settle, self.inner.record_verification(token, verification))
    }

    fn settle(&self, token: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Settle, self.inner.settle(token, settlement))
    }

    fn release(
        &self,
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.counted(Call::Settle, self.inner.release(token, due, settlement))
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.counted(Call::Read, self.inner.stats())
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals()
    }
}

impl History for Measured {
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        self.counted(Call::Read, self.inner.find(id))
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        self.counted(Call::Read, self.inner.history(query))
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.counted(Call::Read, self.inner.rejections())
    }

    fn replay(&self, request: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        self.counted(Call::Append, self.inner.replay(request))
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        self.counted(Call::Read, self.inner.usage())
    }

    fn shares(&self, tenant: Option<Arc<str>>) -> BoxFuture<'_, Result<Shares, JournalError>> {
        self.counted(Call::Read, self.inner.shares(tenant))
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        self.counted(Call::Prune, self.inner.prune(retention))
    }
}

impl Notebook for Measured {
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        self.counted(Call::Read, self.inner.watermark(name))
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.counted(Call::Note, self.inner.raise_watermark(name, to))
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        self.counted(Call::Read, self.inner.entry(name))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        self.counted(Call::Note, self.inner.compare_and_swap(name, after, text))
    }
}

impl Journal for Measured {
    fn failed(&self) -> BoxFuture<'_, ()> {
        self.inner.failed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}
