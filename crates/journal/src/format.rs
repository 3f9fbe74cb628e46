use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::JournalError;

/// The version of the JSON in this program. It reads this version and older ones.
///
/// A new field with a default does not change it. A renamed or removed field does, and then replicas of the version
/// before cannot read new rows during an upgrade.
const VERSION: u32 = 1;

/// The content of a JSON column: the data and the version of its form.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    data: T,
}

/// Why a stored value cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("it has format version {0}, and this program reads versions up to {VERSION}")]
    Version(u32),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// The JSON text to store for `data`.
pub(crate) fn encode<T: Serialize>(data: &T) -> Result<String, JournalError> {
    serde_json::to_string(&Versioned { v: VERSION, data })
        .map_err(|error| JournalError::unavailable("a value cannot be written as JSON", error))
}

/// Reads the text of [`encode`] of this version or an older one.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, FormatError> {
    // The version first: data of a newer version need not look like `T` at all.
    let Versioned { v, data } = serde_json::from_str::<Versioned<&RawValue>>(text)?;
    if v > VERSION {
        return Err(FormatError::Version(v));
    }
    Ok(serde_json::from_str(data.get())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_survives_with_its_version() {
        let text = encode(&vec![("a", "b\"c")]).unwrap();
        assert_eq!(text, r#"{"v":1,"data":[["a","b\"c"]]}"#);
        assert_eq!(decode::<Vec<(String, String)>>(&text).unwrap(), [("a".to_owned(), "b\"c".to_owned())]);
    }

    #[test]
    fn a_newer_version_is_reported_before_its_data_is_read() {
        let error = decode::<Vec<String>>(r#"{"v":2,"data":{"other":1}}"#).unwrap_err();
        assert!(matches!(error, FormatError::Version(2)), "{error}");
        assert!(matches!(decode::<u8>("[]"), Err(FormatError::Json(_))));
    }
}
