//! Which replica leads: the one that holds a Lease, as the controllers of Kubernetes elect theirs
//! (`k8s.io/client-go/tools/leaderelection`).
//!
//! - `election`: the state machine, without I/O: from the observed Lease and the time to the next step.
//! - `elector`: [`LeaseElector`], which carries out the steps and publishes which replica leads.
//! - `lease`: reads and writes the Lease object.
//! - `identity`: the holder identity of this process.
//!
//! Clocks of different replicas are never compared. A candidate counts from the moment at which it observed the Lease
//! change, and takes it 15 seconds later. The holder counts from before it sent its last renewal, and steps down after
//! 10. The leader's tasks end in the five seconds between. A paused process or a delayed request may still act too
//! late, so leader tasks tolerate two leaders, see [`trigger_runtime::Leadership`].

mod election;
mod elector;
mod identity;
mod lease;

pub use self::elector::{LeaseElector, LeasePlace, LeasePlaceError};

use std::time::Duration;

/// `leaseDurationSeconds`: a candidate takes the Lease when it has been unchanged for so long.
const DURATION: Duration = Duration::from_secs(15);
/// A leader that could not renew the Lease for so long steps down.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often the holder renews the Lease, and candidates read it.
const RETRY: Duration = Duration::from_secs(2);

/// Leader tasks end within this time after the replica has lost the Lease, before another replica may take it.
pub const STEP_DOWN_GRACE: Duration = Duration::from_secs(4);
