//! Shapes of objects of Tekton Triggers. The names of a shape's objects begin with its own.

mod calls;
mod filters;
mod forms;
mod numbers;
mod templates;

pub(super) use self::calls::{hanging_interceptors, redirecting_interceptors};
pub(super) use self::filters::{cel_bombs, long_filters, no_booleans};
pub(super) use self::forms::{odd_names, wrong_types};
pub(super) use self::numbers::{many_groups, many_hooks, many_listeners, many_triggers, selectors};
pub(super) use self::templates::{broken_bindings, large_templates, many_values};

/// Accounts that are none, or that would be somebody else.
const ACCOUNTS: [&str; 10] = [
    "no-such",
    "UPPER",
    "a/b",
    "a:b",
    "../../victim/serviceaccounts/ci",
    "system:masters",
    "ci\n",
    "ci%00",
    "*",
    "",
];
