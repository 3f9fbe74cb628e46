use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use crate::DeliveryId;

/// Where the trace of a delivery begins: its trace, and the span that all others of it descend from.
///
/// It follows from the delivery's id, so every replica comes to the same trace before and after a restart,
/// and what is created says so whether or not traces are sent anywhere. Written as W3C Trace Context has it,
/// version 00, always sampled: the flag must not depend on how a replica is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The id of the trace.
    pub trace: [u8; 16],
    /// The id of its first span.
    pub span: [u8; 8],
}

impl TraceParent {
    /// The beginning of the trace of a delivery.
    pub fn of(delivery: &DeliveryId) -> Self {
        let hash = digest(&SHA256, format!("trace of {delivery}").as_bytes());
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        for (to, from) in trace.iter_mut().chain(&mut span).zip(hash.as_ref()) {
            *to = *from;
        }
        Self { trace, span }
    }

    /// The id of the trace as text: 32 digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-01", self.trace_id(), u64::from_be_bytes(self.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_from_the_delivery() {
        let id = DeliveryId::derive(&[b"a"]);
        assert_eq!(TraceParent::of(&id), TraceParent::of(&id.clone()));
        assert_ne!(TraceParent::of(&id).trace, TraceParent::of(&DeliveryId::derive(&[b"b"])).trace);
        let parent = TraceParent { trace: [0x0a; 16], span: [0, 0, 0, 0, 0, 0, 0, 0xff] };
        assert_eq!(parent.to_string(), format!("00-{}-00000000000000ff-01", "0a".repeat(16)));
    }
}
