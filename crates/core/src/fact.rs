use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AbbreviatedCommit, Commit, RepoId};

/// Something that a rule cannot decide without asking, since the payload does not say it.
///
/// A decision names its needs; the dispatcher gathers a [`Fact`] for each, stores it with the delivery, and decides
/// again. A replay and `explain` read stored facts and ask no service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "need", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Need {
    /// The full id of a commit, of which the payload holds only the first digits.
    FullCommit {
        /// The repository that holds the commit.
        repository: RepoId,
        /// The digits of the payload.
        abbreviated: AbbreviatedCommit,
    },
    /// The answer to a question of an interceptor of a listener.
    Interceptor {
        /// Which run of a trigger or group asks.
        run: String,
        /// The trigger or group, as interceptors see it.
        trigger: String,
        /// The place of the interceptor in its chain, from 0.
        place: usize,
        /// The subject of the question.
        subject: String,
    },
}

/// The answer to a [`Need`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FactValue {
    /// The full id of the commit.
    Commit(Commit),
    /// The answer to a question of an interceptor, as JSON. It holds no Secret.
    Answer(Value),
    /// The service could not say, or there is no credential to ask it with: the reason, in a sentence.
    Unknown(String),
}

/// A need with its answer, as it is stored with the delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The question.
    #[serde(flatten)]
    pub need: Need,
    /// The answer.
    pub value: FactValue,
    /// When the answer arrived.
    pub at: Timestamp,
}

/// The facts that are known about one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// The answer to `need`, if it was asked.
    pub fn get(&self, need: &Need) -> Option<&FactValue> {
        self.0.iter().find(|fact| fact.need == *need).map(|fact| &fact.value)
    }

    /// Adds a fact. The first answer to a need stands: what was decided with it must stay explainable.
    pub fn add(&mut self, fact: Fact) {
        if self.get(&fact.need).is_none() {
            self.0.push(fact);
        }
    }

    /// The facts, in the order in which they were gathered.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(digits: &str) -> Need {
        let repository = RepoId::parse("https://git.example.com/acme/web").unwrap();
        Need::FullCommit { repository, abbreviated: AbbreviatedCommit::parse(digits).unwrap() }
    }

    #[test]
    fn the_first_answer_stands_and_survives_json() {
        let at = Timestamp::UNIX_EPOCH;
        let commit = Commit::parse(&"a".repeat(40)).unwrap();
        let mut facts = Facts::default();
        facts.add(Fact { need: need("aaaaaaaaaaaa"), value: FactValue::Commit(commit.clone()), at });
        facts.add(Fact { need: need("aaaaaaaaaaaa"), value: FactValue::Unknown("gone".into()), at });
        assert_eq!(facts.get(&need("aaaaaaaaaaaa")), Some(&FactValue::Commit(commit)));
        assert_eq!(facts.get(&need("bbbbbbb")), None);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts, "{json}");
    }
}
