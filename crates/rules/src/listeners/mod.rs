//! The listeners of Tekton: objects of seven kinds, compiled into what an event can start.
//!
//! - [`ListenerInventory`]: mutable, fed by apply, delete and retain. [`ListenerSet`]: an immutable snapshot, cheap to
//!   copy. [`Listener`]: its settings, triggers and groups.
//! - `catalog`: the objects themselves; each is decoded alone. `compile`, `compile_chain`: triggers made of them.
//!   `writer`: only what refers to a changed object is compiled again.
//! - [`ListenerGaps`]: the namespaces and kinds that could not be listed, and why.
//! - `selection`: the Triggers that a listener or a group selects.
//! - `demand`, `bucket`, `trigger_index`: triggers found by the type of event that their first interceptor demands, and by
//!   the text in the body that their filter demands, so that those that cannot match cost an event nothing.
//! - [`ListenerError`]: what is broken, with the object that a person has to change. It goes away when what was missing
//!   appears.
//! - `decide`: the decisions of a listener on an event, with the questions that have to be answered first.
//! - [`Lifecycle`]: the life of an event as CloudEvents, for `spec.cloudEventURI`.
//! - `answer`: what senders are told. `sender`: which of their headers name a delivery, and which must not be stored.
//! - [`ListenerStatus`]: what the status of an EventListener says.
//!
//! A Trigger whose first interceptor is `git`, with a repository and a Secret, also takes the webhooks that providers send
//! to their own paths: those of a namespace stand in a listener called [`PROVIDER_HOOKS`].
//!
//! A listener may select Triggers of other namespaces. Tekton leaves it to the rights of the listener's service account
//! whether it can. Here the caller must ask for these rights before it runs a trigger whose namespace is not that of its
//! listener.
//!
//! # Namespaces
//!
//! Of a trigger in the namespace T that a listener in the namespace E runs:
//!
//! | thing | namespace |
//! |---|---|
//! | TriggerBinding, TriggerTemplate, Secrets of interceptors, Services of webhooks, service account | T |
//! | NamespacedInterceptor | T, else E |
//! | interceptors of a group, with their Secrets and Services | E |
//! | a Trigger that an entry refers to | E |

mod answer;
mod bucket;
mod catalog;
mod compile;
mod compile_chain;
mod decide;
mod demand;
mod error;
mod gaps;
mod inventory;
mod lifecycle;
mod listener;
mod listener_set;
mod object;
mod selection;
mod sender;
mod status;
#[cfg(test)]
mod tests;
mod trigger;
mod trigger_index;
mod writer;

pub use self::answer::{Answer, Answering, Arrival, Examined};
pub use self::decide::{
    Choice, GroupDecision, GroupOutcome, ListenerAnswers, ListenerDecided, ListenerDeciding, RunId,
    TriggerDecision, TriggerOutcome,
};
pub use self::error::{ListenerError, ObjectErrors};
pub use self::gaps::ListenerGaps;
pub use self::inventory::ListenerInventory;
pub use self::lifecycle::{CloudEvent, Lifecycle, Moment, cloud_event_address};
pub use self::listener::{Listener, ListenerGroup, ListenerSettings};
pub use self::listener_set::{ListenerSet, PROVIDER_HOOKS};
pub use self::object::ListenerObject;
pub use self::sender::{credential_headers, event_name, sender_id};
pub use self::status::{ListenerStatus, listener_path};
pub use self::trigger::{Blueprint, ListenerTrigger, Template};
pub use self::trigger_index::TriggerPlace;
