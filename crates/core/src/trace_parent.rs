use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::DeliveryId;

/// A place in a trace from which it goes on, as the `traceparent` of W3C Trace Context, version 00, names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The id of the trace; not 0.
    pub trace: [u8; 16],
    /// The id of the span in it; not 0.
    pub span: [u8; 8],
    /// Whether what is done there may have been recorded.
    pub sampled: bool,
}

/// A text is no `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no traceparent of version 00")]
pub struct NoTraceParent;

impl TraceParent {
    /// Where the trace of a delivery begins: its trace, and the span that all others of it descend from.
    ///
    /// It follows from the delivery's id, so every replica comes to the same trace before and after a restart,
    /// and what is created says so whether or not traces are sent anywhere. It is always sampled: the flag must not
    /// depend on how a replica is set up.
    pub fn of(delivery: &DeliveryId) -> Self {
        let hash = digest(&SHA256, format!("trace of {delivery}").as_bytes());
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        for (to, from) in trace.iter_mut().chain(&mut span).zip(hash.as_ref()) {
            *to = *from;
        }
        Self { trace, span, sampled: true }
    }

    /// The id of the trace as text: 32 digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace))
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (span, flags) = (u64::from_be_bytes(self.span), u8::from(self.sampled));
        write!(f, "00-{}-{span:016x}-{flags:02x}", self.trace_id())
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let parts: Vec<_> = text.split('-').collect();
        let ["00", trace, span, flags] = parts.as_slice() else { return Err(NoTraceParent) };
        let number = |digits: &str, count: usize| {
            let is_number = digits.len() == count
                && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            u128::from_str_radix(digits, 16).ok().filter(|_| is_number).ok_or(NoTraceParent)
        };
        let (trace, span, flags) = (number(trace, 32)?, number(span, 16)?, number(flags, 2)?);
        let span = u64::try_from(span).map_err(|_| NoTraceParent)?;
        if trace == 0 || span == 0 {
            return Err(NoTraceParent);
        }
        Ok(Self { trace: trace.to_be_bytes(), span: span.to_be_bytes(), sampled: flags & 1 == 1 })
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
        assert_eq!(TraceParent::of(&id).to_string().parse(), Ok(TraceParent::of(&id)));
    }

    #[test]
    fn what_others_write_is_read_with_care() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for good in [good.to_owned(), good.replace("-01", "-00")] {
            assert_eq!(good.parse::<TraceParent>().unwrap().to_string(), good);
        }
        let of_later = good.replace("-01", "-ff").parse::<TraceParent>().unwrap();
        assert_eq!(of_later.to_string(), good, "flags that are not known are not passed on");
        for bad in [
            String::new(),
            "00".to_owned(),
            good.replace("00-", "01-"),
            good.replace('7', "x"),
            good.replace('7', "A"),
            good.replace("-b7", "-+7"),
            format!("{good}-more"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-{}-01", "1".repeat(32), "0".repeat(16)),
            "00-0af7651916cd43dd8448eb211c80319c-é7ad6b716920333-01".to_owned(),
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(NoTraceParent), "{bad}");
        }
    }
}
