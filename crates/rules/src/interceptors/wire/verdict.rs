use serde_json::{Map, Value};

use super::super::body::read_json;
use super::super::status::Code;

/// The answer of an interceptor: `InterceptorResponse` of Tekton Triggers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Whether the event goes on. An absent field means no.
    pub(crate) goes_on: bool,
    pub(crate) extensions: Map<String, Value>,
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// The answer is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VerdictError {
    #[error("the answer of the interceptor is no JSON: {0}")]
    Json(String),
    #[error("the answer of the interceptor has the wrong type at `{place}`: {expected} is expected")]
    Type { place: &'static str, expected: &'static str },
    #[error(
        "the answer of the interceptor has an unknown status code: 0 to 16 or a name such as `INTERNAL` is expected"
    )]
    Code,
}

impl Verdict {
    /// Reads the body of an answer. Keys are compared without regard to case and unknown ones are ignored; `null` stands
    /// for an absent value, also as the whole answer.
    pub(crate) fn from_json(text: &str) -> Result<Self, VerdictError> {
        let wrong = |place, expected| VerdictError::Type { place, expected };
        let mut verdict = Self::default();
        let fields = match read_json(text).map_err(|error| VerdictError::Json(error.to_string()))? {
            Value::Null => return Ok(verdict),
            Value::Object(fields) => fields,
            _ => return Err(wrong("", "an object")),
        };
        for (key, value) in fields {
            if value.is_null() {
                continue;
            }
            match key.to_ascii_lowercase().as_str() {
                "continue" => {
                    verdict.goes_on = value.as_bool().ok_or(wrong("continue", "true or false"))?;
                }
                "extensions" => match value {
                    Value::Object(extensions) => verdict.extensions = extensions,
                    _ => return Err(wrong("extensions", "an object")),
                },
                "status" => match value {
                    Value::Object(status) => verdict.read_status(status)?,
                    _ => return Err(wrong("status", "an object")),
                },
                _ => {}
            }
        }
        Ok(verdict)
    }

    fn read_status(&mut self, fields: Map<String, Value>) -> Result<(), VerdictError> {
        for (key, value) in fields {
            match (key.to_ascii_lowercase().as_str(), value) {
                ("code", value) => self.code = Code::from_json(&value).ok_or(VerdictError::Code)?,
                ("message", Value::String(message)) => self.message = message,
                ("message", Value::Null) => {}
                ("message", _) => {
                    return Err(VerdictError::Type { place: "status.message", expected: "a string" });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_as_leniently_as_go_reads_it() {
        let answer = |goes_on, extensions: Value, code, message: &str| {
            let extensions = extensions.as_object().cloned().unwrap_or_default();
            Ok(Verdict { goes_on, extensions, code, message: message.into() })
        };
        let wrong = |place, expected| Err(VerdictError::Type { place, expected });
        let (no, yes) = (|| answer(false, json!({}), Code::OK, ""), || answer(true, json!({}), Code::OK, ""));
        for (text, expected) in [
            (r#"{"continue":true}"#, yes()),
            (r#"{"continue":false}"#, no()),
            (r#"{"Continue":true}"#, yes()),
            (r#"{"CONTINUE":true,"unknown":[1]}"#, yes()),
            (r#"{"continue":null}"#, no()),
            ("{}", no()),
            ("null", no()),
            (" \n{\"continue\":true}\n ", yes()),
            (r#"{"extensions":{"a":1}}"#, answer(false, json!({"a": 1}), Code::OK, "")),
            (r#"{"continue":true,"Extensions":{"a":null}}"#, answer(true, json!({"a": null}), Code::OK, "")),
            (r#"{"continue":true,"extensions":null,"status":null}"#, yes()),
            (
                r#"{"continue":false,"status":{"code":9,"message":"not today"}}"#,
                answer(false, json!({}), Code::FAILED_PRECONDITION, "not today"),
            ),
            (
                r#"{"status":{"Code":"FAILED_PRECONDITION","Message":"text code"}}"#,
                answer(false, json!({}), Code::FAILED_PRECONDITION, "text code"),
            ),
            (
                r#"{"continue":true,"status":{"code":13,"message":"still fine"}}"#,
                answer(true, json!({}), Code::INTERNAL, "still fine"),
            ),
            (r#"{"continue":true,"status":{"code":null,"message":null}}"#, yes()),
            (r#"{"continue":true,"status":{"code":99}}"#, Err(VerdictError::Code)),
            (r#"{"continue":true,"status":{"code":"NO_SUCH_CODE"}}"#, Err(VerdictError::Code)),
            (r#"{"continue":true,"status":{"code":-1}}"#, Err(VerdictError::Code)),
            (r#"{"continue":true,"status":{"message":1}}"#, wrong("status.message", "a string")),
            (r#"{"continue":true,"status":[]}"#, wrong("status", "an object")),
            (r#"{"continue":"true"}"#, wrong("continue", "true or false")),
            (r#"{"continue":1}"#, wrong("continue", "true or false")),
            (r#"{"continue":true,"extensions":[1]}"#, wrong("extensions", "an object")),
            ("[]", wrong("", "an object")),
            ("true", wrong("", "an object")),
            (r#""text""#, wrong("", "an object")),
            (
                r#"{"continue":true,"extensions":{"s":"\ud800"}}"#,
                answer(true, json!({"s": "\u{fffd}"}), Code::OK, ""),
            ),
        ] {
            assert_eq!(Verdict::from_json(text), expected, "{text}");
        }
        for text in
            ["", "yes", r#"{"continue":true} trailing"#, r#"{"continue":true"#, r#"{"continue":true}{}"#]
        {
            assert!(matches!(Verdict::from_json(text), Err(VerdictError::Json(_))), "{text}");
        }
    }
}
