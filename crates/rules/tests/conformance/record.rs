//! The form of a record.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Objects, requests, and what happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// What Tekton's listener does, in one sentence.
    pub(crate) statement: String,
    /// Why ours does something else, where it does.
    pub(crate) differs: Option<String>,
    /// Whether the objects were stored without the validation and defaults of Tekton's admission.
    #[serde(default)]
    pub(crate) unvalidated: bool,
    /// The objects. The first key is the kind, its value the namespace and the name.
    pub(crate) objects: Vec<Map<String, Value>>,
    /// The objects that validation refuses, which therefore do not exist.
    #[serde(default)]
    pub(crate) refused: Vec<Map<String, Value>>,
    /// Servers that interceptors call.
    #[serde(default)]
    pub(crate) servers: Vec<Server>,
    /// What the API of the Git provider says.
    pub(crate) forge: Option<Forge>,
    /// Created objects that the API server refuses.
    #[serde(default)]
    pub(crate) refusals: Vec<Refusal>,
    /// Requests, one after the other.
    pub(crate) exchanges: Vec<Exchange>,
}

/// A server with its only answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Host, port and path, without the scheme. The host `*` is any.
    pub(crate) url: String,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: Headers,
    #[serde(default)]
    pub(crate) body: String,
    /// The seconds until the answer.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// Whether it speaks TLS.
    #[serde(default)]
    pub(crate) tls: bool,
}

fn ok() -> u16 {
    200
}

/// A Git provider with one repository.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forge {
    /// The public members of the organization; absent if the owner is none.
    pub(crate) members: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) collaborators: Vec<String>,
    /// The file OWNERS.
    pub(crate) owners: Option<String>,
    /// The files of pull requests.
    #[serde(default)]
    pub(crate) files: Vec<String>,
}

/// A created object that the API server refuses. All that is given has to apply.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    #[serde(rename = "as")]
    pub(crate) account: Option<String>,
    pub(crate) trigger: Option<String>,
    pub(crate) kind: Option<String>,
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: Option<String>,
    /// Why, for readers.
    #[allow(dead_code, reason = "for readers of the record")]
    pub(crate) because: String,
}

/// A request, and what happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// Method and target.
    pub(crate) request: String,
    #[serde(default)]
    pub(crate) headers: Headers,
    #[serde(default)]
    pub(crate) body: String,
    /// The body with U+00XX for the byte XX, if it is no UTF-8.
    pub(crate) latin1: Option<String>,
    /// A large body.
    pub(crate) padded: Option<Padded>,
    /// Whether the body has no length.
    #[serde(default)]
    pub(crate) chunked: bool,
    /// `accepted`, `accepted as CloudEvent`, `probe`, `error`, `{refused: reason}` or `{redirected: target}`.
    pub(crate) answer: Value,
    /// The objects, of each trigger in order.
    #[serde(default)]
    pub(crate) created: Vec<Value>,
    /// What interceptors in process decide: the keys of the extensions that they add, or code and message.
    #[serde(default)]
    pub(crate) interceptors: Vec<Value>,
    /// The requests to servers.
    #[serde(default)]
    pub(crate) calls: Vec<Value>,
    /// Where Tekton's listener varies: each result that it has.
    pub(crate) any: Option<Vec<Vec<Value>>>,
    /// What ours does.
    pub(crate) here: Option<Here>,
}

/// What ours does instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Here {
    pub(crate) answer: Option<Value>,
    pub(crate) created: Option<Vec<Value>>,
    pub(crate) interceptors: Option<Vec<Value>>,
    pub(crate) calls: Option<Vec<Value>>,
}

/// A body of `times` letters between two texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Padded {
    pub(crate) before: String,
    pub(crate) times: usize,
    pub(crate) behind: String,
}

/// Headers as a map, or as pairs where one is repeated.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Headers {
    Map(Map<String, Value>),
    Pairs(Vec<(String, String)>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

impl Headers {
    pub(crate) fn read(&self) -> trigger_expr::Headers {
        let mut headers = trigger_expr::Headers::new();
        match self {
            Self::Map(map) => {
                for (name, value) in map {
                    headers.append(name, value.as_str().unwrap().to_owned());
                }
            }
            Self::Pairs(pairs) => {
                for (name, value) in pairs {
                    headers.append(name, value.clone());
                }
            }
        }
        headers
    }
}

impl Exchange {
    pub(crate) fn payload(&self) -> Vec<u8> {
        match (&self.latin1, &self.padded) {
            (Some(text), _) => text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect(),
            (_, Some(Padded { before, times, behind })) => {
                format!("{before}{}{behind}", "x".repeat(*times)).into_bytes()
            }
            _ => self.body.clone().into_bytes(),
        }
    }
}
