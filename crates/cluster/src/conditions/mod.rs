//! Gives runs the condition with the reason why they exist, later and at lower priority than they are created.
//!
//! - `owed`: the runs without one and when it is due, without I/O.
//! - `launched`: finds the condition of a run in the journal.
//! - `writer`: [`ConditionWriter`], the loop.
//!
//! Written right after the creation, the condition costs an API server more than the creation, and collides with the
//! first writes of the run's controller. It is for people, and they look later.
//!
//! What is owed follows from the cluster: a run that names a delivery of ours and has no condition. So nothing has to be
//! remembered over a crash, and the leader writes the conditions of every replica's runs. Annotations can be forged, so
//! what is written is in the record of the launch, found by delivery, name and `uid`.

mod launched;
mod owed;
mod writer;

pub(crate) use self::owed::{MAX_OWED, MAX_OWED_OF_NAMESPACE};
pub use self::writer::ConditionWriter;
