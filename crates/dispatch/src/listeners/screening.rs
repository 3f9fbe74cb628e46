//! The look at a request to a listener before it is kept: whether a trigger accepts its sender, and whether it starts
//! anything.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::time::Instant;
use trigger_core::{Delivery, DeliveryId, Facts, ObjectKey};
use trigger_rules::interceptors::{
    Answer, Ask, AskKey, Authentication, Chain, Question, SecretAnswer, SecretCheck,
};
use trigger_rules::listeners::{
    Choice, Listener, ListenerDecided, ListenerGroup, ListenerInventory, ListenerSettings, ListenerTrigger,
    RunId, TriggerPlace,
};
use trigger_runtime::{SecretError, Secrets};

use super::answers::Gathered;
use super::record::ListenerDecisions;
use super::request::ListenerRequest;
use super::secrets::check_secrets;
use super::turns::decide;
use crate::inline::InlineDecision;

/// The questions for Secrets of one chain follow each other in so many rounds at most.
const MOST_ROUNDS: usize = 16;

/// The memory in which bodies are read as JSON, which all requests share.
pub trait BodyMemory: Send + Sync {
    /// Waits for the memory to read this body for a listener of a namespace, which is given back with the result. `None` if
    /// there is none in time.
    fn for_body<'a>(
        &'a self,
        namespace: &'a Arc<str>,
        body: &'a [u8],
    ) -> BoxFuture<'a, Option<Box<dyn Send>>>;
}

/// The result of looking at a request before it is kept.
pub enum Screened {
    /// The listener does not exist any more.
    Absent,
    /// There is no memory to read its body. The sender is asked to come again.
    NoMemory,
    /// Every trigger that the request concerns authenticates senders, and no key verifies this one.
    Unauthenticated {
        /// The Secrets that were tried, each with the result.
        tried: Vec<TriedKey>,
    },
    /// No key verifies it, and a Secret cannot be read now.
    Unavailable {
        /// The Secrets that were tried, each with the result.
        tried: Vec<TriedKey>,
        /// The request, to be kept where something else vouches for its sender: the Secret is asked later.
        unverified: Box<AcceptedRequest>,
    },
    /// It is to be kept.
    Accepted(Box<AcceptedRequest>),
}

/// A Secret, and whether its key verifies the sender.
pub type TriedKey = (ObjectKey, Result<SecretAnswer, SecretError>);

/// A request that is to be kept.
pub struct AcceptedRequest {
    /// The request as it is kept.
    pub delivery: Delivery,
    /// The answers of Secrets.
    pub facts: Facts,
    /// The decisions, if it starts nothing and nothing else has to be asked.
    pub decided: Option<InlineDecision>,
    /// Whether no key has verified the sender: it counts against the budget of open listeners.
    pub is_open: bool,
}

/// Looks at a request to one of `listeners`, whose body is read in `memory`. The Secrets that it concerns may take until
/// `until`.
pub async fn screen(
    listeners: &ListenerInventory,
    request: ListenerRequest,
    id: DeliveryId,
    memory: &dyn BodyMemory,
    secrets: &dyn Secrets,
    until: Instant,
) -> Screened {
    let mut facts = Facts::default();
    let mut screening = Screening {
        listeners,
        request: &request,
        id: &id,
        memory,
        gathered: Gathered::of(&mut facts),
        tried: Vec::new(),
        presented: BTreeSet::new(),
        left_open: HashMap::new(),
    };
    let look = match screening.look(Choice::Candidates, secrets, until).await {
        Ok(look) => look,
        Err(screened) => return screened,
    };
    let Look { settings, decided, mut door } = look;
    if !door.is_closed && !screening.is_verified() {
        // No trigger for this body knows its sender. An organization's hook sends the events of all its repositories, also
        // of those without a trigger: others that take this type of event do.
        match screening.look(Choice::StandIns, secrets, until).await {
            Ok(further) => door.add(&further.door),
            Err(screened) => return screened,
        }
    }
    let is_verified = screening.is_verified();
    let Screening { tried, presented, .. } = screening;
    let is_refused = !is_verified && door.is_closed && !door.is_open;
    if is_refused && tried.iter().all(|(_, answer)| answer.is_ok()) {
        return Screened::Unauthenticated { tried };
    }
    let decided = ListenerDecisions::of_skipped(&settings, &decided).map(ListenerDecisions::into_inline);
    let delivery = request.into_delivery(id, &presented);
    let request = Box::new(AcceptedRequest { delivery, facts, decided, is_open: !is_verified });
    if is_refused {
        Screened::Unavailable { tried, unverified: request }
    } else {
        Screened::Accepted(request)
    }
}

/// What one look at a request finds.
struct Look {
    settings: Arc<ListenerSettings>,
    decided: ListenerDecided,
    /// Whether the triggers let anybody in.
    door: Door,
}

struct Screening<'a> {
    listeners: &'a ListenerInventory,
    request: &'a ListenerRequest,
    id: &'a DeliveryId,
    memory: &'a dyn BodyMemory,
    gathered: Gathered<'a>,
    tried: Vec<TriedKey>,
    /// The canonical names of headers that present a key itself.
    presented: BTreeSet<String>,
    /// The questions that are left for the dispatcher: their Secret could not be read, and the credential is stored.
    left_open: HashMap<RunId, Vec<AskKey>>,
}

impl Screening<'_> {
    /// Decides about the triggers of `choice`, with the answers of the Secrets that they ask for. An error says why that
    /// cannot be.
    async fn look(
        &mut self,
        choice: Choice,
        secrets: &dyn Secrets,
        until: Instant,
    ) -> Result<Look, Screened> {
        for _ in 0..MOST_ROUNDS {
            let mut look = self.look_once(choice).await?;
            let is_asked = |(run, ask): &(RunId, Ask)| {
                matches!(ask.question, Question::Secret(_)) && !self.is_left_open(run, ask)
            };
            if !look.decided.needs.iter().any(is_asked) {
                return Ok(look);
            }
            // The triggers are decided again: what they would start takes memory.
            let needs = std::mem::take(&mut look.decided.needs);
            drop(look);
            let asked = needs.iter().filter_map(|(run, ask)| match &ask.question {
                Question::Secret(check) if !self.is_left_open(run, ask) => Some((run, ask, check)),
                _ => None,
            });
            let asked: Vec<_> = asked.collect();
            let checks: Vec<_> = asked.iter().map(|(_, _, check)| *check).collect();
            let answers = check_secrets(&checks, secrets, until).await;
            for ((run, ask, check), answer) in asked.into_iter().zip(answers) {
                self.note(run, ask, check, answer);
            }
        }
        self.look_once(choice).await
    }

    /// Reads the body again each time, and takes the listener as it is then. Neither is held while Secrets are read: a
    /// tenant whose Secrets are many or slow would take the memory from others.
    async fn look_once(&self, choice: Choice) -> Result<Look, Screened> {
        let key = &self.request.listener;
        let memory = self.memory.for_body(&key.namespace, &self.request.body).await;
        let _memory = memory.ok_or(Screened::NoMemory)?;
        let listeners = self.listeners.current().ok_or(Screened::Absent)?;
        let listener = listeners.listener(&key.namespace, &key.name).ok_or(Screened::Absent)?;
        let state = self.request.state(self.id);
        let decided = decide(listener, choice, &state, &self.gathered.answers).await;
        let door = match choice {
            Choice::Candidates => {
                Door::of(&listener.candidates(&state), listener, |group| group.concerned(&state))
            }
            Choice::StandIns => {
                Door::of(&listener.stand_ins(&state), listener, |group| group.stand_ins(&state))
            }
        };
        Ok(Look { settings: Arc::clone(&listener.settings), decided, door })
    }

    /// Whether a key verifies the sender.
    fn is_verified(&self) -> bool {
        self.tried.iter().any(|(_, answer)| *answer == Ok(SecretAnswer::Verified))
    }

    fn is_left_open(&self, run: &RunId, ask: &Ask) -> bool {
        self.left_open.get(run).is_some_and(|left| left.contains(&ask.key))
    }

    fn note(
        &mut self,
        run: &RunId,
        ask: &Ask,
        check: &SecretCheck,
        answer: Result<SecretAnswer, SecretError>,
    ) {
        let presenting = self
            .request
            .headers
            .iter()
            .filter(|(_, values)| values.iter().any(|value| check.is_presented_by(value)));
        let presenting: Vec<_> = presenting.map(|(name, _)| name.to_owned()).collect();
        match &answer {
            Ok(answer) => self.gathered.add(run, ask, Answer::Secret(*answer)),
            // The presented token is not stored, so the Secret is of no use later.
            Err(error) if !presenting.is_empty() => {
                let reason = format!("{error}, and the presented token is not kept; send the event again");
                self.gathered.add(run, ask, Answer::Unknown(reason));
            }
            Err(_) => self.left_open.entry(run.clone()).or_default().push(ask.key.clone()),
        }
        self.presented.extend(presenting);
        self.tried.push((check.key.secret.clone(), answer));
    }
}

/// Whether the triggers that a request concerns let anybody in.
#[derive(Default)]
struct Door {
    /// One of them asks for no Secret.
    is_open: bool,
    /// One of them asks for a Secret.
    is_closed: bool,
}

/// A trigger with its place in the listener.
type Placed<'a> = (&'a TriggerPlace, &'a Arc<ListenerTrigger>);

impl Door {
    /// The door of these triggers without a group, and of those of the groups.
    fn of<'a>(
        triggers: &[Placed<'_>],
        listener: &'a Listener,
        of_group: impl Fn(&'a ListenerGroup) -> Vec<Placed<'a>>,
    ) -> Self {
        let mut door = Self::default();
        for (_, trigger) in triggers {
            trigger.chain.iter().for_each(|chain| door.note(chain));
        }
        for group in listener.groups() {
            let Ok(chain) = &group.chain else { continue };
            let triggers = of_group(group);
            if chain.authentication() == Authentication::Open {
                triggers.iter().flat_map(|(_, trigger)| &trigger.chain).for_each(|chain| door.note(chain));
            } else if !triggers.is_empty() {
                door.is_closed = true;
            }
        }
        door
    }

    /// Adds the triggers of another door.
    fn add(&mut self, other: &Self) {
        self.is_open |= other.is_open;
        self.is_closed |= other.is_closed;
    }

    fn note(&mut self, chain: &Chain) {
        match chain.authentication() {
            Authentication::Open => self.is_open = true,
            Authentication::Secret(_) | Authentication::Closed => self.is_closed = true,
        }
    }
}
