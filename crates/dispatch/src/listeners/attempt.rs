//! The decisions of an attempt at a delivery to a listener, and the objects that they create.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use trigger_core::{Delivery, DeliveryId, Facts, ObjectKey, Ordinal, Replay, Verification, WebhookEvent};
use trigger_expr::params::Resolved;
use trigger_rules::interceptors::{Answer, Ask, AskKey, Question};
use trigger_rules::listeners::{
    Choice, Listener, ListenerDecided, ListenerInventory, ListenerSet, ListenerSettings, RunId,
    TriggerDecision, TriggerOutcome,
};
use trigger_runtime::{ListenerRights, Secrets, SharedTurn};
use trigger_targets::template::{self, FiredTrigger};
use trigger_targets::{Plan, RenderError};

use super::answers::{AnswerSource, Gathered};
use super::record::{Firing, ListenerDecisions, name};
use super::request::state_of;
use super::secrets::check_secrets;
use super::turns::{DecisionTurns, decide};
use crate::start_turns::{StartTurns, Started};
use crate::time_slice::TimeSlice;

/// The questions of one chain follow each other in so many rounds at most.
pub(crate) const MOST_ROUNDS: usize = 32;
/// How many questions of one delivery are asked side by side.
const SIDE_BY_SIDE: usize = 16;
/// A server that gives no answer is asked again for so long, from the receipt of the delivery. Then its trigger stops.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_mins(10);
/// How many triggers that wait for other events a preview explains.
const MOST_EXCLUDED: usize = 64;
/// The body of an event that is read beside any number of others, in bytes. Larger ones take turns.
const SMALL_BODY: usize = 256 << 10;

/// The most objects that one event creates. They are planned in memory.
pub(crate) const MOST_OBJECTS: usize = 2000;
/// The memory of these objects, in bytes, if they are of several triggers. Each is rendered before the first one is
/// created.
pub(crate) const LARGEST_OBJECTS: usize = 64 << 20;

/// The services that decisions of listeners need.
#[derive(Clone, Copy)]
pub(crate) struct ListenerTools<'a> {
    pub(crate) inventory: &'a ListenerInventory,
    pub(crate) secrets: &'a dyn Secrets,
    pub(crate) answers: &'a dyn AnswerSource,
    pub(crate) rights: &'a dyn ListenerRights,
    pub(crate) payload_turns: &'a Semaphore,
    pub(crate) decision_turns: &'a DecisionTurns,
    pub(crate) start_turns: &'a StartTurns,
}

/// The event that is decided.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) event: &'a WebhookEvent,
    pub(crate) id: &'a DeliveryId,
    pub(crate) replay: Option<&'a Replay>,
    pub(crate) verification: &'a Verification,
}

/// Whom an attempt asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Secrets alone. They are at hand.
    Secrets,
    /// Other servers too, which may take long.
    Servers,
}

/// The decisions of a listener, with the objects to create.
#[derive(Default)]
pub(crate) struct ListenerPlan {
    pub(crate) decisions: ListenerDecisions,
    pub(crate) plans: Vec<Plan>,
    /// The errors of triggers of which an object cannot be rendered. Those create nothing.
    pub(crate) errors: Vec<RenderError>,
    /// The reason, in a sentence, why a trigger is not decided yet. The delivery has to be tried again.
    pub(crate) open: Option<String>,
    /// Whether that is a Secret that cannot be read.
    pub(crate) waits_for_secret: bool,
    /// Whether answers were added to the facts.
    pub(crate) has_new_facts: bool,
    /// Whether other servers have to be asked, which were not.
    pub(crate) asks_servers: bool,
    /// Held until all objects are created, if they are many.
    pub(crate) turn: Option<SharedTurn>,
}

/// Decides an event, asking what its interceptors ask until `until`. Triggers do not depend on each other: those that are
/// decided create their objects while others wait for an answer.
pub(crate) async fn plan(
    subject: Subject<'_>,
    facts: &mut Facts,
    tools: ListenerTools<'_>,
    asked: Asked,
    until: Instant,
) -> ListenerPlan {
    let mut deciding =
        Deciding { subject, tools, asked, gathered: Gathered::of(facts), waits: HashMap::new() };
    let (look, turn) = match deciding.decide_in_turn(until).await {
        Ok(look) => look,
        Err(plan) => return *plan,
    };
    let mut plan = deciding.plan(&look).await;
    plan.turn = turn;
    plan.has_new_facts = deciding.gathered.has_new;
    plan.asks_servers = look.decided.needs.iter().any(|(_, ask)| !deciding.is_asked(ask));
    plan
}

/// The decisions that today's listener would make with the facts that are stored, and why further triggers have none: they
/// wait for other events. Nothing is asked.
pub(crate) fn preview(
    delivery: &Delivery,
    event: &WebhookEvent,
    facts: &Facts,
    listeners: &ListenerSet,
) -> ListenerDecisions {
    let key = &event.listener;
    let Some(listener) = listeners.listener(&key.namespace, &key.name) else {
        return absent(listeners, key).decisions;
    };
    let mut facts = facts.clone();
    let answers = Gathered::of(&mut facts).answers;
    let state = state_of(event, &delivery.id);
    let decided = listener.decide(&state, &answers);
    let mut decisions = ListenerDecisions::default();
    decisions.add_listener(&listener.settings, &decided.groups);
    for decision in &decided.triggers {
        decisions.add(decision, None);
    }
    for (run, _) in &decided.needs {
        decisions.add_waiting(
            listener.settings.resource(),
            run.as_str().to_owned(),
            "an interceptor asks a question that has no stored answer".to_owned(),
        );
    }
    for decision in listener.decide_excluded(&state, MOST_EXCLUDED) {
        decisions.add(&decision, None);
    }
    decisions
}

/// The listener is gone, or of a namespace that cannot be watched now.
fn absent(listeners: &ListenerSet, key: &ObjectKey) -> ListenerPlan {
    if let Some(reason) = listeners.unseen(&key.namespace) {
        return ListenerPlan { open: Some(reason.to_string()), ..ListenerPlan::default() };
    }
    let decisions = ListenerDecisions::of_absent(Listener::resource_of(key));
    ListenerPlan { decisions, ..ListenerPlan::default() }
}

struct Deciding<'a> {
    subject: Subject<'a>,
    tools: ListenerTools<'a>,
    asked: Asked,
    gathered: Gathered<'a>,
    waits: HashMap<RunId, Vec<Wait>>,
}

/// The decisions of a listener, with its settings of that time.
struct Look {
    settings: Arc<ListenerSettings>,
    decided: ListenerDecided,
}

impl Look {
    /// The objects that its triggers start.
    fn started(&self) -> Started {
        let mut started = Started::default();
        for TriggerDecision { trigger, outcome, .. } in &self.decided.triggers {
            if let (TriggerOutcome::Fired(params), Ok(blueprint)) = (outcome, &trigger.blueprint) {
                started.objects += blueprint.template.resource_templates.len();
                started.values += params.iter().map(Resolved::size).sum::<usize>();
            }
        }
        started
    }
}

/// A question without an answer, which is asked again at the next attempt.
struct Wait {
    key: AskKey,
    reason: String,
    is_secret: bool,
}

impl Deciding<'_> {
    /// Decides, in a turn if many objects follow from it.
    async fn decide_in_turn(
        &mut self,
        until: Instant,
    ) -> Result<(Look, Option<SharedTurn>), Box<ListenerPlan>> {
        let look = self.decide(until).await?;
        if !look.started().needs_turn() {
            return Ok((look, None));
        }
        drop(look);
        let tenant = &self.subject.event.listener.namespace;
        let turn = self.tools.start_turns.acquire(tenant, until).await;
        let turn = turn.map_err(|open| {
            Box::new(ListenerPlan { open: Some(open.to_string()), ..ListenerPlan::default() })
        })?;
        Ok((self.decide(until).await?, Some(turn)))
    }

    /// An error is the plan of a listener that is gone, or not known.
    async fn decide(&mut self, until: Instant) -> Result<Look, Box<ListenerPlan>> {
        for _ in 0..MOST_ROUNDS {
            let look = self.decide_once().await?;
            let is_asked =
                |(run, ask): &&(RunId, Ask)| self.is_asked(ask) && self.wait_of(run, ask).is_none();
            let asked: Vec<_> = look.decided.needs.iter().filter(is_asked).cloned().collect();
            if asked.is_empty() {
                return Ok(look);
            }
            // The triggers are decided again: what they start takes memory.
            drop(look);
            self.ask(&asked, until).await;
        }
        self.decide_once().await
    }

    /// Namespaces have few turns each, and large bodies take turns among them: their JSON takes a multiple of their bytes. No
    /// turn is held while a server is asked, nor the listener: see [`ListenerInventory`].
    async fn decide_once(&self) -> Result<Look, Box<ListenerPlan>> {
        let key = &self.subject.event.listener;
        let _of_namespace = self.tools.decision_turns.acquire(&key.namespace).await;
        let is_large = self.subject.event.body.len() > SMALL_BODY;
        let _turn = if is_large { self.tools.payload_turns.acquire().await.ok() } else { None };
        let Some(listeners) = self.tools.inventory.current() else {
            let open = Some("the listeners are not known yet".to_owned());
            return Err(Box::new(ListenerPlan { open, ..ListenerPlan::default() }));
        };
        let Some(listener) = listeners.listener(&key.namespace, &key.name) else {
            return Err(Box::new(absent(&listeners, key)));
        };
        let event = state_of(self.subject.event, self.subject.id);
        let decided = decide(listener, Choice::Candidates, &event, &self.gathered.answers).await;
        Ok(Look { settings: Arc::clone(&listener.settings), decided })
    }

    fn is_asked(&self, ask: &Ask) -> bool {
        self.asked == Asked::Servers || matches!(ask.question, Question::Secret(_))
    }

    /// A question of a run that is asked again at the next attempt.
    fn wait_of(&self, run: &RunId, ask: &Ask) -> Option<&Wait> {
        self.waits.get(run)?.iter().find(|wait| wait.key == ask.key)
    }

    async fn ask(&mut self, asked: &[(RunId, Ask)], until: Instant) {
        let checks = asked.iter().filter_map(|(run, ask)| match &ask.question {
            Question::Secret(check) => Some((run, ask, check)),
            _ => None,
        });
        let checks: Vec<_> = checks.collect();
        let answers = async {
            let checks: Vec<_> = checks.iter().map(|(_, _, check)| *check).collect();
            check_secrets(&checks, self.tools.secrets, until).await
        };
        let source = self.tools.answers;
        let others = asked.iter().enumerate();
        let others = others.filter(|(_, (_, ask))| !matches!(ask.question, Question::Secret(_)));
        let others: Vec<_> = others.map(|(place, (_, ask))| answer(source, place, ask, until)).collect();
        let others = stream::iter(others).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>();
        let (answers, others) = tokio::join!(answers, others);
        for ((run, ask, _), answer) in checks.into_iter().zip(answers) {
            match answer {
                Ok(answer) => self.gathered.add(run, ask, Answer::Secret(answer)),
                Err(error) => self.wait(run, ask, error.to_string(), true),
            }
        }
        let is_patient = self.is_patient();
        for (place, answer) in others {
            let Some((run, ask)) = asked.get(place) else { continue };
            match answer {
                Answer::Unknown(reason) if is_patient => self.wait(run, ask, reason, false),
                answer => self.gathered.add(run, ask, answer),
            }
        }
    }

    fn wait(&mut self, run: &RunId, ask: &Ask, reason: String, is_secret: bool) {
        let wait = Wait { key: ask.key.clone(), reason, is_secret };
        self.waits.entry(run.clone()).or_default().push(wait);
    }

    /// Whether a server that gives no answer is asked again.
    fn is_patient(&self) -> bool {
        let age = Timestamp::now().duration_since(self.subject.event.at);
        SignedDuration::try_from(ANSWERS_WITHIN).is_ok_and(|limit| age < limit)
    }

    async fn plan(&self, look: &Look) -> ListenerPlan {
        let Look { settings, decided } = look;
        let mut plan = ListenerPlan::default();
        plan.decisions.add_listener(settings, &decided.groups);
        let (mut slice, mut objects) = (TimeSlice::begin(), Objects::default());
        for decision in &decided.triggers {
            slice.give_way().await;
            match self.firing(settings, decision).await {
                Ok(Some(Creation::Plans(plans))) if !objects.take(&plans) => {
                    let message = format!(
                        "the triggers of the listener create more than {MOST_OBJECTS} objects of the event, or objects that \
                         take more than {} MiB of memory: use several listeners",
                        LARGEST_OBJECTS >> 20,
                    );
                    plan.decisions.add(decision, Some(Firing::Withheld("too-many-objects", message)));
                }
                Ok(Some(Creation::Plans(plans))) => {
                    plan.decisions.add(decision, Some(Firing::Creates(&plans)));
                    plan.plans.extend(plans);
                }
                Ok(Some(Creation::Withheld(reason, message))) => {
                    plan.decisions.add(decision, Some(Firing::Withheld(reason, message)));
                }
                Ok(None) => plan.decisions.add(decision, None),
                Err(Undecided::Render(error)) => {
                    let message = trigger_runtime::error_chain(&error);
                    plan.decisions.add(decision, Some(Firing::Withheld("not-rendered", message)));
                    plan.errors.push(error);
                }
                Err(Undecided::Later(message)) => {
                    let owner = decision.trigger.object.resource();
                    plan.decisions.add_waiting(owner, name(&decision.trigger), message.clone());
                    plan.open.get_or_insert(message);
                }
            }
        }
        for (run, ask) in &decided.needs {
            let wait = self.wait_of(run, ask);
            let message = wait.map_or("its interceptors ask without end", |wait| &wait.reason);
            plan.waits_for_secret |= wait.is_some_and(|wait| wait.is_secret);
            plan.decisions.add_waiting(settings.resource(), run.as_str().to_owned(), message.to_owned());
            plan.open.get_or_insert_with(|| format!("{} waits: {message}", run.as_str()));
        }
        plan
    }

    /// The objects of a trigger; `None` if it does not fire.
    async fn firing(
        &self,
        listener: &ListenerSettings,
        decision: &TriggerDecision,
    ) -> Result<Option<Creation>, Undecided> {
        let TriggerDecision { trigger, occurrence, outcome, .. } = decision;
        let (TriggerOutcome::Fired(params), Ok(blueprint)) = (outcome, &trigger.blueprint) else {
            return Ok(None);
        };
        if !self.subject.verification.admits(&trigger.namespace) {
            let message = format!("the replay is restricted to other namespaces than {}", trigger.namespace);
            return Ok(Some(Creation::Withheld("namespace-not-replayed", message)));
        }
        let account = &listener.service_account;
        if trigger.namespace != listener.key.namespace {
            match self.tools.rights.may_select(account, &trigger.namespace).await {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!(
                        "the service account {account} of the listener may not list Triggers in the namespace {}: grant it \
                         that, or give the namespace a listener of its own",
                        trigger.namespace
                    );
                    return Ok(Some(Creation::Withheld("trigger-not-readable", message)));
                }
                Err(error) => return Err(Undecided::Later(error.to_string())),
            }
        }
        let plans = template::plans(&FiredTrigger {
            delivery: self.subject.id,
            ordinal: Ordinal::FIRST,
            replay: self.subject.replay,
            listener: &listener.key,
            owner: &trigger.subject(),
            trigger: &trigger.key(),
            occurrence: *occurrence,
            run_as: trigger.service_account.as_ref().unwrap_or(account),
            annotations: &[],
            params: params.as_slice().into(),
            resource_templates: Arc::clone(&blueprint.template.resource_templates),
            old_escape: blueprint.template.old_escape,
        });
        plans.map(|plans| Some(Creation::Plans(plans))).map_err(Undecided::Render)
    }
}

/// The objects of an event so far.
#[derive(Default)]
struct Objects {
    count: usize,
    bytes: usize,
}

impl Objects {
    /// Adds those of a trigger, unless they are too many beside those of others.
    fn take(&mut self, plans: &[Plan]) -> bool {
        let count = self.count + plans.len();
        let bytes = self.bytes + plans.iter().map(|plan| plan.manifest.memory()).sum::<usize>();
        if self.count > 0 && (count > MOST_OBJECTS || bytes > LARGEST_OBJECTS) {
            return false;
        }
        (self.count, self.bytes) = (count, bytes);
        true
    }
}

enum Creation {
    Plans(Vec<Plan>),
    Withheld(&'static str, String),
}

enum Undecided {
    Render(RenderError),
    Later(String),
}

/// The answer to the question at this place, which may take until `until`.
fn answer<'a>(
    source: &'a dyn AnswerSource,
    place: usize,
    ask: &'a Ask,
    until: Instant,
) -> BoxFuture<'a, (usize, Answer)> {
    async move {
        let late = || Answer::Unknown("no answer arrived in time".to_owned());
        let answer = timeout_at(until, source.answer(ask, ask.key.namespace())).await;
        (place, answer.unwrap_or_else(|_| late()))
    }
    .boxed()
}
