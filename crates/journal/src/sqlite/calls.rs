//! The traits of the journal: each call is work for the writing thread or a query for the reading threads.

use std::future::ready;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Verified};

use super::claim::ClaimedRow;
use super::space::Space;
use super::{
    SqliteJournal, accounts, append, claim, entries, history, rejections, retention, settle, statements,
    watermarks,
};
use crate::new_delivery::{AttemptResult, NewDelivery, NewFacts, NewReplay, NewVerification};
use crate::space_request::SpaceRequest;
use crate::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, Decided, Entry, History, Intake, Journal,
    JournalError, Notebook, Page, Pruned, Query, Queue, Record, Rejection, ReplayOutcome, ReplayRequest,
    Retention, Settlement, Shares, Stats, Usage, format,
};

impl SqliteJournal {
    fn append_new(
        &self,
        new: Result<NewDelivery, JournalError>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        match new {
            Ok(new) => self
                .write(new.body_bytes(), move |context| {
                    if let Err(full) =
                        accounts::make_room(context.store, new.space(), context.tenant_quota, context.space)?
                    {
                        return Ok(Err(full));
                    }
                    let outcome = append::append(context.store, &new, context.now)?;
                    context.arrival |= match outcome {
                        AppendOutcome::New => new.decisions.is_none(),
                        AppendOutcome::Reopened => true,
                        AppendOutcome::InProgress | AppendOutcome::Settled | AppendOutcome::Failed => false,
                    };
                    Ok(Ok(outcome))
                })
                .map(Result::flatten)
                .boxed(),
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}

impl Intake for SqliteJournal {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_new(NewDelivery::new(delivery, decided))
    }

    fn append_if_unknown(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_new(NewDelivery::new(delivery, decided).map(NewDelivery::if_unknown))
    }

    fn append_with_facts(
        &self,
        delivery: Verified<Delivery>,
        facts: Facts,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_new(NewDelivery::new(delivery, None).and_then(|new| new.with_facts(&facts)))
    }

    fn append_to_decide_again(
        &self,
        delivery: Verified<Delivery>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_new(NewDelivery::new(delivery, None).map(NewDelivery::reopening_idle))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        let check = self.write(0, |context| {
            statements::write_heartbeat(context.store, context.now)?;
            Ok(context.space)
        });
        async move {
            match check.await? {
                Space::Full => Err(JournalError::unavailable_because("the volume of the journal is full")),
                Space::Ample | Space::Tight { .. } => Ok(()),
            }
        }
        .boxed()
    }

    fn reject(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        let encoded: Result<Vec<_>, _> = rejections.iter().map(format::encode).collect();
        match encoded {
            Ok(encoded) => self.write(0, move |context| rejections::write(context.store, &encoded)),
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}

impl Queue for SqliteJournal {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        async move {
            let rows = self.write(0, move |context| {
                let waiting = claim::waiting_tenants(context.store, request.timeout(), context.now)?;
                let shares = context.round_robin.share(waiting, request.max, |tenant| request.room(tenant));
                let (mut rows, mut bytes) = (Vec::new(), request.bytes);
                for (tenant, share) in shares {
                    if bytes == 0 {
                        break;
                    }
                    context.round_robin.served(&tenant);
                    rows.extend(claim::claim_tenant(
                        context.store,
                        &tenant,
                        share,
                        &mut bytes,
                        request.timeout(),
                        context.now,
                    )?);
                }
                Ok(rows)
            });
            let (mut claimed, mut unreadable) = (Vec::new(), Vec::new());
            for opened in rows.await?.into_iter().map(ClaimedRow::open) {
                match opened {
                    Ok(delivery) => claimed.push(delivery),
                    Err(row) => unreadable.push(row),
                }
            }
            if !unreadable.is_empty() {
                let fail = self.write(0, move |context| {
                    let mut rows = unreadable.iter();
                    rows.try_for_each(|row| claim::fail_unreadable(context.store, row, context.now))
                });
                fail.await?;
            }
            Ok(claimed)
        }
        .boxed()
    }

    fn record_facts(&self, token: ClaimToken, facts: Facts) -> BoxFuture<'_, Result<(), JournalError>> {
        match NewFacts::new(token.clone(), &facts) {
            Ok(facts) => {
                self.write_claimed(token, move |context| settle::record_facts(context.store, &facts))
            }
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn record_verification(
        &self,
        token: ClaimToken,
        verification: Verification,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        match NewVerification::new(token.clone(), &verification) {
            Ok(new) => {
                self.write_claimed(token, move |context| settle::record_verification(context.store, &new))
            }
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn settle(&self, token: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        match AttemptResult::new(token.clone(), settlement) {
            Ok(result) => {
                self.write_claimed(token, move |context| settle::settle(context.store, &result, context.now))
            }
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn release(
        &self,
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        match AttemptResult::new(token.clone(), settlement) {
            Ok(result) => self.write_claimed(token, move |context| {
                let held = settle::release(context.store, &result, due, context.now)?;
                context.arrival |= held;
                Ok(held)
            }),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.read(statements::stats)
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.threads.arrivals()
    }
}

impl History for SqliteJournal {
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        let id = id.clone();
        self.read(move |store| statements::find(store, &id))
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        self.read(move |store| history::history(store, &query))
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.read(rejections::read)
    }

    fn replay(&self, request: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        async move {
            let mut stored = None;
            if request.namespaces.is_some() {
                let of = request.of.clone();
                stored = self.read(move |store| statements::verification(store, &of)).await?;
                if stored.is_none() {
                    return Ok(ReplayOutcome::Missing);
                }
            }
            let replay = NewReplay::new(request, stored.as_deref())?;
            let id = replay.request.id();
            let copy = self.write(0, move |context| {
                if let Some((tenant, bytes)) = statements::size_of_copy(context.store, &replay)? {
                    let spared = Some(&replay.request.of);
                    let new = SpaceRequest { id: &id, tenant: &tenant, bytes, spared };
                    if let Err(full) =
                        accounts::make_room(context.store, new, context.tenant_quota, context.space)?
                    {
                        return Ok(Err(full));
                    }
                }
                let outcome = statements::replay(context.store, &replay, context.now)?;
                context.arrival |= matches!(outcome, ReplayOutcome::New(_));
                Ok(Ok(outcome))
            });
            copy.await.flatten()
        }
        .boxed()
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        let path = self.path.clone();
        self.read(move |store| retention::usage(store, &path))
    }

    fn shares(&self, tenant: Option<Arc<str>>) -> BoxFuture<'_, Result<Shares, JournalError>> {
        let quota = self.tenant_quota;
        self.read(move |store| accounts::shares(store, tenant.as_deref(), quota))
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        async move {
            let plan = self.read(move |store| retention::plan(store, &retention, Timestamp::now())).await?;
            let prune = self.write(0, move |context| {
                let pruned = retention::prune(context.store, &plan, context.now)?;
                if !pruned.is_empty() {
                    return Ok(pruned);
                }
                accounts::prune(context.store, context.tenant_quota, context.space)
            });
            prune.await
        }
        .boxed()
    }
}

impl Notebook for SqliteJournal {
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        let name = name.to_owned();
        self.read(move |store| watermarks::read(store, &name))
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        let name = name.to_owned();
        self.write(0, move |context| watermarks::raise(context.store, &name, to))
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        let name = name.to_owned();
        self.read(move |store| entries::read(store, &name))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        let name = name.to_owned();
        self.write(text.len(), move |context| entries::replace(context.store, &name, after, &text))
    }
}

impl Journal for SqliteJournal {
    fn failed(&self) -> BoxFuture<'_, ()> {
        self.threads.failed()
    }

    /// Also moves the log into the main file, and unlocks the file for another process. Waits at most for the timeout
    /// of the options. On a disk that hangs, the threads go on and end by themselves.
    fn close(&self) -> BoxFuture<'_, ()> {
        self.threads.close().boxed()
    }
}
