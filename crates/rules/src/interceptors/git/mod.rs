//! The interceptor `git`, which is ours: one for all providers.
//!
//! - [`GitParams`]: its parameters.
//! - [`extensions`]: what it adds to the event.
//!
//! It is no line of the table of kinds yet: it decides with the matcher of Git events that the rules of Builds have.

mod extensions;
mod params;
#[cfg(test)]
mod tests;

pub use extensions::extensions;
pub use params::{GitEventName, GitForks, GitParams, GitSecret};
