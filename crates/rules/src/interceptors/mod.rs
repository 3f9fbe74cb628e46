//! The chain of interceptors of a trigger, as a pure state machine.
//!
//! - [`Chain`]: the interceptors of one trigger or group, compiled once from their [`Declaration`]s. [`Chain::advance`]
//!   takes an event ([`State`]) through it, from question to question.
//! - [`Ask`]: what the chain cannot know. The caller answers it, stores the [`Answer`] as a fact of the delivery under its
//!   [`AskKey`], and advances again. The number of questions is bounded by [`Chain::most_asks`].
//! - [`Record`]: what each interceptor decided, for people.
//! - [`Authentication`]: whether senders are authenticated with a Secret before anything is asked, so that intake can
//!   refuse strangers before it keeps anything.
//! - `kinds`: what works in process, under the names of Tekton's core interceptors, and `git`, which is ours. `remote`, `webhook`: what another
//!   server carries out, by the contracts in `wire`. [`ServedRequest`]: what another program asks this one.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock. The same event and answers give the same progress, so a replay asks nothing.
//! - No value of a Secret enters a chain: a check with a Secret is a question whose answer is a verdict. A
//!   presented credential is in the headers only, never in keys, answers and records.
//! - A chain that cannot work is an error when it is compiled, which disables its trigger alone.
//! - No input panics, and every chain ends: interceptors, questions, parameters, extensions and answers are bounded.
//!
//! # Tekton
//!
//! Codes and messages are those of Tekton Triggers where people see them. Deliberately different:
//!
//! - Parameters of a wrong type and expressions that cannot be compiled disable the trigger. There, they stop each event.
//! - A reference without a kind means a ClusterInterceptor, which Tekton's admission sets.
//! - The body after the interceptors of a group is what the triggers of the group get.
//! - Signatures cover the exact bytes. Credentials are quoted in no message, and an empty key verifies nothing.
//! - `Accept-Encoding` of the sender is not passed on to a legacy webhook, whose answer could not be read then.
//! - Kinds say in their own files what is different about them.

mod answer;
mod ask;
mod authentication;
mod body;
mod chain;
mod compile_error;
mod declaration;
mod event_types;
mod form;
mod git_webhook;
mod hook_check;
mod interceptor;
mod kinds;
mod params;
mod record;
mod remote;
mod secret_guard;
mod served;
mod settings;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod trigger_id;
mod webhook;
mod wire;

pub use answer::{Answer, Answers, SecretAnswer};
pub use ask::{Ask, AskKey, ForgeAccess, MemberList, Membership, PullRequestFiles, Question, SecretCheck};
pub use authentication::{Authentication, PresentedError, Scheme, SecretDemand};
pub use body::{Body, BodyError, go_text};
pub use chain::Chain;
pub use compile_error::{CompileError, CompileFault};
pub use declaration::{Declaration, Reference, ServiceRef, WebhookDeclaration};
pub use params::ParamsError;
pub use record::{Course, Record, RecordedVerdict, Step};
pub use served::{ServedError, ServedRequest, served_answer};
pub use settings::CallSettings;
pub use state::{ReceivedRequest, State};
pub use status::Code;
pub use trigger_id::{ChainScope, TriggerId};
pub use wire::{Address, AddressError, Origin, Redirects, WireRequest, WireResponse};

/// The names of the interceptors that work in process.
pub fn core_names() -> impl Iterator<Item = &'static str> {
    kinds::KINDS.iter().map(|kind| kind.name())
}

/// The headers by which the senders that interceptors know name a delivery, the same when they send it again.
pub(crate) fn delivery_headers() -> impl Iterator<Item = &'static str> {
    kinds::KINDS.iter().flat_map(|kind| kind.delivery_headers()).copied()
}

/// The headers in which the senders that interceptors know present a key itself.
pub(crate) fn token_headers() -> impl Iterator<Item = &'static str> {
    kinds::KINDS.iter().filter_map(|kind| kind.token_header())
}

/// The interceptors whose parameter `eventTypes` is compared with a header, each with that header.
pub(crate) fn event_headers() -> impl Iterator<Item = (&'static str, &'static str)> {
    kinds::KINDS.iter().filter_map(|kind| Some((kind.name(), kind.event_header()?)))
}
