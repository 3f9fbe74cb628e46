//! What happened.
//!
//! This crate knows the words everything else speaks: [`Event`] (the provider-neutral meaning),
//! [`Delivery`] (the bytes that reached us, under an id of their own), [`RepoId`] and [`ImageRef`] (one name
//! for every spelling of a repository, and of an image) and [`Verified`] (a value whose origin has been proven).
//!
//! It is pure: no I/O, no clock, no Kubernetes, no JSON of any provider.
#![forbid(unsafe_code)]

mod credential;
mod delivery;
mod event;
mod events;
mod fact;
mod git;
mod header;
mod image;
mod object_key;
mod repository;
mod resource;
mod target;
mod trace_parent;
mod verification;

pub use credential::{Credential, CredentialError, Credentials, Hmac, KeyForm, sign};
pub use delivery::{Delivery, DeliveryId, DeliveryKey, InvalidDeliveryId, Replay};
pub use event::{
    Event, GitEvent, GitEventKind, Origin, PipelineRunEvent, PullRequest, PullRequestAction, Repository,
    RunClass,
};
pub use events::{Events, EventsError, Ordinal};
pub use fact::{Fact, FactValue, Facts, Need};
pub use git::{AbbreviatedCommit, Branch, Commit, CommitRef, GitRef, InvalidGitName, Tag};
pub use header::{RepeatedHeader, single};
pub use image::{
    Digest, ImageChange, ImageEvent, ImageRef, ImageRefError, ImageSource, InvalidDigest, PushHint,
};
pub use object_key::ObjectKey;
pub use repository::{KnownHosts, RepoId, RepoIdError, RepoKey};
pub use resource::ResourceRef;
pub use target::{Cause, Target};
pub use trace_parent::{NoTraceParent, TraceParent};
pub use verification::{KeyRef, Observer, Unsigned, Verification, Verified, Verifier};
