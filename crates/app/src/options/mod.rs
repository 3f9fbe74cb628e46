//! Groups of flags that `serve` and `dev` share, one file per group; `serve` puts them together.

mod admin;
mod decide_again;
mod hook_path;
mod images;
mod lease;
mod listeners;
mod object_name;
mod public_url;
mod registry_hooks;
mod retention;
mod serve;
mod work;

pub use self::admin::{AdminAuth, AdminOptions};
pub use self::decide_again::DecideAgain;
pub use self::hook_path::HookPath;
pub(crate) use self::hook_path::{default_provider, provider_by_name};
pub use self::images::ImageOptions;
pub use self::lease::LeaseOptions;
pub use self::listeners::{ListenerMode, ListenerOptions};
pub(crate) use self::object_name::namespace_name;
pub use self::public_url::PublicUrl;
pub use self::registry_hooks::{RegistryHook, RegistryHookOptions};
pub use self::retention::RetentionOptions;
pub use self::serve::ProgramOptions;
pub use self::work::WorkOptions;
