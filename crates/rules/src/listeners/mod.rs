//! Tekton's listeners.

mod answer;

pub use self::answer::{Answer, Answering, Arrival, Examined};
