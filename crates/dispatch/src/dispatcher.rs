use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, info, info_span, warn};
use trigger_core::{Delivery, TraceParent, Verification};
use trigger_journal::{ClaimRequest, ClaimedDelivery, Journal, JournalError, Settlement};
use trigger_rules::Inventory;
use trigger_rules::listeners::{ListenerInventory, Moment};
use trigger_runtime::{Backoff, ListenerRights, Secrets, error_chain};

use crate::attempt::{Attempt, Deadlines, PAYLOADS_AT_ONCE, Tools, attempt};
use crate::cloud_events::{Announcer, CloudEvents};
use crate::facts::FactSource;
use crate::launcher::Launcher;
use crate::listeners::{AnswerSource, DecisionTurns, LISTENER, ListenerTools, listener_of};
use crate::metrics::{AttemptEnd, Metrics};
use crate::namespace_limiter::NamespaceLimiter;
use crate::owner_warnings::OwnerWarnings;
use crate::record;
use crate::render_turns::RenderTurns;
use crate::same_push::PushTurns;
use crate::sources::events_of;
use crate::start_turns::StartTurns;
use crate::under_way::{InFlight, UnderWay, shares};
use crate::waiting::{WaitingTools, resume};
use crate::why::why;

/// Works on the journal's queue: claims deliveries, decides, launches, settles.
///
/// Any number may run over one journal, in one process or several: a claim belongs to one of them, and the objects that
/// two of them try to create have one name.
pub struct Dispatcher {
    journal: Arc<dyn Journal>,
    inventory: Arc<Inventory>,
    launcher: Arc<dyn Launcher>,
    facts: Arc<dyn FactSource>,
    secrets: Arc<dyn Secrets>,
    warnings: Arc<dyn OwnerWarnings>,
    listeners: ListenerParts,
    settings: Settings,
    metrics: Metrics,
    limiter: NamespaceLimiter,
    start_turns: StartTurns,
    turns: RenderTurns,
    push_turns: PushTurns,
    payload_turns: Semaphore,
    decision_turns: DecisionTurns,
    under_way: Arc<UnderWay>,
    /// Cancelled when attempts have to end: what they have done is kept, and the rest is given back.
    abort: CancellationToken,
}

/// How long the Secrets of a waiting delivery may take to read, of which the body is held meanwhile. The delivery is
/// claimed again later.
const SECRETS_WITHIN: Duration = Duration::from_secs(5);

/// Claims begin so far apart, at least. Each one asks the store, and during a burst every attempt that ends makes room for one
/// delivery: those of a moment are claimed together.
const BETWEEN_CLAIMS: Duration = Duration::from_millis(5);

/// The services that the dispatcher calls.
pub struct DispatcherParts {
    /// Holds the deliveries.
    pub journal: Arc<dyn Journal>,
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Creates what fires.
    pub launcher: Arc<dyn Launcher>,
    /// Answers what payloads leave open.
    pub facts: Arc<dyn FactSource>,
    /// Reads the Secrets that deliveries wait for.
    pub secrets: Arc<dyn Secrets>,
    /// Warns people that deliveries wait.
    pub warnings: Arc<dyn OwnerWarnings>,
    /// The services that deliveries to listeners need.
    pub listeners: ListenerParts,
}

/// The services that deliveries to listeners need.
#[derive(Clone)]
pub struct ListenerParts {
    /// The listeners.
    pub inventory: Arc<ListenerInventory>,
    /// Answers what their interceptors ask of other servers.
    pub answers: Arc<dyn AnswerSource>,
    /// Says which Triggers of other namespaces they may run.
    pub rights: Arc<dyn ListenerRights>,
    /// Tells receivers of the deliveries.
    pub cloud_events: CloudEvents,
}

/// How the dispatcher works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many deliveries are worked on side by side.
    pub concurrency: usize,
    /// How many deliveries of one tenant are worked on side by side: fewer, so that one whose runs are slow
    /// to create leaves room for the others.
    pub per_tenant: usize,
    /// How long a claim lasts. What is not settled by then may be claimed again.
    pub claim_timeout: Duration,
    /// How long one attempt may take; less than the claim lasts.
    pub attempt: Duration,
    /// How long creating one run may take; less than the attempt.
    pub launch: Duration,
    /// How long to look away when there is nothing to do; deliveries that come due are found this late.
    pub idle: Duration,
    /// When to try again.
    pub backoff: Backoff,
    /// A delivery older than this that still cannot be carried out has failed.
    pub give_up_after: Duration,
    /// How long a delivery waits, from its receipt, for a Secret that cannot be read. Then it has failed.
    pub secret_wait: Duration,
    /// Whether rules without a Secret act on unsigned deliveries.
    pub allow_unsigned: bool,
    /// How long attempts may go on after the request to end; then what is left of their deliveries is given back.
    pub ending: Duration,
    /// How many runs one namespace gets because of images, at once and a minute.
    pub image_run_rate: u32,
}

/// A Secret that cannot be read for longer needs a person, who can replay what failed.
pub(crate) const SECRET_WAIT: Duration = Duration::from_hours(24);

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 32,
            per_tenant: 24,
            claim_timeout: Duration::from_mins(1),
            attempt: Duration::from_secs(45),
            launch: Duration::from_secs(20),
            idle: Duration::from_secs(1),
            backoff: Backoff::default(),
            give_up_after: Duration::from_hours(24),
            secret_wait: SECRET_WAIT,
            allow_unsigned: false,
            ending: Duration::from_secs(5),
            image_run_rate: 30,
        }
    }
}

impl Dispatcher {
    /// A dispatcher over these parts.
    pub fn new(parts: DispatcherParts, settings: Settings, metrics: Metrics) -> Self {
        let DispatcherParts { journal, inventory, launcher, facts, secrets, warnings, listeners } = parts;
        let limiter = NamespaceLimiter::new(settings.image_run_rate);
        Self {
            journal,
            inventory,
            launcher,
            facts,
            secrets,
            warnings,
            listeners,
            settings,
            metrics,
            limiter,
            start_turns: StartTurns::default(),
            turns: RenderTurns::default(),
            push_turns: PushTurns::default(),
            payload_turns: Semaphore::new(PAYLOADS_AT_ONCE),
            decision_turns: DecisionTurns::default(),
            under_way: Arc::default(),
            abort: CancellationToken::new(),
        }
    }

    /// Works until `shutdown`, then ends what it has begun, or gives it back. `synced` is true once the inventory has seen
    /// every Build; nothing is decided before.
    pub async fn run(self, mut synced: watch::Receiver<bool>, shutdown: CancellationToken) {
        tokio::select! {
            result = synced.wait_for(|synced| *synced) => if result.is_err() { return },
            () = shutdown.cancelled() => return,
        }
        let this = Arc::new(self);
        let tasks = TaskTracker::new();
        let room = Arc::new(Semaphore::new(this.settings.concurrency));
        let mut arrivals = this.journal.arrivals();
        while !shutdown.is_cancelled() {
            let again = Instant::now() + BETWEEN_CLAIMS;
            arrivals.mark_unchanged();
            let claimed = this.claim(room.available_permits()).await;
            let found_some = !claimed.is_empty();
            for claimed in claimed {
                // There is room for as many as were asked for: only this loop takes permits.
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let (this, id) = (Arc::clone(&this), &claimed.token.id);
                let trace = TraceParent::of(id).trace_id();
                let span = info_span!("delivery", delivery = %id, trace);
                let attempt = claimed.token.attempt;
                let traced = info_span!(target: "trigger_trace", "handle", delivery = %id, attempt);
                let mut held = UnderWay::hold(&this.under_way, &claimed);
                let shutdown = shutdown.clone();
                let work = async move {
                    this.work(claimed, &mut held, &shutdown).await;
                    drop(permit);
                    drop(held);
                };
                tasks.spawn(work.instrument(traced).instrument(span));
            }
            let idle = async {
                if room.available_permits() == 0 {
                    drop(room.acquire().await);
                } else if !found_some {
                    // What is done may have made room for more of the same tenant.
                    tokio::select! {
                        _ = arrivals.changed() => {}
                        () = this.under_way.done.notified() => {}
                        () = tokio::time::sleep(this.settings.idle) => {}
                    }
                }
                sleep_until(again).await;
            };
            tokio::select! { () = idle => {}, () = shutdown.cancelled() => {} }
        }
        tasks.close();
        if tokio::time::timeout(this.settings.ending, tasks.wait()).await.is_err() {
            this.abort.cancel();
            tasks.wait().await;
        }
    }

    async fn claim(&self, free: usize) -> Vec<ClaimedDelivery> {
        let timeout = self.settings.claim_timeout;
        let (max, per_tenant) = shares(free, self.settings.per_tenant);
        let (held, bytes) = self.under_way.room(per_tenant);
        if max == 0 || bytes == 0 {
            return Vec::new();
        }
        match self.journal.claim(ClaimRequest { max, bytes, timeout, per_tenant, held }).await {
            Ok(claimed) => claimed,
            Err(error) => {
                error!(error = %error, "deliveries cannot be claimed; trying again");
                Vec::new()
            }
        }
    }

    async fn work(&self, mut claimed: ClaimedDelivery, held: &mut InFlight, shutdown: &CancellationToken) {
        if self.inventory.current().is_none() {
            return;
        }
        let announcer = self.announcer(&claimed.delivery);
        if let Some(announcer) = announcer.as_ref().filter(|_| claimed.token.attempt == 1) {
            announcer.announce(Moment::Started);
        }
        // A delivery that panics once does so every time: tried again, it would come up with every expired claim.
        let attempt = AssertUnwindSafe(self.attempt(&mut claimed, held)).catch_unwind().await;
        let mut attempt = attempt.unwrap_or_else(|_| Attempt::panicked(&claimed));
        if let Err(error) = self.note_unseen(&claimed, &mut attempt).await {
            attempt.retryable.get_or_insert_with(|| error_chain(&error));
        }
        report(&attempt, claimed.verification.waiting.is_some());
        let age = Timestamp::now().duration_since(claimed.delivery.received_at);
        let limit = if attempt.waits { self.settings.secret_wait } else { self.settings.give_up_after };
        let give_up = SignedDuration::try_from(limit).is_ok_and(|limit| age > limit);
        let Attempt { decisions, launches, retryable, permanent, waits, throttled, completed, .. } = attempt;
        if let (None, Some((wait, message))) = (&retryable, throttled) {
            info!(reason = message, "claimed again later");
            self.metrics.attempted(AttemptEnd::Throttled, age.as_secs_f64());
            let due = Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX);
            let came_to = Settlement { decisions, launches, error: Some(message) };
            self.keep(&claimed, Some(due), came_to, shutdown).await;
            return;
        }
        let due = retryable.as_ref().filter(|_| !give_up).map(|error| self.next_try(&claimed, error));
        let error = if due.is_some() { retryable } else { permanent.or(retryable) };
        let error = if give_up && waits { error.as_deref().map(waited_long_enough) } else { error };
        let end = match (&due, &error) {
            (Some(_), _) if waits => AttemptEnd::Waiting,
            (Some(_), _) => AttemptEnd::Retryable,
            (None, Some(_)) => AttemptEnd::Failed,
            (None, None) => AttemptEnd::Settled,
        };
        self.metrics.attempted(end, age.as_secs_f64());
        let came_to = Settlement { decisions, launches, error };
        if self.keep(&claimed, due, came_to, shutdown).await
            && let Some(announcer) = announcer
        {
            for trigger in &completed {
                announcer.announce(Moment::Successful(trigger));
            }
            if due.is_none() {
                announcer.announce(Moment::Done);
            }
        }
    }

    /// The announcer of a delivery to a listener that names a receiver.
    fn announcer(&self, delivery: &Delivery) -> Option<Announcer> {
        let key = listener_of(delivery).filter(|_| *delivery.source == *LISTENER)?;
        let listeners = self.listeners.inventory.current()?;
        let listener = listeners.listener(&key.namespace, &key.name)?;
        self.listeners.cloud_events.about(&listener.settings, delivery)
    }

    /// Stores the result of an attempt; true if it is stored. A journal that is away is waited for: while the claim lasts
    /// no other dispatcher works on the delivery, and after it the work would be repeated.
    async fn keep(
        &self,
        claimed: &ClaimedDelivery,
        due: Option<Timestamp>,
        came_to: Settlement,
        shutdown: &CancellationToken,
    ) -> bool {
        for failures in 1.. {
            let (token, came_to) = (claimed.token.clone(), came_to.clone());
            let kept = match due {
                Some(due) => self.journal.release(token, due, came_to).await,
                None => self.journal.settle(token, came_to).await,
            };
            match kept {
                Ok(()) => return true,
                Err(JournalError::StaleToken { .. }) => {
                    info!(
                        "another dispatcher has taken the delivery over, or the outcome was kept after all"
                    );
                    return false;
                }
                Err(error) => {
                    let wait = self.settings.backoff.after(failures, spread(claimed));
                    let claim_ends =
                        Timestamp::now().checked_add(wait).is_ok_and(|then| then > claimed.claimed_until);
                    if claim_ends || shutdown.is_cancelled() {
                        // The delivery is claimed again; the runs have the same names then.
                        error!(error = %error, "the outcome cannot be kept; the delivery will be repeated");
                        return false;
                    }
                    warn!(error = %error, wait = ?wait, "the outcome cannot be kept yet");
                    tokio::select! { () = tokio::time::sleep(wait) => {}, () = shutdown.cancelled() => {} }
                }
            }
        }
        false
    }

    async fn attempt(&self, claimed: &mut ClaimedDelivery, held: &mut InFlight) -> Attempt {
        let Settings { attempt: whole, launch, .. } = self.settings;
        if let Some(waiting) = &claimed.verification.waiting {
            let tools = WaitingTools {
                journal: self.journal.as_ref(),
                secrets: self.secrets.as_ref(),
                warnings: self.warnings.as_ref(),
                inventory: &self.inventory,
                within: launch.min(SECRETS_WITHIN),
                unsigned: self.settings.allow_unsigned.into(),
            };
            let resumed = self.abort.run_until_cancelled(Box::pin(resume(claimed, waiting, tools))).await;
            let ended = || Attempt { retryable: Some("the program ends".to_owned()), ..Attempt::default() };
            return resumed.unwrap_or_else(ended);
        }
        let events = events_of(&claimed.delivery);
        // An attempt may take long. Beside the events it needs the body only for filters, which it evaluates first.
        let stored = claimed.delivery.clone();
        drop(std::mem::take(&mut claimed.delivery.body));
        let deadlines = Deadlines { attempt: Instant::now() + whole, launch, abort: self.abort.clone() };
        let tools = Tools {
            inventory: &self.inventory,
            queue: self.journal.as_ref(),
            notebook: self.journal.as_ref(),
            push_turns: &self.push_turns,
            payload_turns: &self.payload_turns,
            facts: self.facts.as_ref(),
            listeners: ListenerTools {
                inventory: &self.listeners.inventory,
                secrets: self.secrets.as_ref(),
                answers: self.listeners.answers.as_ref(),
                rights: self.listeners.rights.as_ref(),
                payload_turns: &self.payload_turns,
                decision_turns: &self.decision_turns,
                start_turns: &self.start_turns,
            },
            launcher: self.launcher.as_ref(),
            warnings: self.warnings.as_ref(),
            limiter: &self.limiter,
            start_turns: &self.start_turns,
            turns: &self.turns,
            metrics: &self.metrics,
        };
        attempt(claimed, events, (stored, || held.release_body()), tools, deadlines).await
    }

    /// Tries a delivery again that rules may act on which are not known yet, and records whose rules had no part in the
    /// decision.
    async fn note_unseen(
        &self,
        claimed: &ClaimedDelivery,
        attempt: &mut Attempt,
    ) -> Result<(), JournalError> {
        let coverage = attempt.coverage.clone();
        let coverage = coverage.or_else(|| Some(Arc::clone(self.inventory.current()?.coverage())));
        let Some(coverage) = coverage else { return Ok(()) };
        let (verification, unseen) = (&claimed.verification, &coverage.unseen);
        if unseen.is_empty() || verification.waiting.is_some() || verification.listener.is_some() {
            return Ok(());
        }
        if let Some(namespace) = awaited(verification, unseen, attempt.decisions.is_empty()) {
            let wait = || format!("the Builds of namespace {namespace} are not known yet");
            attempt.retryable.get_or_insert_with(wait);
            return Ok(());
        }
        let mut now = verification.clone();
        now.add_unseen(unseen);
        if verification.observed.is_none() && now != *verification {
            self.journal.record_verification(claimed.token.clone(), now).await?;
        }
        Ok(())
    }

    /// When a delivery is due again whose attempt ended with `error`.
    fn next_try(&self, claimed: &ClaimedDelivery, error: &str) -> Timestamp {
        let wait = self.settings.backoff.after(claimed.token.attempt, spread(claimed));
        warn!(error, attempt = claimed.token.attempt, wait = ?wait, "the attempt failed and is repeated later");
        Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

/// A namespace whose rules may act on a delivery and are not known: one that a key or an observation is from. A delivery
/// without any key may be for each of them, if it is for no rule that is known.
fn awaited<'a>(
    verification: &'a Verification,
    unseen: &'a BTreeSet<Arc<str>>,
    is_undecided: bool,
) -> Option<&'a Arc<str>> {
    let keys = verification.keys.iter().map(|key| &key.secret.namespace);
    let observed = verification.observed.iter().map(|object| &object.namespace);
    let is_for_any = is_undecided && verification.unsigned.is_allowed();
    let any = unseen.iter().filter(|namespace| is_for_any && verification.admits(namespace));
    keys.chain(observed).find(|namespace| unseen.contains(*namespace)).or_else(|| any.into_iter().next())
}

/// A number from 0 to 1 that differs between deliveries and attempts. Ids are uniformly distributed.
fn spread(claimed: &ClaimedDelivery) -> f64 {
    let place = claimed.token.attempt as usize % claimed.token.id.as_str().len();
    let letter = claimed.token.id.as_str().as_bytes().get(place).copied().unwrap_or(b'm');
    f64::from(letter.saturating_sub(b'a').min(25)) / 25.0
}

fn waited_long_enough(error: &str) -> String {
    let error = format!("{error} no longer than `--secret-wait`: replay it when the Secret can be read");
    error!(error, "the delivery failed and is not tried again");
    error
}

fn report(attempt: &Attempt, is_waiting: bool) {
    if !is_waiting && record::log(&attempt.decisions, &attempt.launches) == 0 {
        info!(rules = attempt.decisions.len(), why = why(&attempt.decisions), "no rule fired");
    }
    if let Some(error) = &attempt.permanent {
        error!(error, "the delivery failed and is not tried again");
    }
}
