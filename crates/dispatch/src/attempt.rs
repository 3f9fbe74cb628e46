#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field, info_span};
use trigger_core::{Cause, Delivery, Event, Events, Facts, ResourceRef};
use trigger_journal::{ClaimedDelivery, ConditionRecord, DecisionRecord, LaunchRecord, Notebook, Queue};
use trigger_rules::{Coverage, Decided, Decision, Inventory, LazyPayload, Outcome};
use trigger_runtime::error_chain;
use trigger_targets::{FollowUp, LimitKey, Plan, RenderError, Request, render};

use crate::deleted::{Lookup, leave_out_deleted};
use crate::facts::{DecidedWith, FactSource, decide_with};
use crate::launcher::{LaunchError, Launched, Launcher, Retry};
use crate::listeners::{self, Asked, ListenerDecisions, ListenerTools};
use crate::metrics::Metrics;
use crate::namespace_limiter::NamespaceLimiter;
use crate::owner_warnings::{MOST_WARNED, OwnerWarnings};
use crate::planned::{Decisions, NotPlanned, Planned};
use crate::render_turns::RenderTurns;
use crate::same_push::{PushTurns, skip_repeated};
use crate::sources::{SourceError, payload_of};
use crate::start_turns::{StartTurns, Started};
use crate::time_slice::TimeSlice;

/// How many objects of one delivery are created side by side. A monorepo can have hundreds of Builds; the
/// API server has others to serve.
const SIDE_BY_SIDE: usize = 16;

/// How many payloads are read for filters at the same time: each may take some MiB.
pub(crate) const PAYLOADS_AT_ONCE: usize = 2;

/// When an attempt and its calls end.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines {
    /// The end of the attempt.
    pub(crate) attempt: Instant,
    /// How long one launch may take: an admission webhook may take 30 s, and then it should not hold up the others.
    pub(crate) launch: Duration,
    /// Cancelled when there is no time left: the program ends.
    pub(crate) abort: CancellationToken,
}

impl Deadlines {
    /// When a call that begins now ends: it gets the time of a launch, and no more than the attempt has left.
    fn of_call(&self) -> Instant {
        self.attempt.min(Instant::now() + self.launch)
    }
}

/// The services that an attempt calls.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) queue: &'a dyn Queue,
    pub(crate) notebook: &'a dyn Notebook,
    pub(crate) push_turns: &'a PushTurns,
    pub(crate) payload_turns: &'a Semaphore,
    pub(crate) facts: &'a dyn FactSource,
    pub(crate) listeners: ListenerTools<'a>,
    pub(crate) launcher: &'a dyn Launcher,
    pub(crate) warnings: &'a dyn OwnerWarnings,
    pub(crate) limiter: &'a NamespaceLimiter,
    pub(crate) start_turns: &'a StartTurns,
    pub(crate) turns: &'a RenderTurns,
    pub(crate) metrics: &'a Metrics,
}

/// How one attempt at a delivery ended.
#[derive(Default)]
pub(crate) struct Attempt {
    pub(crate) decisions: Vec<DecisionRecord>,
    pub(crate) launches: Vec<LaunchRecord>,
    /// An error that may pass: the delivery has to be tried again.
    pub(crate) retryable: Option<String>,
    /// An error that cannot pass: the delivery has failed.
    pub(crate) permanent: Option<String>,
    /// Whether the error that may pass is that of a Secret, which could verify the delivery and cannot be read.
    pub(crate) waits: bool,
    /// Objects that are left for later: the delivery has to be claimed again after this time.
    pub(crate) throttled: Option<(Duration, String)>,
    /// The triggers of a listener whose objects exist since this attempt, for CloudEvents.
    pub(crate) completed: Vec<String>,
    /// How far the rules were known with which it was decided, if it was.
    pub(crate) coverage: Option<Arc<Coverage>>,
}

/// Decides every event of a delivery and launches what fires, save what an earlier attempt has launched: a run that
/// has ended since may have been cleaned up, and would then be made a second time. An earlier launch stays on record,
/// also if its rule is gone by now.
///
/// The delivery with its body is held until everything is decided, and then released.
pub(crate) async fn attempt(
    claimed: &ClaimedDelivery,
    events: Result<Events, SourceError>,
    (stored, release): (Delivery, impl FnOnce()),
    tools: Tools<'_>,
    deadlines: Deadlines,
) -> Attempt {
    let done: Vec<_> = claimed.launches.iter().filter(|launch| launch.error.is_none()).cloned().collect();
    let ended_early =
        |retryable, permanent| Attempt { retryable, permanent, launches: done.clone(), ..Attempt::default() };
    let events = match events {
        Ok(events) => events,
        Err(error) => return ended_early(None, Some(error_chain(&error))),
    };
    let planned = match events.first() {
        Some(Event::Webhook(_)) => plan_listener(claimed, events, &done, tools, &deadlines).boxed().await,
        _ => plan_rules(claimed, events, &stored, tools, &deadlines).await,
    };
    drop(stored);
    release();
    let Planned {
        mut decisions,
        plans,
        launched,
        errors,
        undecidable,
        open,
        waits_for_secret,
        coverage,
        // Held until all objects are created.
        turn: _turn,
    } = match planned {
        Ok(planned) => planned,
        Err(error) => return ended_early(Some(error_chain(&error)), None),
    };
    let mut attempt = Attempt {
        permanent: errors.first().map(|error| error_chain(error)).or(undecidable),
        launches: done.into_iter().chain(launched).collect(),
        ..Attempt::default()
    };
    let existing: HashSet<_> = attempt.launches.iter().map(|launch| launch.run.clone()).collect();
    let (existing, mut due): (Vec<_>, Vec<_>) =
        plans.iter().partition(|plan| existing.contains(&plan.resource));
    attempt.throttle(&mut due, plans.len(), tools);
    if claimed.token.attempt > 1 || !coverage.is_complete() {
        let (launcher, until) = (tools.launcher, deadlines.of_call());
        let lookup = Lookup { launcher, until, abort: &deadlines.abort };
        let started = existing.iter().map(|plan| plan.target_key()).collect();
        attempt.retryable = leave_out_deleted(&mut decisions, &mut due, &started, lookup).await;
    }
    for (outcome, rules) in decisions.outcomes() {
        tools.metrics.decided(outcome, rules);
    }
    attempt.decisions = decisions.records(&plans);
    attempt.launch_all(due, tools, &deadlines).await;
    if attempt.retryable.is_none() {
        attempt.follow_up(&plans, tools, &deadlines).await;
    }
    // An object that could not be created is not the fault of the Secret.
    attempt.waits = waits_for_secret && attempt.retryable.is_none();
    attempt.retryable = attempt.retryable.or(open);
    let is_last = attempt.retryable.is_none();
    attempt.completed = decisions.completed(&claimed.launches, &attempt.launches, is_last);
    attempt.coverage = Some(coverage);
    attempt
}

/// Decides by the rules of Builds. The body is read only if a filter asks for it.
async fn plan_rules(
    claimed: &ClaimedDelivery,
    events: Events,
    stored: &Delivery,
    tools: Tools<'_>,
    deadlines: &Deadlines,
) -> Result<Planned, NotPlanned> {
    let mut facts = claimed.facts.clone();
    let (mut decided, mut coverage) = decide(claimed, stored, &events, &mut facts, tools, deadlines).await?;
    let mut turn = None;
    if started(&decided).needs_turn() {
        drop(decided);
        turn = Some(tools.start_turns.acquire(&claimed.tenant, deadlines.attempt).await?);
        (decided, coverage) = decide(claimed, stored, &events, &mut facts, tools, deadlines).await?;
    }
    skip_repeated(claimed, &events, &mut decided, tools.notebook, tools.push_turns).await?;
    warn_of_moves(&decided, tools);
    let (plans, errors) = plans(claimed, &events, &facts, &decided).await;
    let is_undecided = decided.iter().any(|decided| !decided.needs.is_empty());
    Ok(Planned {
        decisions: Decisions::Rules(decided),
        plans,
        launched: Vec::new(),
        errors,
        undecidable: is_undecided.then(|| "a rule asks for further facts without end".to_owned()),
        open: None,
        waits_for_secret: false,
        coverage,
        turn,
    })
}

/// Decides by the triggers of a listener. Answers are stored before anything is launched with them.
///
/// Triggers do not depend on each other. Before other servers are asked about some of them, the first attempt creates the
/// objects of those that are decided, unless they are `done`.
async fn plan_listener(
    claimed: &ClaimedDelivery,
    events: Events,
    done: &[LaunchRecord],
    tools: Tools<'_>,
    deadlines: &Deadlines,
) -> Result<Planned, NotPlanned> {
    let coverage = tools
        .inventory
        .current()
        .map(|rules| Arc::clone(rules.coverage()))
        .ok_or(NotPlanned::RulesUnknown)?;
    let mut planned = Planned {
        decisions: Decisions::Listener(ListenerDecisions::default()),
        plans: Vec::new(),
        launched: Vec::new(),
        errors: Vec::new(),
        undecidable: None,
        open: None,
        waits_for_secret: false,
        coverage,
        turn: None,
    };
    // A delivery to a listener has one event.
    let Some(Event::Webhook(event)) = events.first() else { return Ok(planned) };
    let Delivery { id, replay, .. } = &claimed.delivery;
    let subject =
        listeners::Subject { event, id, replay: replay.as_ref(), verification: &claimed.verification };
    let mut facts = claimed.facts.clone();
    let first =
        listeners::plan(subject, &mut facts, tools.listeners, Asked::Secrets, deadlines.of_call()).await;
    if first.has_new_facts {
        tools.queue.record_facts(claimed.token.clone(), facts.clone()).await?;
    }
    let plan = if first.asks_servers {
        if claimed.token.attempt == 1 && planned.coverage.is_complete() {
            planned.launched = launch_first(&first.plans, done, tools, deadlines).await;
        }
        drop(first);
        let until = deadlines.of_call();
        let plan = listeners::plan(subject, &mut facts, tools.listeners, Asked::Servers, until).await;
        if plan.has_new_facts {
            tools.queue.record_facts(claimed.token.clone(), facts).await?;
        }
        plan
    } else {
        first
    };
    planned.decisions = Decisions::Listener(plan.decisions);
    (planned.plans, planned.errors) = (plan.plans, plan.errors);
    (planned.open, planned.waits_for_secret) = (plan.open, plan.waits_for_secret);
    planned.turn = plan.turn;
    Ok(planned)
}

/// Creates objects before everything is decided. Those that cannot be created are tried again with the others.
async fn launch_first(
    plans: &[Plan],
    done: &[LaunchRecord],
    tools: Tools<'_>,
    deadlines: &Deadlines,
) -> Vec<LaunchRecord> {
    let done: HashSet<_> = done.iter().map(|launch| &launch.run).collect();
    let due = plans.iter().filter(|plan| !done.contains(&plan.resource)).collect();
    let mut attempt = Attempt::default();
    attempt.launch_all(due, tools, deadlines).await;
    attempt.launches.retain(|launch| launch.error.is_none());
    attempt.launches
}

/// Decides, and stores the facts that were gathered for it before anything is launched with them. The payload is read only
/// if a filter asks for it.
async fn decide(
    claimed: &ClaimedDelivery,
    stored: &Delivery,
    events: &Events,
    facts: &mut Facts,
    tools: Tools<'_>,
    deadlines: &Deadlines,
) -> Result<(Vec<Decided>, Arc<Coverage>), NotPlanned> {
    let span = info_span!(target: "trigger_trace", "decide", rules = field::Empty);
    // Answers have the time of one launch, so that most of the attempt is left for what they decide.
    let until = deadlines.of_call();
    let decide = async {
        let (verification, rules, source) = (&claimed.verification, tools.inventory, tools.facts);
        let none = LazyPayload::none();
        let first = decide_with(events, verification, facts, &none, rules, source, until).await?;
        if !none.was_asked_for() {
            return Some(first);
        }
        let asked_before = first.has_new_facts;
        drop(first);
        let _turn = tools.payload_turns.acquire().await;
        let payload = payload_of(stored);
        let mut second = decide_with(events, verification, facts, &payload, rules, source, until).await?;
        second.has_new_facts |= asked_before;
        Some(second)
    };
    let decided = decide.instrument(span.clone()).await.ok_or(NotPlanned::RulesUnknown)?;
    let DecidedWith { decided, coverage, has_new_facts } = decided;
    span.record("rules", decided.iter().map(|decided| decided.decisions.len()).sum::<usize>());
    if has_new_facts {
        tools.queue.record_facts(claimed.token.clone(), facts.clone()).await?;
    }
    Ok((decided, coverage))
}

/// The runs that the decisions start. Runs have no parameters of the event.
fn started(decided: &[Decided]) -> Started {
    let decisions = decided.iter().flat_map(|decided| &decided.decisions);
    let objects = decisions.filter(|decision| matches!(decision.outcome, Outcome::Fired(_))).count();
    Started { objects, values: 0 }
}

/// Warns on the owners of rules whose repository has another address now: its pushes find them no more.
fn warn_of_moves(decided: &[Decided], tools: Tools<'_>) {
    let decisions = decided.iter().flat_map(|decided| &decided.decisions);
    let moved = decisions.filter(|decision| decision.is_about_moved_repository());
    let moved: BTreeMap<_, _> = moved.map(|decision| (&decision.owner, decision.message())).collect();
    let Some(rules) = tools.inventory.current().filter(|_| !moved.is_empty()) else { return };
    for (owner, message) in moved.into_iter().take(MOST_WARNED) {
        if let Some(rules) = rules.owners().find(|rules| rules.owner == *owner) {
            tools.warnings.repository_moved(rules, &message);
        }
    }
}

fn launch<'a>(
    plan: &'a Plan,
    tools: Tools<'a>,
    deadlines: &'a Deadlines,
) -> BoxFuture<'a, Result<Launched, LaunchError>> {
    let span = info_span!(target: "trigger_trace", "launch", run = %plan.resource.key, error = field::Empty);
    async move {
        let _turn = tools.turns.acquire(plan).await;
        let began = Instant::now();
        let result = timeout_at(deadlines.of_call(), tools.launcher.launch(plan)).await;
        let result = result.unwrap_or_else(|_| Err(timed_out()));
        tools.metrics.launch_took(began.elapsed().as_secs_f64());
        if let Err(error) = &result {
            let error = if error.retry == Retry::Later { "retryable" } else { "refused" };
            Span::current().record("error", error);
        }
        result
    }
    .instrument(span)
    .boxed()
}

/// Creates the objects of one target, or of one sequence of it, in order. What follows an object that could not be created
/// is left for the next attempt.
fn launch_in_order<'a>(
    group: Vec<&'a Plan>,
    tools: Tools<'a>,
    deadlines: &'a Deadlines,
) -> BoxFuture<'a, Vec<(&'a Plan, Result<Launched, LaunchError>)>> {
    async move {
        let mut results = Vec::with_capacity(group.len());
        let mut failed: Option<LaunchError> = None;
        for plan in group {
            let result = match &failed {
                None => launch(plan, tools, deadlines).await,
                Some(LaunchError { retry, .. }) => Err(LaunchError {
                    message: "an object before it could not be created".to_owned(),
                    retry: *retry,
                }),
            };
            failed = failed.or_else(|| result.as_ref().err().cloned());
            results.push((plan, result));
        }
        results
    }
    .boxed()
}

/// The plans by target, event and sequence, each group in order.
fn by_target<'a>(plans: &[&'a Plan]) -> Vec<Vec<&'a Plan>> {
    let mut groups: Vec<Vec<&Plan>> = Vec::new();
    let mut places = HashMap::new();
    for plan in plans {
        let place = *places.entry((plan.ordinal, plan.target_key())).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(plan),
            None => groups.push(vec![plan]),
        }
    }
    groups
}

fn timed_out() -> LaunchError {
    LaunchError { message: "the API server did not answer in time".to_owned(), retry: Retry::Later }
}

/// The objects to create, each once, of the events that are decided, and the errors of those that cannot be rendered: those stop nothing but
/// themselves.
async fn plans(
    claimed: &ClaimedDelivery,
    events: &Events,
    facts: &Facts,
    decided: &[Decided],
) -> (Vec<Plan>, Vec<RenderError>) {
    let (mut plans, mut errors) = (Vec::<Plan>::new(), Vec::new());
    let (mut planned, mut slice) = (HashSet::new(), TimeSlice::begin());
    // A rule that is not decided may have precedence over those that fire, so its event starts nothing.
    let decided = events.iter().zip(decided).filter(|(_, decided)| decided.needs.is_empty());
    for ((ordinal, event), decided) in decided {
        let event = event.clone().resolved(facts);
        let also = also_matched(&decided.decisions);
        for decision in &decided.decisions {
            let Outcome::Fired(cause) = &decision.outcome else { continue };
            slice.give_way().await;
            let target = &decision.target;
            let also = also.get(&target.resource).map(Vec::as_slice).unwrap_or_default();
            let Delivery { id: delivery, replay, .. } = &claimed.delivery;
            let request =
                Request { delivery, ordinal, event: &event, target, cause, also, replay: replay.as_ref() };
            match render(&request) {
                // Two owners may start one target; its run has one name.
                Ok(rendered) => {
                    plans.extend(rendered.into_iter().filter(|plan| planned.insert(plan.resource.clone())));
                }
                Err(error) => errors.push(error),
            }
        }
    }
    (plans, errors)
}

/// The causes of the rules that matched besides the one that fires, by target.
fn also_matched(decisions: &[Decision]) -> HashMap<&ResourceRef, Vec<&Cause>> {
    let mut also = HashMap::<_, Vec<_>>::new();
    for decision in decisions {
        if let Outcome::AlsoMatched(cause) = &decision.outcome {
            also.entry(&decision.target.resource).or_default().push(cause);
        }
    }
    also
}

impl Attempt {
    /// One in which the program failed, and not what it works with.
    pub(crate) fn panicked(claimed: &ClaimedDelivery) -> Self {
        let error = "the program panicked while it worked on this, which is a bug: please report it";
        Self { permanent: Some(error.to_owned()), launches: claimed.launches.clone(), ..Self::default() }
    }

    /// Leaves those of `due` for later that exceed their limit, of `all` objects that are to be created.
    fn throttle(&mut self, due: &mut Vec<&Plan>, all: usize, tools: Tools<'_>) {
        let mut limits: Vec<LimitKey> = Vec::new();
        for limit in due.iter().filter_map(|plan| plan.limit.as_ref()) {
            if !limits.contains(limit) {
                limits.push(limit.clone());
            }
        }
        for limit in limits {
            let counted = due.iter().filter(|plan| plan.limit.as_ref() == Some(&limit)).count();
            let grant = tools.limiter.take(&limit, counted, Instant::now());
            let left = counted - grant.runs;
            if left == 0 {
                continue;
            }
            let mut granted = 0;
            due.retain(|plan| {
                let counts = plan.limit.as_ref() == Some(&limit);
                granted += usize::from(counts);
                !counts || granted <= grant.runs
            });
            tools.metrics.throttled();
            let message = format!(
                "{left} of {all} runs wait: {} start up to {} runs a minute in a namespace",
                limit.name,
                tools.limiter.runs()
            );
            // Every limit allows more after the same time.
            self.throttled.get_or_insert((grant.next, message));
        }
    }

    async fn launch_all(&mut self, due: Vec<&Plan>, tools: Tools<'_>, deadlines: &Deadlines) {
        let groups = by_target(&due).into_iter();
        let work: Vec<_> = groups.map(|group| launch_in_order(group, tools, deadlines)).collect();
        let mut results = stream::iter(work).buffer_unordered(SIDE_BY_SIDE);
        let mut answered = HashSet::new();
        while let Some(Ok(Some(group))) =
            deadlines.abort.run_until_cancelled(timeout_at(deadlines.attempt, results.next())).await
        {
            for (plan, result) in group {
                answered.insert(&plan.resource);
                self.note(plan, result, tools.metrics);
            }
        }
        drop(results);
        for plan in due.into_iter().filter(|plan| !answered.contains(&plan.resource)) {
            self.note(plan, Err(timed_out()), tools.metrics);
        }
    }

    /// Records the starts on the objects that caused them: one write for each object.
    async fn follow_up(&self, plans: &[Plan], tools: Tools<'_>, deadlines: &Deadlines) {
        let launched = self.launches.iter().filter(|launch| launch.error.is_none());
        let existing: HashSet<_> = launched.map(|launch| &launch.run).collect();
        let mut due: Vec<&FollowUp> = plans
            .iter()
            .filter(|plan| existing.contains(&plan.resource))
            .filter_map(|plan| plan.follow_up.as_ref())
            .collect();
        while let Some(first) = due.first().map(|first| first.on.clone()) {
            let (records, rest): (Vec<_>, Vec<_>) = due.into_iter().partition(|other| other.on == first);
            // A record waits no longer than a run, and not beyond the attempt, whose claim ends.
            let write = timeout_at(deadlines.of_call(), tools.launcher.follow_up(&records));
            let _ = deadlines.abort.run_until_cancelled(write).await;
            due = rest;
        }
    }

    fn note(&mut self, plan: &Plan, result: Result<Launched, LaunchError>, metrics: &Metrics) {
        let (launched, error) = match result {
            Ok(launched) => {
                metrics.launched(if launched.existed { "existed" } else { "created" });
                (launched, None)
            }
            Err(LaunchError { message, retry }) => {
                let (outcome, place) = match retry {
                    Retry::Later => ("retryable", &mut self.retryable),
                    Retry::Never => ("refused", &mut self.permanent),
                };
                metrics.launched(outcome);
                place.get_or_insert_with(|| format!("{} could not be created: {message}", plan.resource));
                (Launched { existed: false, uid: None }, Some(message))
            }
        };
        let Launched { existed, uid } = launched;
        let (run, event) = (plan.resource.clone(), plan.ordinal);
        let condition =
            plan.condition.as_ref().filter(|_| error.is_none()).map(|condition| ConditionRecord {
                kind: condition.kind.to_owned(),
                reason: condition.reason.to_owned(),
                message: condition.message.clone(),
            });
        self.launches.push(LaunchRecord { run, event, uid, existed, error, condition });
    }
}
