//! Git providers: their webhooks, credentials and payloads.
//!
//! This crate knows how a provider names its events, which header holds its signature and which JSON field holds
//! what. It turns requests into the words of [`trigger_core`] and knows nothing of rules, Builds or Kubernetes. It does
//! no I/O and reads no clock. Requests of strangers reach it first, so everything in it is bounded and nothing in it
//! may panic.
//!
//! Start at [`Provider`]. A folder per provider implements it, and [`ALL`] lists the folders. The fields of a
//! provider's JSON stay in its folder.
//!
//! | module | content |
//! |---|---|
//! | `provider` | the trait [`Provider`] |
//! | `registry` | the table [`ALL`], [`known_hosts`] and [`parse_repository`] |
//! | `request` | [`RequestPayload`], [`Selector`], [`DeliveryIdentity`] |
//! | `header`, `body`, `json` | bounded reading, the same for every provider |
//! | `labels` | the labels of a pull request |
//! | `pushed_commits` | the files of a push, from the commits of a payload |
//! | `event_name`, `event_spelling` | [`rule_event_name`] and the spellings that people use |
//! | `error` | [`PayloadError`] |
//! | `forge`, `link` | requests to the API of a provider and its responses, as data: [`Forge`] |
//! | `sample` | [`Sample`]: events to compose, for trying a set-up out |
//!
//! # Adding a provider
//!
//! 1. Make a folder beside `github/`, called as the provider is in paths and Secret entries, with a type that
//!    implements [`Provider`].
//! 2. Add one line to [`ALL`]. A test compares it with the folders.
//! 3. If the provider presents something else than an HMAC-SHA-256 or a token, add a variant to
//!    [`trigger_core::Credential`], where all comparing with keys happens.
#![forbid(unsafe_code)]

mod body;
mod error;
mod event_name;
mod event_spelling;
mod forge;
mod gitea;
mod github;
mod gitlab;
mod header;
mod json;
mod labels;
mod limits;
mod link;
mod provider;
mod pushed_commits;
mod registry;
mod request;
mod sample;
#[cfg(test)]
mod testing;

pub use error::PayloadError;
pub use event_name::{own_event_name, own_event_names, rule_event_name, rule_event_names};
pub use event_spelling::EventNames;
pub use forge::{Forge, ForgeAnswer, ForgeError, ForgeQuery, ForgeRepository, ForgeRequest};
pub use gitea::Gitea;
pub use github::GitHub;
pub use gitlab::GitLab;
pub use header::header_map;
pub use limits::LIMITS;
pub use provider::Provider;
pub use registry::{ALL, by_name, key_entries, known_hosts, parse_repository, sender};
pub use request::{DeliveryIdentity, RequestPayload, Selector};
pub use sample::{Sample, SampleError, SampleKind, SampleRequest};
