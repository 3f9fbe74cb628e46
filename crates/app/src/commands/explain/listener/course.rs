use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trigger_core::KeyRef;
use trigger_rules::interceptors::{
    Answer, Ask, Authentication, Chain, Question, Scheme, SecretAnswer, State,
};
use trigger_rules::listeners::{GroupOutcome, Listener, ListenerAnswers, ListenerDecided, RunId};

use super::keys::KeyFinding;
use super::source::ListenerSource;

/// How many triggers that wait for other events are looked at for the reason.
const MOST_EXCLUDED: usize = 100;

/// The decisions of a listener on a request. Every key is assumed to verify it, and no server is asked.
pub(super) struct Course {
    pub(super) decided: ListenerDecided,
    /// The question that each run would ask next.
    pub(super) asks: BTreeMap<RunId, Ask>,
    /// The keys that each run has been assumed to have, in the order of its interceptors.
    pub(super) keys: BTreeMap<RunId, Vec<KeyFinding>>,
    /// The headers with invented credentials.
    pub(super) invented: Vec<String>,
    /// How many triggers wait for events of another type, or with another text in the body.
    pub(super) excluded: usize,
    /// Why, as their interceptors say it: each interceptor with its message.
    pub(super) exclusions: BTreeSet<(Arc<str>, String)>,
}

impl Course {
    /// Decides about a request.
    pub(super) async fn of(
        listener: &Listener,
        state: State,
        source: &ListenerSource,
        invented: Vec<String>,
    ) -> Self {
        let mut answers = ListenerAnswers::default();
        let (mut asks, mut wanted) = (BTreeMap::new(), BTreeMap::<RunId, Vec<KeyRef>>::new());
        // Each round answers a question of every run that has one, and a chain has few.
        let decided = loop {
            let decided = listener.decide(&state, &answers);
            if decided.needs.is_empty() {
                break decided;
            }
            for (run, ask) in &decided.needs {
                answers.add(run, ask, assumed(ask));
                if let Question::Secret(check) = &ask.question {
                    let keys = wanted.entry(run.clone()).or_default();
                    if !keys.contains(&check.key) {
                        keys.push(check.key.clone());
                    }
                } else {
                    asks.insert(run.clone(), ask.clone());
                }
            }
        };
        let mut keys = BTreeMap::new();
        for (run, wanted) in wanted {
            let mut found = Vec::new();
            for key in &wanted {
                found.push(KeyFinding::of(key, source.secrets.as_ref()).await);
            }
            keys.insert(run, found);
        }
        let groups = decided.groups.iter().filter(|group| matches!(group.outcome, GroupOutcome::Passed));
        // A group that has replaced headers or body would have been asked first.
        let in_groups =
            groups.filter_map(|decision| Some(listener.group(&decision.run)?.excluded(&state).len()));
        let excluded = listener.excluded(&state).len() + in_groups.sum::<usize>();
        let exclusions = listener.decide_excluded(&state, MOST_EXCLUDED);
        let exclusions = exclusions.iter().filter_map(|decision| super::report::stop(&decision.records));
        Self { exclusions: exclusions.collect(), decided, asks, keys, invented, excluded }
    }

    /// Whether a Secret that a run needs, or its group, holds no key.
    pub(super) fn has_no_key(&self, run: &RunId) -> bool {
        let mut runs = self.keys.iter().filter(|(other, _)| is_behind(run, other));
        runs.any(|(_, keys)| keys.iter().any(KeyFinding::is_absent))
    }
}

/// The answer to a question that nothing here can answer.
fn assumed(ask: &Ask) -> Answer {
    match ask.question {
        Question::Secret(_) => Answer::Secret(SecretAnswer::Verified),
        _ => Answer::Unknown("it is not asked".to_owned()),
    }
}

/// Whether a run is `other`, or that of a trigger in the group with the run `other`.
pub(super) fn is_behind(run: &RunId, other: &RunId) -> bool {
    let rest = run.as_str().strip_prefix(other.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The forms in which the chains of a listener expect credentials, each once, in the order of the triggers.
pub(super) fn schemes(listener: &Listener) -> Vec<Scheme> {
    let own = listener.triggers().map(|(_, trigger)| &trigger.chain);
    let groups = listener.groups().flat_map(|group| {
        std::iter::once(&group.chain).chain(group.triggers().map(|(_, trigger)| &trigger.chain))
    });
    let mut found = Vec::new();
    for scheme in own.chain(groups).filter_map(|chain| scheme(chain.as_ref().ok()?)) {
        if !found.contains(&scheme) {
            found.push(scheme);
        }
    }
    found
}

fn scheme(chain: &Chain) -> Option<Scheme> {
    match chain.authentication() {
        Authentication::Secret(demand) => Some(demand.scheme),
        Authentication::Open | Authentication::Closed => None,
    }
}
