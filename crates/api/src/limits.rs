//! The bounds of objects of Tekton Triggers. The API server stores objects of 1.5 MB; these keep the work for one
//! event small.

use trigger_core::Limit;

/// Triggers of an EventListener. Each is decided for each event that it could be about.
pub(crate) const MOST_TRIGGERS: usize = 1024;
/// Trigger groups of an EventListener.
pub(crate) const MOST_GROUPS: usize = 64;
/// Bindings of a trigger.
pub(crate) const MOST_BINDINGS: usize = 64;
/// Interceptors of a trigger or of a group. One event passes them one after the other.
pub(crate) const MOST_INTERCEPTORS: usize = 32;
/// Params of a binding or of a template.
pub(crate) const MOST_PARAMS: usize = 256;
/// Params of an interceptor.
pub(crate) const MOST_INTERCEPTOR_PARAMS: usize = 64;
/// Headers that a webhook interceptor adds, and values of one of them.
pub(crate) const MOST_HEADERS: usize = 64;
/// Resource templates of a template. Each is an object of every run.
pub(crate) const MOST_RESOURCE_TEMPLATES: usize = 64;
/// Event types, overlays and other entries of an interceptor of `v1alpha1`.
pub(crate) const MOST_LEGACY_ENTRIES: usize = 256;
/// Namespaces, labels and expressions of a selector.
pub(crate) const MOST_SELECTED: usize = 256;
/// Labels or annotations of an object. Kubernetes bounds them by their size.
pub(crate) const MOST_METADATA_ENTRIES: usize = 16 << 10;
/// Containers of a listener's pod, which has one, and environment variables of a container.
pub(crate) const MOST_POD_ENTRIES: usize = 1024;
/// A text of a field, in bytes.
pub(crate) const LONGEST_TEXT: usize = 64 << 10;
/// The params of an interceptor, in bytes of JSON. They are sent with each event.
pub(crate) const LARGEST_INTERCEPTOR_PARAMS: usize = 128 << 10;
/// The resource templates of a template, in bytes of JSON. They are copied for each run.
pub(crate) const LARGEST_RESOURCE_TEMPLATES: usize = 512 << 10;

const UNREADABLE: &str = "the object is unreadable and starts nothing";

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("triggers of an EventListener", MOST_TRIGGERS, UNREADABLE),
    Limit::count("trigger groups of an EventListener", MOST_GROUPS, UNREADABLE),
    Limit::count("bindings of a trigger", MOST_BINDINGS, UNREADABLE),
    Limit::count("interceptors of a trigger or a trigger group", MOST_INTERCEPTORS, UNREADABLE),
    Limit::count("params of a TriggerBinding or a TriggerTemplate", MOST_PARAMS, UNREADABLE),
    Limit::count("params of an interceptor", MOST_INTERCEPTOR_PARAMS, UNREADABLE),
    Limit::bytes("params of an interceptor together", LARGEST_INTERCEPTOR_PARAMS, UNREADABLE),
    Limit::count("event types or overlays of an interceptor of v1alpha1", MOST_LEGACY_ENTRIES, UNREADABLE),
    Limit::count("headers of a webhook interceptor, and values of a header", MOST_HEADERS, UNREADABLE),
    Limit::count("resource templates of a TriggerTemplate", MOST_RESOURCE_TEMPLATES, UNREADABLE),
    Limit::bytes("resource templates of a TriggerTemplate together", LARGEST_RESOURCE_TEMPLATES, UNREADABLE),
    Limit::count("namespaces, labels or expressions of a selector", MOST_SELECTED, UNREADABLE),
    Limit::count("labels or annotations of an object of Tekton Triggers", MOST_METADATA_ENTRIES, UNREADABLE),
    Limit::count(
        "containers of a listener's pod, and environment variables of a container",
        MOST_POD_ENTRIES,
        "the command `validate` reports the field",
    ),
    Limit::bytes("text of a field of Tekton Triggers", LONGEST_TEXT, UNREADABLE),
];
