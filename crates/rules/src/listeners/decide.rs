//! The decisions of a listener on an event: its triggers, each with what its interceptors say.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trigger_expr::params::Resolved;

use super::listener::{Listener, ListenerGroup};
use super::trigger::ListenerTrigger;
use super::trigger_index::{Placed, TriggerIndex, TriggerPlace};
use crate::interceptors::{Answers, Ask, AskKey, Chain, Record, State, Step};
use crate::limits::LARGEST_FIRED;
use crate::rule_error::RuleError;

/// Names one run of a trigger, or of the interceptors of a group, among all of a listener. It does not change with entries
/// and groups of other names. Those of one name are numbered in their order, so that it changes if one before it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

/// The answers to the questions of interceptors that are known so far, by run. Two runs can ask the same of other events:
/// a Trigger in two groups sees the extensions of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListenerAnswers(BTreeMap<RunId, Answers>);

/// The decisions on one event, as far as the answers reach.
#[derive(Debug, Default)]
pub struct ListenerDecided {
    /// The groups, in order, and then their triggers and those without a group. Triggers of a group that an event does not
    /// pass have no decisions.
    pub groups: Vec<GroupDecision>,
    /// One decision for each trigger that was decided about, without those that need answers.
    pub triggers: Vec<TriggerDecision>,
    /// The questions to answer first. While there are any, other triggers may be started already: they do not depend on
    /// each other.
    pub needs: Vec<(RunId, Ask)>,
    /// The bytes of the values of those that fire.
    bytes: usize,
}

/// The triggers to decide about, of those of a listener or of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Those that the event could pass.
    Candidates,
    /// The [stand-ins](Listener::stand_ins) for those that take its type, to learn whether they would know its sender.
    StandIns,
}

/// A decision on one event in steps, between which others can work.
pub struct ListenerDeciding<'a> {
    choice: Choice,
    event: State,
    answers: &'a ListenerAnswers,
    triggers: std::vec::IntoIter<(&'a TriggerPlace, &'a Arc<ListenerTrigger>)>,
    groups: std::vec::IntoIter<&'a Arc<ListenerGroup>>,
    group: Option<PassedGroup<'a>>,
    decided: ListenerDecided,
}

/// A group that an event has passed, and its triggers that are not decided yet.
struct PassedGroup<'a> {
    run: RunId,
    passed: State,
    triggers: std::vec::IntoIter<(&'a TriggerPlace, &'a Arc<ListenerTrigger>)>,
}

/// The decision of the interceptors of a group.
#[derive(Debug, Clone)]
pub struct GroupDecision {
    /// Which.
    pub run: RunId,
    /// The name of the group, which may be empty.
    pub name: Arc<str>,
    /// The records of its interceptors.
    pub records: Vec<Record>,
    /// The decision.
    pub outcome: GroupOutcome,
}

/// What the interceptors of a group decide.
#[derive(Debug, Clone)]
pub enum GroupOutcome {
    /// Its triggers see the event.
    Passed,
    /// The last record says why they do not.
    Stopped,
    /// The interceptors cannot be called.
    Broken(RuleError),
}

/// The decision on one trigger.
#[derive(Debug, Clone)]
pub struct TriggerDecision {
    /// Which run of it.
    pub run: RunId,
    /// Which one it is of the runs of triggers with its name and object. The names of its objects follow from it.
    pub occurrence: u32,
    /// The trigger.
    pub trigger: Arc<ListenerTrigger>,
    /// The records of its interceptors.
    pub records: Vec<Record>,
    /// The decision.
    pub outcome: TriggerOutcome,
}

/// What is decided about a trigger.
#[derive(Debug, Clone)]
pub enum TriggerOutcome {
    /// It fires. Its objects are rendered with these parameters.
    Fired(Vec<Resolved>),
    /// An interceptor does not let the event pass, or cannot decide. The last record says why.
    Stopped,
    /// Its parameters have no values for this event.
    Unresolved(String),
    /// It cannot run at all.
    Broken(RuleError),
}

impl RunId {
    /// The run of a trigger, behind those of a group if it is one of its triggers.
    fn of_trigger(group: Option<&Self>, place: &TriggerPlace, trigger: &ListenerTrigger) -> Self {
        let own = match place {
            TriggerPlace::Entry(_) => format!("entry/{}/{}", trigger.name, trigger.namesakes),
            TriggerPlace::Object(key) => format!("trigger/{key}"),
        };
        Self(group.map_or(own.clone(), |Self(group)| format!("{group}/{own}")))
    }

    /// The run of the interceptors of a group.
    fn of_group(group: &ListenerGroup) -> Self {
        Self(format!("group/{}/{}", group.name, group.namesakes))
    }

    /// The number of a group among those that select one Trigger. It tells their runs apart, and does not change with other
    /// groups.
    fn occurrence_of_group(&self) -> u32 {
        // FNV-1a. The highest bit tells it from the number of an entry.
        let hash = self
            .0
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        hash | 1 << 31
    }

    /// The run whose text this is, as it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Its text, such as `trigger/team-a/release`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ListenerAnswers {
    /// Adds an answer to a question. The first one stands.
    pub fn add(&mut self, run: &RunId, ask: &Ask, answer: crate::interceptors::Answer) {
        self.0.entry(run.clone()).or_default().add(ask.key.clone(), answer);
    }

    /// Adds an answer that was stored under its key. The first one stands.
    pub fn add_stored(&mut self, run: RunId, key: AskKey, answer: crate::interceptors::Answer) {
        self.0.entry(run).or_default().add(key, answer);
    }

    /// The answer to a question of a run, if it is known.
    pub fn get(&self, run: &RunId, key: &AskKey) -> Option<&crate::interceptors::Answer> {
        self.of(run).get(key)
    }

    /// The answers of a run.
    fn of(&self, run: &RunId) -> &Answers {
        static NONE: std::sync::LazyLock<Answers> = std::sync::LazyLock::new(Answers::default);
        self.0.get(run).unwrap_or(&NONE)
    }
}

impl Choice {
    fn of<'a>(self, triggers: &'a TriggerIndex, event: &State) -> Vec<Placed<'a>> {
        match self {
            Self::Candidates => triggers.candidates(event),
            Self::StandIns => triggers.stand_ins(event),
        }
    }
}

impl Listener {
    /// Decides about every trigger that the event could pass by its type and its body. Those of a group see the event behind
    /// the interceptors of the group.
    pub fn decide(&self, event: &State, answers: &ListenerAnswers) -> ListenerDecided {
        let mut deciding = self.deciding(Choice::Candidates, event, answers);
        while deciding.step() {}
        deciding.finish()
    }

    /// Decides in steps about the triggers of `choice`. Those of a group see the event behind the interceptors of the group.
    pub fn deciding<'a>(
        &'a self,
        choice: Choice,
        event: &State,
        answers: &'a ListenerAnswers,
    ) -> ListenerDeciding<'a> {
        ListenerDeciding {
            triggers: choice.of(&self.triggers, event).into_iter(),
            groups: self.groups().collect::<Vec<_>>().into_iter(),
            choice,
            event: event.afresh(),
            answers,
            group: None,
            decided: ListenerDecided::default(),
        }
    }

    /// The group whose interceptors make this run.
    pub fn group(&self, run: &RunId) -> Option<&ListenerGroup> {
        self.groups().map(Arc::as_ref).find(|group| RunId::of_group(group) == *run)
    }

    /// Decides about triggers without a group that stop the event by its type or its body, for people who ask why they did
    /// not run: the first `most` of them. None of them asks anything.
    pub fn decide_excluded(&self, event: &State, most: usize) -> Vec<TriggerDecision> {
        let excluded = self.excluded(event).into_iter().take(most);
        let decide = |(place, trigger): Placed<'_>| {
            let chain = trigger.chain.as_ref().ok()?;
            let records = if trigger.demand.admits_type(event.headers()) {
                chain.stop_at_content(event).into_iter().collect()
            } else {
                match chain.advance(chain.begin(event.clone()), &Answers::default()) {
                    Step::Passed(course)
                    | Step::Stopped(course)
                    | Step::Failed(course)
                    | Step::Asks(_, course) => course.into_parts().1,
                }
            };
            Some(TriggerDecision {
                run: RunId::of_trigger(None, place, trigger),
                occurrence: trigger.namesakes,
                trigger: Arc::clone(trigger),
                records,
                outcome: TriggerOutcome::Stopped,
            })
        };
        excluded.filter_map(decide).collect()
    }
}

impl ListenerDeciding<'_> {
    /// Decides about one more trigger or group; false if there is none.
    pub fn step(&mut self) -> bool {
        let Self { choice, event, answers, triggers, groups, group, decided } = self;
        if let Some((place, trigger)) = triggers.next() {
            decided.add(None, place, trigger, event, answers);
            return true;
        }
        let next = group.as_mut().and_then(|group| Some((group.triggers.next()?, &group.run, &group.passed)));
        if let Some(((place, trigger), run, passed)) = next {
            decided.add(Some(run), place, trigger, passed, answers);
            return true;
        }
        let Some(next) = groups.next() else { return false };
        let run = RunId::of_group(next);
        *group = decided.pass_group(&run, next, event, answers).map(|passed| {
            let triggers = choice.of(&next.triggers, &passed).into_iter();
            PassedGroup { run, passed, triggers }
        });
        true
    }

    /// The decisions, once there are no further steps.
    pub fn finish(self) -> ListenerDecided {
        self.decided
    }
}

impl ListenerDecided {
    /// Takes the event through the interceptors of a group. `None` if it does not pass them yet.
    fn pass_group(
        &mut self,
        run: &RunId,
        group: &ListenerGroup,
        event: &State,
        answers: &ListenerAnswers,
    ) -> Option<State> {
        let (records, outcome, passed) = match &group.chain {
            Err(error) => (Vec::new(), GroupOutcome::Broken(error.clone()), None),
            Ok(chain) => match self.advance(run, chain, event, answers)? {
                (records, Some(passed)) => (records, GroupOutcome::Passed, Some(passed)),
                (records, None) => (records, GroupOutcome::Stopped, None),
            },
        };
        self.groups.push(GroupDecision { run: run.clone(), name: Arc::clone(&group.name), records, outcome });
        passed
    }

    fn add(
        &mut self,
        group: Option<&RunId>,
        place: &TriggerPlace,
        trigger: &Arc<ListenerTrigger>,
        event: &State,
        answers: &ListenerAnswers,
    ) {
        let run = RunId::of_trigger(group, place, trigger);
        let (records, outcome) = match &trigger.chain {
            Err(error) => (Vec::new(), TriggerOutcome::Broken(error.clone())),
            Ok(chain) => match self.advance(&run, chain, event, answers) {
                None => return,
                Some((records, None)) => (records, TriggerOutcome::Stopped),
                Some((records, Some(passed))) => (records, self.bounded(resolve(trigger, &passed))),
            },
        };
        let occurrence = group.map_or(trigger.namesakes, RunId::occurrence_of_group);
        let trigger = Arc::clone(trigger);
        self.triggers.push(TriggerDecision { run, occurrence, trigger, records, outcome });
    }

    /// Refuses values that would take too much memory beside those of other triggers.
    fn bounded(&mut self, outcome: TriggerOutcome) -> TriggerOutcome {
        let TriggerOutcome::Fired(params) = &outcome else { return outcome };
        let bytes = self.bytes + params.iter().map(Resolved::size).sum::<usize>();
        if self.bytes > 0 && bytes > LARGEST_FIRED {
            return TriggerOutcome::Unresolved(format!(
                "the values of the params of the listener's triggers have more than {LARGEST_FIRED} bytes together for \
                 the event: bind smaller parts of it"
            ));
        }
        self.bytes = bytes;
        outcome
    }

    /// The records of a chain, and the event if it has passed. `None` if an answer is needed first.
    fn advance(
        &mut self,
        run: &RunId,
        chain: &Chain,
        event: &State,
        answers: &ListenerAnswers,
    ) -> Option<(Vec<Record>, Option<State>)> {
        let (course, has_passed) = match chain.advance(chain.begin(event.clone()), answers.of(run)) {
            Step::Passed(course) => (course, true),
            Step::Stopped(course) | Step::Failed(course) => (course, false),
            Step::Asks(ask, _) => {
                self.needs.push((run.clone(), *ask));
                return None;
            }
        };
        let (state, records) = course.into_parts();
        Some((records, has_passed.then_some(state)))
    }
}

/// The parameters of a trigger whose interceptors an event has passed. As with Tekton, only then it counts what is missing.
fn resolve(trigger: &ListenerTrigger, passed: &State) -> TriggerOutcome {
    let blueprint = match &trigger.blueprint {
        Ok(blueprint) => blueprint,
        Err(error) => return TriggerOutcome::Broken(error.clone()),
    };
    let resolved = match passed.event_input() {
        Ok(input) => blueprint.resolve(&input).map_err(|error| text_of(&error)),
        Err(error) => {
            Err(format!("failed to ApplyEventValuesToParams: failed to unmarshal event body: {error}"))
        }
    };
    resolved.map_or_else(TriggerOutcome::Unresolved, TriggerOutcome::Fired)
}

/// An error with its sources.
fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    crate::text::cut(text, crate::limits::LONGEST_ERROR)
}
