use futures::future::BoxFuture;
use trigger_core::{Delivery, Facts, Verified};

use crate::{DecisionRecord, JournalError, Rejection};

/// The journal as the receivers of deliveries use it: HTTP routes, watches, the follower of images.
pub trait Intake: Send + Sync + 'static {
    /// Stores a delivery. When this returns `Ok`, the delivery survives a crash of the machine.
    ///
    /// Inserts if absent, atomically: of many calls with one id, one returns [`AppendOutcome::New`]. A delivery that
    /// had failed becomes pending again, due now. Its verification is then that of both arrivals. Headers and event are
    /// those of this call if it proves every key that earlier arrivals proved, else they stay. The number of attempts,
    /// the facts and the result of the last attempt stay, launches included.
    /// A known delivery in another state is not changed.
    fn append(&self, delivery: Verified<Delivery>) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_decided(delivery, None)
    }

    /// Stores a delivery that may be decided already.
    ///
    /// With `decided`, a [`AppendOutcome::New`] delivery is settled in the same commit: its first attempt made these
    /// decisions and started nothing, so no dispatcher claims it. For a known delivery `decided` is dropped: one that
    /// had failed is claimed and decided again.
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>>;

    /// The same, but leaves a delivery that had failed as it is. A caller that has to look at the known delivery first
    /// spares that for all that are new.
    fn append_if_unknown(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>>;

    /// The same as [`Self::append`], with the facts that were gathered before the delivery was stored. Those of a known
    /// delivery stay as they are.
    fn append_with_facts(
        &self,
        delivery: Verified<Delivery>,
        facts: Facts,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>>;

    /// The same as [`Self::append`], and a settled delivery that has started nothing becomes pending again, too. It has
    /// started nothing if every attempt was recorded without a launch, and no replay was requested. Its facts and
    /// decisions stay until the next attempt ends.
    ///
    /// Atomic: of many calls for one delivery, one returns [`AppendOutcome::Reopened`].
    fn append_to_decide_again(
        &self,
        delivery: Verified<Delivery>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>>;

    /// Whether the journal accepts writes now. Writes a few bytes, as durably as a delivery.
    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Stores rejected requests, for the operator. Only the newest [`crate::REJECTIONS`] are retained.
    fn reject(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// The result of an [`Intake::append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It was not known. It is pending now, or settled if it was decided already.
    New,
    /// The same delivery is pending or claimed.
    InProgress,
    /// The same delivery was settled before. Nothing will run.
    Settled,
    /// The same delivery had failed, or had started nothing. It is pending again.
    Reopened,
    /// The same delivery had failed, and stays so: [`Intake::append_if_unknown`].
    Failed,
}

/// The decisions for a delivery that starts nothing, made before it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The decisions, one per event and rule that could have fired. None of them fired.
    pub decisions: Vec<DecisionRecord>,
    /// The facts that they rest on.
    pub facts: Facts,
}
