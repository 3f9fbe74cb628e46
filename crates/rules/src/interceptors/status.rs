//! The status codes of interceptors: those of `google.rpc.Code`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A status code, as its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Code(u8);

/// The name of each code, in the order of their numbers.
/// Source: <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Code {
    /// No error.
    pub const OK: Self = Self(0);
    /// The event or a parameter is not what the interceptor needs.
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// A requested field does not exist.
    pub const NOT_FOUND: Self = Self(5);
    /// A condition does not hold.
    pub const FAILED_PRECONDITION: Self = Self(9);
    /// The interceptor could not work.
    pub const INTERNAL: Self = Self(13);

    /// A server or a Secret that the interceptor needs cannot be reached now.
    pub const UNAVAILABLE: Self = Self(14);

    /// The code with this number; `None` for a number without a meaning.
    pub fn from_number(number: u64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (usize::from(number) < NAMES.len()).then_some(Self(number))
    }

    /// The code in an interceptor's answer: its number, or its name in upper case.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::OK),
            Value::Number(number) => Self::from_number(number.as_u64()?),
            Value::String(name) => {
                let place = NAMES.iter().position(|known| known == name)?;
                Self::from_number(place as u64)
            }
            _ => None,
        }
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name, in upper case.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN")
    }
}

impl TryFrom<u64> for Code {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::from_number(number).ok_or("not a status code: 0 to 16 are expected")
    }
}

impl From<Code> for u64 {
    fn from(code: Code) -> Self {
        code.0.into()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_code_is_read_as_grpc_reads_it() {
        for (value, expected) in [
            (json!(0), Some(Code::OK)),
            (json!(9), Some(Code::FAILED_PRECONDITION)),
            (json!(16), Code::from_number(16)),
            (json!(null), Some(Code::OK)),
            (json!("FAILED_PRECONDITION"), Some(Code::FAILED_PRECONDITION)),
            (json!("INTERNAL"), Some(Code::INTERNAL)),
            (json!("NOT_FOUND"), Some(Code::NOT_FOUND)),
            (json!(17), None),
            (json!(99), None),
            (json!(-1), None),
            (json!(9.0), None),
            (json!(4_294_967_305_u64), None),
            (json!("failed_precondition"), None),
            (json!("NO_SUCH_CODE"), None),
            (json!("9"), None),
            (json!(true), None),
            (json!([9]), None),
        ] {
            assert_eq!(Code::from_json(&value), expected, "{value}");
        }
        assert_eq!(Code::INVALID_ARGUMENT.to_string(), "INVALID_ARGUMENT");
        assert_eq!(serde_json::to_value(Code::INTERNAL).unwrap(), json!(13));
        assert!(serde_json::from_value::<Code>(json!(17)).is_err());
    }
}
