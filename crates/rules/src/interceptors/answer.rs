use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ask::AskKey;
use super::wire::WireResponse;

/// The answer to a question of a chain, as it is stored. It holds no Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The verdict of a check with a Secret. For a question about a provider: why its access token is not known.
    Secret(SecretAnswer),
    /// The response of an interceptor, with any status.
    Response(WireResponse),
    /// The files of a pull request, with their full paths.
    ChangedFiles(Vec<String>),
    /// Whether a person is in the list.
    Member(bool),
    /// The text of the file `OWNERS`; `None` if there is no such file.
    OwnersFile(Option<String>),
    /// The provider's API refuses to answer: its error, in a sentence. The event stops, and asking again does not help.
    Refused(String),
    /// There is no answer after all retries: the reason, in a sentence. It quotes no Secret.
    Unknown(String),
}

/// The verdict of a check with a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretAnswer {
    /// The key verifies what was presented.
    Verified,
    /// It does not.
    Refused,
    /// The Secret does not exist.
    NoSecret,
    /// The Secret has no such entry.
    NoEntry,
}

/// The answers about one delivery that are known so far. Its JSON is a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Stored>", into = "Vec<Stored>")]
pub struct Answers(BTreeMap<AskKey, Answer>);

/// An answer with its key.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    key: AskKey,
    answer: Answer,
}

impl Answers {
    /// The answer to a question, if it was asked.
    pub fn get(&self, key: &AskKey) -> Option<&Answer> {
        self.0.get(key)
    }

    /// Adds an answer. The first one to a question stands: what was decided with it must stay explainable.
    pub fn add(&mut self, key: AskKey, answer: Answer) {
        self.0.entry(key).or_insert(answer);
    }

    /// The answers, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&AskKey, &Answer)> {
        self.0.iter()
    }
}

impl From<Vec<Stored>> for Answers {
    fn from(stored: Vec<Stored>) -> Self {
        let mut answers = Self::default();
        for Stored { key, answer } in stored {
            answers.add(key, answer);
        }
        answers
    }
}

impl From<Answers> for Vec<Stored> {
    fn from(answers: Answers) -> Self {
        answers.0.into_iter().map(|(key, answer)| Stored { key, answer }).collect()
    }
}

#[cfg(test)]
mod tests {
    use trigger_expr::Headers;

    use super::*;

    #[test]
    fn the_first_answer_stands_and_all_survive_json() {
        let key = |place| AskKey { trigger: "t".into(), place, subject: "secret hook/token".into() };
        let mut answers = Answers::default();
        answers.add(key(0), Answer::Secret(SecretAnswer::Verified));
        answers.add(key(0), Answer::Secret(SecretAnswer::Refused));
        answers.add(key(1), Answer::Response(WireResponse::new(200, "OK", Headers::new(), b"{}")));
        answers.add(key(2), Answer::OwnersFile(None));
        answers.add(key(3), Answer::ChangedFiles(vec!["a".into()]));
        answers.add(key(4), Answer::Unknown("no route".into()));
        assert_eq!(answers.get(&key(0)), Some(&Answer::Secret(SecretAnswer::Verified)));
        assert_eq!(answers.get(&key(9)), None);
        let json = serde_json::to_string(&answers).unwrap();
        assert!(json.starts_with(r#"[{"trigger":"t","place":0,"subject":"secret hook/token","#), "{json}");
        assert_eq!(serde_json::from_str::<Answers>(&json).unwrap(), answers);
        assert_eq!(answers.iter().count(), 5);
    }
}
