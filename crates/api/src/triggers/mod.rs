//! API group `triggers.tekton.dev`: the seven kinds of Tekton Triggers, in one form for `v1beta1` and `v1alpha1`.
//!
//! - Kinds: [`EventListener`], [`Trigger`], [`TriggerBinding`], [`ClusterTriggerBinding`], [`TriggerTemplate`],
//!   [`Interceptor`], [`ClusterInterceptor`]. [`Kind`] names them.
//! - `decode`: they read as Tekton reads them, after its admission: keys without regard to case, `v1alpha1`'s own
//!   forms of interceptors rewritten, kinds of references filled in.
//! - `validation`: they are checked as Tekton's admission checks them, with its messages. `references`: the
//!   objects that one refers to.
//!
//! Source: <https://tekton.dev/docs/triggers/>.

mod core_interceptors;
mod decode;
mod event_listener;
mod interceptor;

mod kind;
mod object;
mod references;
mod selector;
mod trigger;
mod trigger_binding;
mod trigger_interceptor;
mod trigger_template;
mod validation;

pub use decode::DecodeError;
pub use event_listener::{EventListener, EventListenerSpec, TriggerGroup};
pub use interceptor::{ClientConfig, ClusterInterceptor, Interceptor, InterceptorSpec, ServiceReference};
pub use kind::Kind;
pub use references::{Reference, references};
pub use selector::{NamespaceSelector, TriggerSelector};
pub use trigger::{EventListenerTrigger, Trigger, TriggerSpec, TriggerSpecBinding, TriggerSpecTemplate};
pub use trigger_binding::{ClusterTriggerBinding, Param, TriggerBinding, TriggerBindingSpec};
pub use trigger_interceptor::{
    HeaderParam, HeaderValue, InterceptorParam, InterceptorRef, ObjectReference, TriggerInterceptor,
    WebhookInterceptor,
};
pub use trigger_template::{ParamSpec, TriggerTemplate, TriggerTemplateSpec};
pub use validation::{FieldError, FieldErrors, validate};

/// The API group.
pub const GROUP: &str = "triggers.tekton.dev";
/// The version in which five of the kinds are stored.
pub const VERSION: &str = "v1beta1";
/// The only version of Interceptor and ClusterInterceptor, and the older one of the others.
pub const ALPHA_VERSION: &str = "v1alpha1";
/// Label on a created object: the name of the listener.
pub const LABEL_EVENT_LISTENER: &str = "triggers.tekton.dev/eventlistener";
/// Label on a created object: the name of the trigger, which may be empty.
pub const LABEL_TRIGGER: &str = "triggers.tekton.dev/trigger";
/// Label on a created object: the id of the event.
pub const LABEL_EVENT_ID: &str = "triggers.tekton.dev/triggers-eventid";
/// Annotation on an EventListener: `false` if it takes bodies that are no JSON object.
pub const PAYLOAD_VALIDATION: &str = "tekton.dev/payload-validation";
/// Annotation on a TriggerTemplate, of any value: quotes in params are escaped once more.
pub const OLD_ESCAPE_QUOTES: &str = "triggers.tekton.dev/old-escape-quotes";

#[cfg(test)]
mod tests;
