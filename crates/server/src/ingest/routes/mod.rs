//! The kinds of routes, a file each.

mod hook_triggers;
mod listener;
mod provider;
mod registry;

pub(super) use self::hook_triggers::HookTriggers;
pub(super) use self::listener::ListenerRoute;
pub(super) use self::provider::ProviderRoute;
pub(crate) use self::registry::LARGEST_NOTIFICATION;
pub use self::registry::RegistryHook;
pub(super) use self::registry::{RegistryRoute, RegistryShared};
