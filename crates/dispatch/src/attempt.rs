use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field, info_span};
use trigger_api::Cause;
use trigger_core::{Delivery, Event, ObjectKey};
use trigger_journal::{ClaimedDelivery, DecisionRecord, LaunchRecord};
use trigger_rules::{Decision, Outcome, RuleSet, decide};
use trigger_runtime::error_chain;
use trigger_targets::{Plan, RenderError, Request, render};

use crate::events::meaning;
use crate::launcher::{LaunchError, Launched, Launcher, Retry};
use crate::metrics::Metrics;
use crate::namespace_limiter::NamespaceLimiter;
use crate::pipeline_runs::Note;
use crate::record;

/// How many runs of one delivery are created side by side. A monorepo can have hundreds of Builds; the
/// API server has others to serve.
const SIDE_BY_SIDE: usize = 16;

/// How long an attempt may take.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines {
    /// All of it.
    pub(crate) attempt: Duration,
    /// One launch of it: an admission webhook may take 30 s, and then it should not hold up the others.
    pub(crate) launch: Duration,
    /// There is none left: the program ends.
    pub(crate) hurry: CancellationToken,
}

/// How one attempt at a delivery ended.
#[derive(Default)]
pub(crate) struct Attempt {
    pub(crate) decisions: Vec<DecisionRecord>,
    pub(crate) launches: Vec<LaunchRecord>,
    /// What may pass: the delivery has to be tried again.
    pub(crate) postponed: Option<String>,
    /// What cannot pass: the delivery has failed.
    pub(crate) refused: Option<String>,
    /// Runs that are left for later: the delivery has to be taken up again after so long.
    pub(crate) held_back: Option<(Duration, String)>,
}

/// Decides every candidate and launches what fires, save what an earlier attempt has launched: a run that
/// has ended since may have been cleaned up, and would then be made a second time. What was launched stays
/// on record, also if its rule is gone by now.
pub(crate) async fn attempt(
    claimed: &ClaimedDelivery,
    rules: &RuleSet,
    launcher: &dyn Launcher,
    patience: Deadlines,
    throttle: &NamespaceLimiter,
    metrics: &Metrics,
) -> Attempt {
    let deadline = Instant::now() + patience.attempt;
    let done: Vec<_> = claimed.launches.iter().filter(|launch| launch.fault.is_none()).cloned().collect();
    let event = match meaning(&claimed.delivery) {
        Ok(event) => event,
        Err(error) => {
            return Attempt { refused: Some(error_chain(&error)), launches: done, ..Attempt::default() };
        }
    };
    let span = info_span!(target: "trigger_trace", "decide", rules = field::Empty);
    let decisions = span.in_scope(|| decide(&event, &claimed.verification, rules));
    span.record("rules", decisions.len());
    drop(span);
    for decision in &decisions {
        metrics.decided(outcome_name(&decision.outcome));
    }
    let (plans, unrendered) = plans(claimed, &event, &decisions);
    let runs: HashMap<ObjectKey, ObjectKey> =
        plans.iter().map(|plan| (plan.target.clone(), plan.key.clone())).collect();
    let mut attempt = Attempt {
        decisions: record::decisions(&decisions, &runs),
        refused: unrendered.first().map(|error| error_chain(error)),
        postponed: None,
        launches: done,
        held_back: None,
    };
    let runs_there: HashSet<_> = attempt.launches.iter().map(|launch| launch.run.clone()).collect();
    let mut due: Vec<_> = plans.iter().filter(|plan| !runs_there.contains(&plan.key)).collect();
    if let Event::Image(event) = &event {
        attempt.hold_back(&mut due, plans.len(), &event.namespace, throttle, metrics);
    }
    let work: Vec<_> =
        due.iter().copied().map(|plan| launch(launcher, plan, patience.launch, metrics)).collect();
    let mut results = stream::iter(work).buffer_unordered(SIDE_BY_SIDE);
    while let Some(Ok(Some((plan, result)))) =
        patience.hurry.run_until_cancelled(timeout_at(deadline, results.next())).await
    {
        due.retain(|other| other.key != plan.key);
        attempt.note(plan, result, metrics);
    }
    drop(results);
    for plan in due {
        attempt.note(plan, Err(too_slow()), metrics);
    }
    if let Event::PipelineRun(event) = &event
        && attempt.postponed.is_none()
        && let Some(note) = Note::of(&claimed.delivery, event, &attempt.started(&plans))
    {
        // Nobody waits longer for a note than for a run, and not beyond the attempt, whose lease ends.
        let until = deadline.min(Instant::now() + patience.launch);
        let _ = patience.hurry.run_until_cancelled(timeout_at(until, launcher.note(&note))).await;
    }
    attempt
}

fn launch<'a>(
    launcher: &'a dyn Launcher,
    plan: &'a Plan,
    patience: Duration,
    metrics: &'a Metrics,
) -> BoxFuture<'a, (&'a Plan, Result<Launched, LaunchError>)> {
    let span = info_span!(target: "trigger_trace", "launch", run = %plan.key, fault = field::Empty);
    async move {
        let began = Instant::now();
        let answer = timeout(patience, launcher.launch(plan)).await.unwrap_or_else(|_| Err(too_slow()));
        metrics.launch_took(began.elapsed().as_secs_f64());
        if let Err(fault) = &answer {
            let fault = if fault.retry == Retry::Later { "retryable" } else { "refused" };
            Span::current().record("fault", fault);
        }
        (plan, answer)
    }
    .instrument(span)
    .boxed()
}

fn too_slow() -> LaunchError {
    LaunchError { message: "the API server did not answer in time".to_owned(), retry: Retry::Later }
}

/// What is to be created, and what cannot be rendered: that stops nothing but itself.
fn plans(claimed: &ClaimedDelivery, event: &Event, decisions: &[Decision]) -> (Vec<Plan>, Vec<RenderError>) {
    let mut also = HashMap::<&ObjectKey, Vec<&Cause>>::new();
    for decision in decisions {
        if let Outcome::AlsoMatched(cause) = &decision.outcome {
            also.entry(&decision.target.key).or_default().push(cause);
        }
    }
    let (mut plans, mut errors) = (Vec::new(), Vec::new());
    for decision in decisions {
        let Outcome::Fired(cause) = &decision.outcome else { continue };
        let target = &decision.target;
        let also = also.get(&target.key).map(Vec::as_slice).unwrap_or_default();
        let Delivery { id: delivery, replay, .. } = &claimed.delivery;
        let request = Request { delivery, event, target, cause, also, replay: replay.as_ref() };
        match render(&request) {
            Ok(plan) => plans.push(plan),
            Err(error) => errors.push(error),
        }
    }
    (plans, errors)
}

impl Attempt {
    /// One in which the program failed, and not what it works with.
    pub(crate) fn broken_off(claimed: &ClaimedDelivery) -> Self {
        let fault = "the program panicked while it worked on this, which is a bug: please report it";
        Self { refused: Some(fault.to_owned()), launches: claimed.launches.clone(), ..Self::default() }
    }

    /// Leaves those of `due` for later that the namespace may not have now, of `all` runs that fire.
    fn hold_back(
        &mut self,
        due: &mut Vec<&Plan>,
        all: usize,
        namespace: &Arc<str>,
        throttle: &NamespaceLimiter,
        metrics: &Metrics,
    ) {
        let allowance = throttle.take(namespace, due.len(), Instant::now());
        let left = due.len() - allowance.runs;
        if left == 0 {
            return;
        }
        due.truncate(allowance.runs);
        metrics.held_back();
        let message = format!(
            "{left} of {all} runs are held back for now: images start up to {} runs a minute in a namespace",
            throttle.runs()
        );
        self.held_back = Some((allowance.next, message));
    }

    /// Which of the plans have their run, as the names of target and run.
    fn started(&self, plans: &[Plan]) -> Vec<(String, String)> {
        let is_there = |plan: &&Plan| {
            self.launches.iter().any(|launch| launch.run == plan.key && launch.fault.is_none())
        };
        let names = |plan: &Plan| (plan.target.name.to_string(), plan.key.name.to_string());
        plans.iter().filter(is_there).map(names).collect()
    }

    fn note(&mut self, plan: &Plan, result: Result<Launched, LaunchError>, metrics: &Metrics) {
        let (launched, fault) = match result {
            Ok(launched) => {
                metrics.launched(if launched.existed { "existed" } else { "created" });
                (launched, None)
            }
            Err(LaunchError { message, retry }) => {
                let (outcome, place) = match retry {
                    Retry::Later => ("retryable", &mut self.postponed),
                    Retry::Never => ("refused", &mut self.refused),
                };
                metrics.launched(outcome);
                place.get_or_insert_with(|| {
                    format!("{} {} could not be created: {message}", plan.kind.kind, plan.key)
                });
                (Launched { existed: false, uid: None }, Some(message))
            }
        };
        let Launched { existed, uid } = launched;
        let kind = plan.kind.kind.to_owned();
        self.launches.push(LaunchRecord { kind, run: plan.key.clone(), uid, existed, fault });
    }
}

pub(crate) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Fired(_) => "fired",
        Outcome::AlsoMatched(_) => "also-matched",
        Outcome::Skipped(reason) => reason.name(),
    }
}
