//! The domain types that every other crate speaks.
//!
//! - [`Event`], [`Events`]: the provider-neutral meaning of a delivery. Each event has an [`Ordinal`] within it.
//! - [`ChangedFiles`]: the files that an event changes, or why they are not known.
//! - [`Delivery`]: the bytes that reached us, under a [`DeliveryId`] that follows from its [`DeliveryKey`].
//! - [`RepoId`], [`ImageRef`], [`Branch`], [`Commit`]: one name for every spelling of a repository, an image, a
//!   ref.
//! - [`ResourceRef`]: the identity of owners, targets and runs, without the version.
//! - [`Credential`], [`Verifier`], [`Verification`], [`Verified`]: what a sender presents, the check, its stored
//!   result, and a value whose origin is verified.
//! - [`FormPayload`]: a body that holds JSON in the one field of a form.
//! - [`Waiting`], [`Presented`]: the Secrets that could not be read yet, and digests of what the sender presented.
//! - [`Need`], [`Fact`]: a question that the payload leaves open, and its stored answer.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock (times are passed in), no Kubernetes type, no provider's JSON.
//! - A value that exists is valid. A `RepoId`, `Branch` or `Commit` is parsed once, at the edge.
//! - Credentials are compared with keys in `credential` only, in constant time. Every key is tried, also after a
//!   match.
//! - A `Verified` value comes from a [`Verifier`], an [`Observer`] or a [`ListenerGate`].
//! - A repository's name finds rules and proves nothing. The key of a rule does.
#![forbid(unsafe_code)]

mod changed_files;
mod credential;
mod delivery;
mod dns_name;
mod event;
mod events;
mod fact;
mod form;
mod git;
mod go_duration;
mod header;
mod image;
mod json_memory;
mod json_size;
mod labels;
mod limit;
mod limits;
mod object_key;
mod presented;
mod repository;
mod resource;
mod target;
mod trace_parent;
mod uuid;
mod verification;
mod verifier;
mod waiting;

pub use changed_files::{ChangedFiles, FileList, FileListError};
pub use credential::{Credential, CredentialError, Credentials, Hmac, HmacAlgorithm, KeyForm, sign};
pub use delivery::{Delivery, DeliveryId, DeliveryKey, InvalidDeliveryId, Replay};
pub use dns_name::{is_dns_label, is_dns_subdomain, is_label_value};
pub use event::{
    Event, GitEvent, GitEventKind, Origin, PipelineRunEvent, PullRequest, PullRequestAction, PushMark,
    Repository, RunClass, WebhookEvent,
};
pub use events::{Events, EventsError, Ordinal};
pub use fact::{Fact, FactValue, Facts, Need};
pub use form::FormPayload;
pub use git::{AbbreviatedCommit, Branch, Commit, CommitRef, GitRef, InvalidGitName, Tag};
pub use go_duration::go_duration;
pub use header::{RepeatedHeader, canonical_header_name, single};
pub use image::{
    Digest, ImageChange, ImageEvent, ImageRef, ImageRefError, ImageSource, InvalidDigest, PushHint,
};
pub use json_memory::{check_memory, memory_of, value_memory};
pub use json_size::json_size;
pub use labels::Labels;
pub use limit::{Limit, Unit};
pub use limits::LIMITS;
pub use object_key::ObjectKey;
pub use presented::Presented;
pub use repository::{KnownHosts, RepoId, RepoIdError, RepoKey};
pub use resource::ResourceRef;
pub use target::{Cause, Target};
pub use trace_parent::{NoTraceParent, TraceParent};
pub use uuid::{derived_uuid, event_id};
pub use verification::{
    KeyRef, ListenerGate, Observer, Unsigned, Verification, Verified, id_without_key, narrowed_id,
    narrowed_id_of_secret,
};
pub use verifier::{Arrival, Verifier};
pub use waiting::{Waiting, WaitingSecret};
