//! Which replica leads: the one that holds a Lease, as the controllers of Kubernetes elect theirs
//! (`k8s.io/client-go/tools/leaderelection`).
//!
//! `term` is the election without any I/O: from what was seen of the Lease, and when, to the next step. `lease`
//! reads and writes the object, `campaign` does the steps and tells who leads.
//!
//! No two clocks are ever compared. Whoever waits counts from the moment at which it saw the Lease change, and
//! takes it 15 seconds later; whoever holds it counts from before it sent its last renewal, and lets go after
//! 10. The five seconds between are for putting down what a leader does. A process that is stopped and goes on
//! later, or a request that is long on its way, may still come too late: what leaders do is safe to be done by
//! two, see [`trigger_runtime::Leadership`].

mod election;
mod elector;
mod identity;
mod lease;

pub use self::elector::{LeaseElector, LeasePlace};

use std::time::Duration;

/// Nobody takes the Lease before its holder has left it unchanged for so long.
const DURATION: Duration = Duration::from_secs(15);
/// A leader that could not renew it for so long leads no more.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it is renewed, or looked at.
const RETRY: Duration = Duration::from_secs(2);

/// What only the leader does has to end within this time when it does not lead any more: before another may.
pub const STEP_DOWN_GRACE: Duration = Duration::from_secs(4);
