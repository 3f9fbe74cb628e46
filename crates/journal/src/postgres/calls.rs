//! The traits of the journal: each call runs on a session, alone or in a group commit.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Verified};

use super::settle::AttemptEnd;
use super::{
    PostgresJournal, accounts, claim, entries, history, rejections, retention, settle, statements, watermarks,
};
use crate::new_delivery::{NewDelivery, NewFacts, NewReplay, NewVerification};
use crate::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Decided, Entry, History, Intake, Journal,
    JournalError, Notebook, Page, Pruned, Query, Queue, Record, Rejection, ReplayOutcome, ReplayRequest,
    Retention, Settlement, Shares, Stats, Usage, format,
};

impl PostgresJournal {
    /// Ends an attempt, in one commit with others.
    fn end_attempt(
        &self,
        end: Result<AttemptEnd, JournalError>,
        id: DeliveryId,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let held = self.store.sessions.call(self.attempt_ends.submit(end?)).await?;
            held.then_some(()).ok_or(JournalError::StaleToken { id })
        }
        .boxed()
    }
}

impl Intake for PostgresJournal {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        async move {
            let new = NewDelivery::new(delivery, decided)?;
            Box::pin(self.store.sessions.call(self.appends.submit(new))).await
        }
        .boxed()
    }

    fn append_if_unknown(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        async move {
            let new = NewDelivery::new(delivery, decided)?.if_unknown();
            Box::pin(self.store.sessions.call(self.appends.submit(new))).await
        }
        .boxed()
    }

    fn append_with_facts(
        &self,
        delivery: Verified<Delivery>,
        facts: Facts,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        async move {
            let new = NewDelivery::new(delivery, None)?.with_facts(&facts)?;
            Box::pin(self.store.sessions.call(self.appends.submit(new))).await
        }
        .boxed()
    }

    fn append_to_decide_again(
        &self,
        delivery: Verified<Delivery>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        async move {
            let new = NewDelivery::new(delivery, None)?.reopening_idle();
            Box::pin(self.store.sessions.call(self.appends.submit(new))).await
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.store.sessions.serve(statements::write_heartbeat(&self.store))
    }

    fn reject(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let encoded: Vec<_> = rejections.iter().map(format::encode).collect::<Result<_, _>>()?;
            self.store.sessions.serve(rejections::write(&self.store, &encoded)).await
        }
        .boxed()
    }
}

impl Queue for PostgresJournal {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        self.store.sessions.serve(claim::claim(&self.store, request))
    }

    fn record_facts(&self, token: ClaimToken, facts: Facts) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let new = NewFacts::new(token, &facts)?;
            self.store.sessions.serve(settle::record_facts(&self.store, new)).await
        }
        .boxed()
    }

    fn record_verification(
        &self,
        token: ClaimToken,
        verification: Verification,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let new = NewVerification::new(token, &verification)?;
            self.store.sessions.serve(settle::record_verification(&self.store, new)).await
        }
        .boxed()
    }

    fn settle(&self, token: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        let id = token.id.clone();
        self.end_attempt(AttemptEnd::settle(token, settlement), id)
    }

    fn release(
        &self,
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        let id = token.id.clone();
        self.end_attempt(AttemptEnd::release(token, due, settlement), id)
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.store.sessions.serve(statements::stats(&self.store))
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.store.wakeups.subscribe()
    }
}

impl History for PostgresJournal {
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        let id = id.clone();
        async move { self.store.sessions.serve(statements::find(&self.store, &id)).await }.boxed()
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        async move { self.store.sessions.serve(history::history(&self.store, &query)).await }.boxed()
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.store.sessions.serve(rejections::read(&self.store))
    }

    fn replay(&self, request: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        async move {
            let mut stored = None;
            if request.namespaces.is_some() {
                let verification = statements::verification(&self.store, &request.of);
                stored = self.store.sessions.serve(verification).await?;
                if stored.is_none() {
                    return Ok(ReplayOutcome::Missing);
                }
            }
            let replay = NewReplay::new(request, stored.as_deref())?;
            self.store.sessions.serve(statements::replay(&self.store, &replay)).await
        }
        .boxed()
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        self.store.sessions.serve(retention::usage(&self.store))
    }

    fn shares(&self, tenant: Option<Arc<str>>) -> BoxFuture<'_, Result<Shares, JournalError>> {
        async move { self.store.sessions.serve(accounts::shares(&self.store, tenant.as_deref())).await }
            .boxed()
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        async move {
            let pruned = self.store.sessions.serve(retention::prune(&self.store, &retention)).await?;
            if !pruned.is_empty() {
                return Ok(pruned);
            }
            self.store.sessions.serve(accounts::prune(&self.store)).await
        }
        .boxed()
    }
}

impl Notebook for PostgresJournal {
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        self.store.sessions.serve(watermarks::read(&self.store, name))
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.store.sessions.serve(watermarks::raise(&self.store, name, to))
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        self.store.sessions.serve(entries::read(&self.store, name))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        async move { self.store.sessions.serve(entries::replace(&self.store, name, after, &text)).await }
            .boxed()
    }
}

impl Journal for PostgresJournal {
    fn failed(&self) -> BoxFuture<'_, ()> {
        self.panic_flag.raised()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.finish().boxed()
    }
}
