use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trigger_core::{Credentials, Digest, KeyRef};

use super::answer::SecretAnswer;
use super::wire::WireRequest;

/// A question that a chain has to have answered before it goes on. The caller stores the answer under the key, as a fact
/// of the delivery, and calls the chain again.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The key of the answer.
    pub key: AskKey,
    /// The question.
    pub question: Question,
}

/// Names a question of a chain about one event. Two questions with one key have one answer: the key follows from the
/// configuration of the interceptor, and everything else follows from the delivery.
///
/// It holds no credential that a sender presented. An expression may take the names of a Secret and of its entry from the
/// body: the subject holds them only if a Secret and an entry can have them, which bounds their length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskKey {
    /// The trigger or group, as interceptors see it in `context.trigger_id`.
    pub trigger: String,
    /// The place of the interceptor in the chain, from 0.
    pub place: usize,
    /// The subject, such as `github secret hook/token`.
    pub subject: String,
}

impl AskKey {
    /// The namespace of the trigger; of a group, that of its listener.
    pub fn namespace(&self) -> &str {
        self.trigger.split('/').nth(1).unwrap_or_default()
    }
}

/// Something that only the cluster or another server knows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// Whether a key in a Secret verifies what a sender presents.
    Secret(SecretCheck),
    /// The answer of an interceptor outside this process.
    Call(Box<WireRequest>),
    /// The files that a pull request changes, of all pages of the provider's list.
    ChangedFiles(PullRequestFiles),
    /// Whether a repository or its organization lists a person.
    Membership(Membership),
}

/// The check of presented credentials with one key. The key's value stays with the caller: only the verdict is an answer.
#[derive(Clone, PartialEq)]
pub struct SecretCheck {
    /// The Secret and its entry. The value counts as it is, with a line break at its end.
    pub key: KeyRef,
    credentials: Credentials,
    signed: Bytes,
}

/// Access to the API of a Git provider on behalf of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeAccess {
    /// The name of the provider, as the table of providers has it.
    pub provider: &'static str,
    /// The host of a server of one's own, with its port; absent for the public service. It comes from the trigger or from
    /// a payload that a Secret has verified.
    pub host: Option<String>,
    /// The Secret and entry with the access token.
    pub token: Option<KeyRef>,
    /// The owner of the repository: one segment of a path.
    pub owner: String,
    /// The name of the repository: one segment of a path.
    pub repository: String,
}

/// The question for the files of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestFiles {
    /// The repository and the access to it.
    pub access: ForgeAccess,
    /// The number of the pull request.
    pub number: u64,
}

/// The question whether a person may start something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The repository and the access to it.
    pub access: ForgeAccess,
    /// Where the person is looked up.
    pub list: MemberList,
    /// The login name, as the payload has it. Lists are compared with regard to case.
    pub login: String,
}

/// A list of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberList {
    /// The public members of the organization that owns the repository, of all pages. An owner that is no organization has
    /// none.
    Organization,
    /// The collaborators of the repository, of all pages.
    Collaborators,
    /// The text of the file `OWNERS` at the root of the default branch. The answer is the file itself.
    OwnersFile,
}

/// A subject that changes with the configuration behind a question: an answer is never taken for that of another one.
pub(super) fn configured_subject(words: &str, configuration: &str) -> String {
    format!("{words} {}", Digest::of(configuration.as_bytes()).short())
}

impl SecretCheck {
    /// The check whether `key` verifies one of the credentials, which cover `signed`.
    pub(super) fn new(key: KeyRef, credentials: impl Into<Credentials>, signed: Bytes) -> Self {
        Self { key, credentials: credentials.into(), signed }
    }

    /// Whether a credential is a key itself and this value of a header, which must not be stored then.
    pub fn is_presented_by(&self, value: &str) -> bool {
        self.credentials.include_token(value.as_bytes())
    }

    /// Whether the other one has the same answer, of a Secret of one name. Two that cover different copies of the same bytes count
    /// as different: their bytes may be many.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let signs_same =
            (self.signed.as_ptr(), self.signed.len()) == (other.signed.as_ptr(), other.signed.len());
        signs_same && self.key == other.key && self.credentials == other.credentials
    }

    /// Compares in constant time with the value of the entry.
    pub fn compare(&self, value: &[u8]) -> SecretAnswer {
        let verified = self.credentials.are_verified_by(value, &self.signed);
        if verified { SecretAnswer::Verified } else { SecretAnswer::Refused }
    }
}

/// Without what was presented and what it covers.
impl fmt::Debug for SecretCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCheck").field("key", &self.key).finish_non_exhaustive()
    }
}

impl ForgeAccess {
    /// The subject of a question with this access. It changes with the host that is asked, and with the token.
    pub(super) fn subject(&self, words: &str) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        let token = self.token.as_ref().map(|key| format!("{}/{}", key.secret, key.entry));
        configured_subject(words, &format!("{host}\n{}", token.unwrap_or_default()))
    }
}

impl MemberList {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization-member",
            Self::Collaborators => "collaborator",
            Self::OwnersFile => "owners-file",
        }
    }
}
