//! CloudEvents about deliveries to listeners, for `spec.cloudEventURI`.
//!
//! - `queue`: the way to the receivers. A [`CloudEventSender`] sends.
//! - `announcer`: [`Announcer`], the CloudEvents about one delivery.
//!
//! They are notifications: no delivery waits for one or fails because of one, and none is stored. They wait in memory, each
//! namespace within bounds of its own.

mod announcer;
mod queue;
#[cfg(test)]
mod tests;

pub use self::announcer::Announcer;
pub use self::queue::{CloudEventSender, CloudEvents};
pub(crate) use self::queue::{MOST_OF_NAMESPACE, MOST_SENT, MOST_WAITING, WARN_AGAIN};
