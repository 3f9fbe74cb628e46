//! The answers to the questions of interceptors, as facts of a delivery.

use futures::future::BoxFuture;
use jiff::Timestamp;
use trigger_core::{Fact, FactValue, Facts, Need};
use trigger_rules::interceptors::{Answer, Ask, AskKey};
use trigger_rules::listeners::{ListenerAnswers, RunId};

/// The most questions that the interceptors of a listener ask about one event. The answers are stored with the delivery.
pub(crate) const MOST_ANSWERS: usize = 1024;

/// Answers the questions of interceptors that Secrets do not answer: calls of interceptors outside this process, and
/// questions to the APIs of Git providers.
pub trait AnswerSource: Send + Sync + 'static {
    /// The answer to a question of a trigger in `namespace`. [`Answer::Unknown`] if there is none after all retries.
    fn answer<'a>(&'a self, ask: &'a Ask, namespace: &'a str) -> BoxFuture<'a, Answer>;
}

/// The answers of a delivery: those that are stored, and further ones.
pub(super) struct Gathered<'a> {
    pub(super) answers: ListenerAnswers,
    facts: &'a mut Facts,
    known: usize,
    /// Whether facts were added.
    pub(super) has_new: bool,
}

impl<'a> Gathered<'a> {
    /// The answers among `facts`, to which further ones are added.
    pub(super) fn of(facts: &'a mut Facts) -> Self {
        let (mut answers, mut known) = (ListenerAnswers::default(), 0);
        for (run, key, answer) in facts.iter().filter_map(stored) {
            answers.add_stored(run, key, answer);
            known += 1;
        }
        Self { answers, facts, known, has_new: false }
    }

    /// Adds an answer that is stored with the delivery.
    pub(super) fn add(&mut self, run: &RunId, ask: &Ask, answer: Answer) {
        let answer = if self.known < MOST_ANSWERS { answer } else { Self::too_many() };
        // An answer is data and always has a JSON form.
        let Ok(value) = serde_json::to_value(&answer) else { return };
        if self.known < MOST_ANSWERS {
            let AskKey { trigger, place, subject } = ask.key.clone();
            let need = Need::Interceptor { run: run.as_str().to_owned(), trigger, place, subject };
            self.facts.add(Fact { need, value: FactValue::Answer(value), at: Timestamp::now() });
            self.has_new = true;
        }
        self.known += 1;
        self.answers.add(run, ask, answer);
    }

    fn too_many() -> Answer {
        Answer::Unknown(format!(
            "the triggers of the listener ask more than {MOST_ANSWERS} questions about the event"
        ))
    }
}

fn stored(fact: &Fact) -> Option<(RunId, AskKey, Answer)> {
    let (Need::Interceptor { run, trigger, place, subject }, FactValue::Answer(value)) =
        (&fact.need, &fact.value)
    else {
        return None;
    };
    let key = AskKey { trigger: trigger.clone(), place: *place, subject: subject.clone() };
    let answer = serde_json::from_value(value.clone()).ok()?;
    Some((RunId::stored(run.clone()), key, answer))
}

#[cfg(test)]
mod tests {
    use trigger_core::KeyRef;
    use trigger_core::ObjectKey;
    use trigger_rules::interceptors::{ForgeAccess, PullRequestFiles, Question, SecretAnswer};

    use super::*;

    fn ask(place: usize) -> Ask {
        let token = Some(KeyRef::new(ObjectKey::new("team-a", "hook"), "token"));
        let access = ForgeAccess {
            provider: "github",
            host: None,
            token,
            owner: "acme".to_owned(),
            repository: "web".to_owned(),
        };
        let key = AskKey {
            trigger: "namespaces/team-a/triggers/ci".to_owned(),
            place,
            subject: "files".to_owned(),
        };
        Ask { key, question: Question::ChangedFiles(PullRequestFiles { access, number: 7 }) }
    }

    #[test]
    fn answers_are_facts_and_the_first_one_stands() {
        let run = RunId::stored("trigger/team-a/ci".to_owned());
        let mut facts = Facts::default();
        let mut gathered = Gathered::of(&mut facts);
        assert!(!gathered.has_new);
        gathered.add(&run, &ask(0), Answer::Secret(SecretAnswer::Verified));
        gathered.add(&run, &ask(0), Answer::Secret(SecretAnswer::Refused));
        assert!(gathered.has_new);
        let json = serde_json::to_string(&facts).unwrap();
        let mut read: Facts = serde_json::from_str(&json).unwrap();
        assert_eq!(read, facts);
        let again = Gathered::of(&mut read);
        let answer = again.answers.get(&run, &ask(0).key);
        assert_eq!(answer, Some(&Answer::Secret(SecretAnswer::Verified)));
        assert!(!again.has_new);
    }

    #[test]
    fn the_number_of_answers_of_a_delivery_is_bounded() {
        let run = RunId::stored("trigger/team-a/ci".to_owned());
        let mut facts = Facts::default();
        let mut gathered = Gathered::of(&mut facts);
        for place in 0..MOST_ANSWERS + 2 {
            gathered.add(&run, &ask(place), Answer::Member(true));
        }
        let last = gathered.answers.get(&run, &ask(MOST_ANSWERS + 1).key);
        assert!(matches!(last, Some(Answer::Unknown(_))), "{last:?}");
        assert_eq!(facts.iter().count(), MOST_ANSWERS);
    }
}
