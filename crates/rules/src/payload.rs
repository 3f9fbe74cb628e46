use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use trigger_core::check_memory;
use trigger_expr::Headers;

use crate::limits::LARGEST_PAYLOAD;

/// The body and the headers of a delivery, as filters see them.
///
/// `Debug` shows no content, because payloads and headers may hold secrets.
pub struct Payload {
    /// The JSON of the body, taken out of the form if the body is one.
    pub body: Value,
    /// The headers that the journal keeps.
    pub header: Headers,
}

/// The payload of a delivery, read when the first filter asks for it: most rules have none.
pub struct LazyPayload<'a> {
    read: Reader<'a>,
    payload: OnceLock<Result<Payload, String>>,
    asked: AtomicBool,
}

type Reader<'a> = Box<dyn Fn() -> Result<Payload, String> + Send + Sync + 'a>;

impl Payload {
    /// Parses the JSON of a body. `headers` are those that the journal keeps.
    ///
    /// # Errors
    ///
    /// It is no JSON, is too deep, or would take more memory than permitted: the reason, in a sentence.
    pub fn parse(json: &str, headers: &[(String, String)]) -> Result<Self, String> {
        check_memory(json, LARGEST_PAYLOAD).map_err(|why| format!("the payload {why}"))?;
        let mut header = Headers::new();
        for (name, value) in headers {
            header.append(name, value.clone());
        }
        if json.trim().is_empty() {
            return Ok(Self { body: Value::Null, header });
        }
        let body = serde_json::from_str(json).map_err(|error| {
            format!("the payload cannot be read, at line {} column {}", error.line(), error.column())
        })?;
        Ok(Self { body, header })
    }
}

impl<'a> LazyPayload<'a> {
    /// The payload that `read` returns. An error is the reason why there is none, in a sentence.
    pub fn new(read: impl Fn() -> Result<Payload, String> + Send + Sync + 'a) -> Self {
        Self { read: Box::new(read), payload: OnceLock::new(), asked: AtomicBool::new(false) }
    }

    /// None: for decisions that cannot wait for filters. If one was asked for it, they do not count.
    pub fn none() -> Self {
        Self::new(|| Err("the delivery has no payload that filters can read".to_owned()))
    }

    /// Whether a filter has asked for the payload.
    pub fn was_asked_for(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self) -> Result<&Payload, &str> {
        self.asked.store(true, Ordering::Relaxed);
        self.payload.get_or_init(|| (self.read)()).as_ref().map_err(String::as_str)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Debug for LazyPayload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyPayload").field("payload", &self.payload.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Value, String> {
        Payload::parse(json, &[]).map(|payload| payload.body)
    }

    #[test]
    fn a_payload_is_read_within_a_bound_of_memory() {
        assert_eq!(parse(r#"{"a":[1,"x,[{"]}"#), Ok(serde_json::json!({"a": [1, "x,[{"]})));
        assert_eq!(parse(""), Ok(Value::Null));
        assert_eq!(parse("{").unwrap_err(), "the payload cannot be read, at line 1 column 1");
        assert!(parse(&"[".repeat(1000)).is_err(), "depth costs no stack");
        let many = format!("[0{}]", ",0".repeat(LARGEST_PAYLOAD / 64));
        assert!(parse(&many).unwrap_err().contains("at most 16 are allowed"));
        let text = format!("[\"{}\"]", ",".repeat(LARGEST_PAYLOAD / 2));
        assert!(parse(&text).is_ok(), "a text is one value");
        assert!(parse(&format!("\"{}\"", "a".repeat(LARGEST_PAYLOAD))).is_err());
    }

    #[test]
    fn it_is_read_once_and_only_if_a_filter_asks() {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let lazy = LazyPayload::new(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Payload::parse("{}", &[])
        });
        assert!(!lazy.was_asked_for());
        assert!(lazy.get().is_ok() && lazy.get().is_ok());
        assert!(lazy.was_asked_for());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(LazyPayload::none().get().is_err());
    }
}
