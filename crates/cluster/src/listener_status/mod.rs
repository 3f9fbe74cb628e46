//! The status of EventListeners, written in place of the controller of Tekton Triggers.
//!
//! - `writer`: [`ListenerStatusWriter`], the loop. `turns`: which listener is written next, without I/O.
//! - `contest`: another controller that writes the same status. It is never fought for long.
//!
//! The status follows from the listeners of the inventory, so nothing has to be remembered over a restart. A status that
//! says it already costs no request. A write names the version of the object that it was made for, so that it replaces
//! nothing that was not seen.

mod contest;
#[cfg(test)]
mod tests;
mod turns;
mod writer;

pub(crate) use self::contest::MOST_OVERWRITTEN;
pub use self::writer::ListenerStatusWriter;
pub(crate) use self::writer::PER_SECOND;
