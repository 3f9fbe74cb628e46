//! Stores the arrivals of deliveries: one that is new, one that is known already, and what is new in a known one.
//!
//! The id of a delivery follows from its body, so two hooks of two tenants make arrivals with one id and two keys. A key
//! that the stored record does not have is stored as a *further* delivery, one for each namespace:
//!
//! ```text
//! received ──► id                       the keys of its first arrival
//!              narrowed_id(id, ns, 0)   further keys of the namespace, at one arrival
//!              narrowed_id(id, ns, 1)   further keys of the namespace, at a later arrival
//!              id_without_key(id, s)    no key: clone Secret `s`, read late, holds none
//! ```
//!
//! A key is looked for in each of them, in this order, before the next place is taken. A place is taken by an append,
//! which is atomic. So a key has one place, also if a redelivery and a resumed waiting delivery compete for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tracing::warn;
use trigger_core::{
    Arrival, Delivery, DeliveryId, ObjectKey, Verified, id_without_key, narrowed_id, narrowed_id_of_secret,
};
use trigger_journal::{
    AppendOutcome, CheckRecord, Decided, DecisionRecord, Journal, JournalError, OutcomeRecord, Record, State,
};
use trigger_rules::{Predicate, SAME_PUSH};

use crate::record;

/// How many further deliveries one namespace gets of one delivery. Each stands for one more hook at the provider that
/// sends the same event with another key; two are a mistake already.
pub(crate) const MOST_FURTHER: usize = 8;

/// Which settled deliveries are decided again when their provider sends them again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DecideAgain {
    /// None.
    #[default]
    Never,
    /// Those that have started nothing. The sender has to have every key of the known delivery, and no rule was skipped
    /// because another delivery had started a run for the same push.
    NothingStarted,
}

/// The result of storing an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The delivery that is worked on because of it; the received one if there is none.
    pub id: DeliveryId,
    /// The state in which it was found.
    pub outcome: AppendOutcome,
    /// Whether the arrival was the first of its delivery.
    pub is_first: bool,
    /// How many deliveries were stored that wait for a Secret.
    pub waiting: usize,
    /// Whether it is known, was decided and started nothing. Only a sender with all keys of the known delivery learns it.
    pub started_nothing: bool,
}

/// Stores an arrival, with the deliveries for namespaces whose Secrets could not be read. When this returns
/// `Ok`, everything survives a crash of the machine.
///
/// A delivery that had failed is retried for the tenants whose keys verify this arrival. A further key is stored if the
/// known delivery was not decided yet, or if its decisions show a rule that was skipped because this very Secret had
/// not verified it. So neither a renamed Secret nor a Build that was created again makes an old delivery run again, unless
/// `decide_again` lets deliveries that have started nothing do so.
pub async fn store_arrival(
    journal: &dyn Journal,
    arrival: Arrival,
    decided: Option<Decided>,
    decide_again: DecideAgain,
) -> Result<Stored, JournalError> {
    let Arrival { delivery, waiting } = arrival;
    let id = delivery.value().id.clone();
    let mut stored = Stored {
        id: id.clone(),
        outcome: AppendOutcome::New,
        is_first: true,
        waiting: 0,
        started_nothing: false,
    };
    // A failed delivery must not be reopened for a key that has another place.
    stored.outcome = journal.append_if_unknown(delivery.clone(), decided).await?;
    if stored.outcome == AppendOutcome::New {
        for copy in waiting {
            stored.waiting += usize::from(append_waiting(journal, copy).await? == Some(AppendOutcome::New));
        }
        return Ok(stored);
    }
    stored.is_first = false;
    let Some(known) = find(journal, &id).await? else {
        // It was pruned at this moment.
        stored.outcome = journal.append(delivery).await?;
        return Ok(stored);
    };
    stored.outcome = found_in(known.state);
    for copy in waiting {
        let is_new = |secret: &ObjectKey| !known.verification.is_by_secret(secret) && is_due(&known, secret);
        let Some(copy) = copy.waiting_for(is_new) else { continue };
        if let Some(outcome) = append_waiting(journal, copy).await? {
            stored.waiting += usize::from(outcome == AppendOutcome::New);
            // The sender learns the id of the delivery: few may see the one that waits.
            stored.note(id.clone(), outcome);
        }
    }
    let further = store_known(journal, &delivery, &known, decide_again).await?;
    stored.started_nothing =
        stored.waiting == 0 && further.is_empty() && has_started_nothing(&known, &delivery);
    for (id, outcome) in further {
        stored.note(id, outcome);
    }
    Ok(stored)
}

/// Whether every rule of a known delivery was skipped at its first attempt, and no replay was requested since. An earlier
/// attempt could have started a run without having recorded it.
fn has_started_nothing(known: &Record, delivery: &Verified<Delivery>) -> bool {
    known.attempts <= 1 && is_idle(known, delivery)
}

impl DecideAgain {
    /// Whether a known delivery is decided again. The journal knows whether an earlier attempt could have started a run.
    fn concerns(self, known: &Record, delivery: &Verified<Delivery>) -> bool {
        let is_same_push = |decision: &DecisionRecord| matches!(&decision.outcome, OutcomeRecord::Skipped { reason, .. } if reason == SAME_PUSH.name());
        match self {
            Self::Never => false,
            Self::NothingStarted => is_idle(known, delivery) && !known.decisions.iter().any(is_same_push),
        }
    }
}

/// Whether every rule of a known delivery was skipped at its last attempt, and no replay was requested since.
fn is_idle(known: &Record, delivery: &Verified<Delivery>) -> bool {
    let is_skipped = |decision: &DecisionRecord| matches!(decision.outcome, OutcomeRecord::Skipped { .. });
    let has_all_keys =
        known.verification.keys.iter().all(|key| delivery.verification().is_by_secret(&key.secret));
    known.state == State::Settled
        && known.launches.is_empty()
        && known.replays.is_empty()
        && known.verification.waiting.is_none()
        && !known.decisions.is_empty()
        && known.decisions.iter().all(is_skipped)
        && has_all_keys
}

/// Stores a delivery that waits. `None` if the share of its tenant is used up: the arrival is stored for the others.
async fn append_waiting(
    journal: &dyn Journal,
    copy: Verified<Delivery>,
) -> Result<Option<AppendOutcome>, JournalError> {
    match journal.append(copy).await {
        Ok(outcome) => Ok(Some(outcome)),
        Err(error @ JournalError::TenantFull { .. }) => {
            warn!(error = %error, "a delivery does not wait for a Secret that cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Stores a delivery that waited and is verified now. Returns the deliveries as which it goes on: one that is new, or
/// those that have its keys already.
pub(crate) async fn store_resumed(
    journal: &dyn Journal,
    delivery: &Verified<Delivery>,
) -> Result<Vec<DeliveryId>, JournalError> {
    let id = &delivery.value().id;
    let known = find(journal, id).await?;
    let mut goes_on_as = Vec::new();
    for (namespace, mut secrets) in by_namespace(delivery) {
        if let Some(known) = &known {
            let count = secrets.len();
            secrets.retain(|secret| !known.verification.is_by_secret(secret));
            goes_on_as.extend((secrets.len() < count).then(|| id.clone()));
        }
        let further = Further { journal, delivery, namespace: &namespace, decide_again: DecideAgain::Never };
        // When it was stored, these Secrets were due.
        let (stored, _) = further.store(secrets, |_| true).await?;
        goes_on_as.extend(stored.into_iter().map(|(id, _)| id));
    }
    Ok(goes_on_as)
}

/// Stores a delivery for the rules of clone Secret `secret`, which was read late and holds no key. Returns the delivery as
/// which it goes on: one that is new, or the received one if it has been decided without this Secret's key already.
pub(crate) async fn store_without_key(
    journal: &dyn Journal,
    received: &DeliveryId,
    secret: &ObjectKey,
    delivery: Verified<Delivery>,
) -> Result<DeliveryId, JournalError> {
    let known = find(journal, received).await?;
    if known.is_some_and(|known| known.verification.allows_without_key(secret)) {
        return Ok(received.clone());
    }
    let id = delivery.value().id.clone();
    journal.append_if_unknown(delivery, None).await?;
    Ok(id)
}

/// Stores what is new in an arrival of a known delivery, and reopens what had failed or is to be decided again.
async fn store_known(
    journal: &dyn Journal,
    delivery: &Verified<Delivery>,
    known: &Record,
    decide_again: DecideAgain,
) -> Result<Vec<(DeliveryId, AppendOutcome)>, JournalError> {
    let mut outcomes = Vec::new();
    let mut own = HashSet::new();
    for (namespace, secrets) in by_namespace(delivery) {
        let is_known = |secret: &ObjectKey| known.verification.is_by_secret(secret);
        let (theirs, others): (Vec<_>, Vec<_>) = secrets.into_iter().partition(is_known);
        own.extend(theirs);
        let further = Further { journal, delivery, namespace: &namespace, decide_again };
        let (stored, left) = further.store(others, |secret| is_due(known, secret)).await?;
        outcomes.extend(stored);
        // Another Secret of a tenant whose delivery is reopened: it may have been renamed since.
        if known.verification.keys.iter().any(|key| key.secret.namespace == namespace) {
            own.extend(left);
        }
    }
    let is_decided_again = decide_again.concerns(known, delivery);
    if (known.state == State::Failed || is_decided_again)
        && let Some(again) = delivery.clone().with_keys_of(|secret| own.contains(secret))
    {
        let elsewhere = without_key_elsewhere(journal, delivery, known).await?;
        let again = again.without_secrets(|secret| elsewhere.contains(secret));
        let append =
            if is_decided_again { journal.append_to_decide_again(again) } else { journal.append(again) };
        outcomes.push((known.delivery.id.clone(), append.await?));
    }
    Ok(outcomes)
}

/// The Secrets without a key whose rules have a delivery of their own: they were read after an earlier arrival.
async fn without_key_elsewhere(
    journal: &dyn Journal,
    delivery: &Verified<Delivery>,
    known: &Record,
) -> Result<HashSet<ObjectKey>, JournalError> {
    let mut elsewhere = HashSet::new();
    for secret in &delivery.verification().without_entry {
        let id = id_without_key(&delivery.value().id, secret);
        if !known.verification.without_entry.contains(secret) && find(journal, &id).await?.is_some() {
            elsewhere.insert(secret.clone());
        }
    }
    Ok(elsewhere)
}

/// The further deliveries of one namespace.
struct Further<'a> {
    journal: &'a dyn Journal,
    delivery: &'a Verified<Delivery>,
    namespace: &'a Arc<str>,
    decide_again: DecideAgain,
}

type Outcomes = Vec<(DeliveryId, AppendOutcome)>;

impl Further<'_> {
    /// Finds the places of `secrets`, and stores those without a place that are due. Returns the deliveries that hold
    /// them, and the Secrets that have no place.
    async fn store(
        &self,
        mut secrets: Vec<ObjectKey>,
        is_due: impl Fn(&ObjectKey) -> bool,
    ) -> Result<(Outcomes, Vec<ObjectKey>), JournalError> {
        let of = &self.delivery.value().id;
        let mut outcomes = Vec::new();
        let mut place = 0;
        while !secrets.is_empty() {
            if place == MOST_FURTHER {
                let namespace = self.namespace;
                warn!(delivery = %of, %namespace, most = MOST_FURTHER, "too many hooks send one event; one is ignored");
                break;
            }
            if let Some(record) = find(self.journal, &narrowed_id(of, self.namespace, place)).await? {
                let holds = |secret: &ObjectKey| record.verification.is_by_secret(secret);
                let narrowed = self.delivery.narrowed_to(self.namespace, place, holds);
                outcomes.extend(self.found(&record, narrowed).await?);
                secrets.retain(|secret| !holds(secret));
                place += 1;
                continue;
            }
            let (due, left): (Vec<_>, Vec<_>) = secrets.into_iter().partition(&is_due);
            let mut new = HashSet::new();
            for secret in due {
                match find(self.journal, &narrowed_id_of_secret(of, &secret)).await? {
                    Some(record) => {
                        let narrowed = self.delivery.narrowed_to_secret(&secret);
                        outcomes.extend(self.found(&record, narrowed).await?);
                    }
                    None => drop(new.insert(secret)),
                }
            }
            let narrowed = self.delivery.narrowed_to(self.namespace, place, |one| new.contains(one));
            let Some(narrowed) = narrowed else { return Ok((outcomes, left)) };
            let id = narrowed.value().id.clone();
            let outcome = self.journal.append(narrowed).await?;
            if outcome == AppendOutcome::New {
                outcomes.push((id, outcome));
                return Ok((outcomes, left));
            }
            // Another arrival took the place at the same moment; it is looked at again.
            secrets = new.into_iter().chain(left).collect();
        }
        Ok((outcomes, secrets))
    }

    /// The outcome for the Secrets that `record` holds, of which `narrowed` is this arrival. It is retried if it had
    /// failed, and may be decided again.
    async fn found(
        &self,
        record: &Record,
        narrowed: Option<Verified<Delivery>>,
    ) -> Result<Option<(DeliveryId, AppendOutcome)>, JournalError> {
        let Some(narrowed) = narrowed else { return Ok(None) };
        let id = record.delivery.id.clone();
        let append = match record.state {
            State::Failed => self.journal.append(narrowed),
            _ if self.decide_again.concerns(record, &narrowed) => {
                self.journal.append_to_decide_again(narrowed)
            }
            state => return Ok(Some((id, found_in(state)))),
        };
        Ok(Some((id, append.await?)))
    }
}

impl Stored {
    /// Prefers what is worked on to what is settled.
    fn note(&mut self, id: DeliveryId, outcome: AppendOutcome) {
        if outcome != AppendOutcome::Settled {
            (self.id, self.outcome) = (id, outcome);
        }
    }
}

/// The record without its body, which is that of the arrival: of large bodies no more than one is held for this.
async fn find(journal: &dyn Journal, id: &DeliveryId) -> Result<Option<Record>, JournalError> {
    let mut found = journal.find(id).await?;
    if let Some(record) = &mut found {
        drop(std::mem::take(&mut record.delivery.body));
    }
    Ok(found)
}

fn by_namespace(delivery: &Verified<Delivery>) -> BTreeMap<Arc<str>, Vec<ObjectKey>> {
    let mut namespaces = BTreeMap::<_, Vec<_>>::new();
    for secret in delivery.verification().secrets() {
        namespaces.entry(Arc::clone(&secret.namespace)).or_default().push(secret.clone());
    }
    namespaces
}

/// Whether rules with this Secret have not had their turn in a known delivery: it was never decided, or a rule was
/// skipped because this Secret had not verified it. Where rules of the namespace are not listed, it counts whether any of
/// its rules was verified. It counts, too, if the rules of the namespace were not known when it was decided.
///
/// Where the decisions were pruned, a namespace has had its turn if a Secret of it had verified the delivery. Otherwise a
/// tenant with a key of its own for the repository could send the next push of another first, and fill its share of the
/// journal until the decisions on it are gone.
fn is_due(known: &Record, secret: &ObjectKey) -> bool {
    let is_theirs = |decision: &DecisionRecord| *decision.owner.namespace() == secret.namespace;
    if known.verification.unseen.contains(&secret.namespace) && !known.decisions.iter().any(is_theirs) {
        return true;
    }
    if known.decisions.is_empty() {
        let is_key_alone = !known.body_kept && known.delivery.headers.is_empty();
        let mut keys = known.verification.keys.iter();
        let had_turn = keys.any(|key| key.secret.namespace == secret.namespace);
        return known.state != State::Settled || (is_key_alone && !had_turn);
    }
    let theirs = || known.decisions.iter().filter(|decision| is_theirs(decision));
    let of_secret = |check: &&CheckRecord| check.predicate == Predicate::SECRET.name();
    let was_verified =
        || theirs().flat_map(|decision| &decision.checks).filter(of_secret).any(|check| check.passed);
    if theirs().any(record::is_left_out) && !was_verified() {
        return true;
    }
    let name = secret.to_string();
    theirs().filter(|decision| matches!(decision.outcome, OutcomeRecord::Skipped { .. })).any(|decision| {
        decision.checks.last().filter(of_secret).is_some_and(|check| !check.passed && check.expected == name)
    })
}

fn found_in(state: State) -> AppendOutcome {
    match state {
        State::Settled | State::Failed => AppendOutcome::Settled,
        State::Pending | State::Claimed => AppendOutcome::InProgress,
    }
}
