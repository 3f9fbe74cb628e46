use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::JournalError;

/// The version of the JSON that this program writes. A reader accepts it and everything older.
///
/// Adding a field with a default changes nothing; renaming or removing one makes a new version.
const VERSION: u32 = 1;

/// What stands in a JSON column: the data and the version of its form, so that a later reader can tell.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    data: T,
}

/// Why a stored value cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is written in version {0} of the format, and this program knows {VERSION} at most")]
    Version(u32),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// The JSON text to store for `data`.
pub(crate) fn encode<T: Serialize>(data: &T) -> Result<String, JournalError> {
    serde_json::to_string(&Versioned { v: VERSION, data })
        .map_err(|error| JournalError::unavailable("an entry cannot be written as JSON", error))
}

/// Reads what [`encode`] wrote, by this version of the program or an older one.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    // The version first: data of a newer version need not look like `T` at all.
    let Versioned { v, data } = serde_json::from_str::<Versioned<&RawValue>>(text)?;
    if v > VERSION {
        return Err(Unreadable::Version(v));
    }
    Ok(serde_json::from_str(data.get())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_survives_and_says_its_version() {
        let text = encode(&vec![("a", "b\"c")]).unwrap();
        assert_eq!(text, r#"{"v":1,"data":[["a","b\"c"]]}"#);
        assert_eq!(decode::<Vec<(String, String)>>(&text).unwrap(), [("a".to_owned(), "b\"c".to_owned())]);
    }

    #[test]
    fn a_newer_version_is_named_whatever_its_data() {
        let error = decode::<Vec<String>>(r#"{"v":2,"data":{"other":1}}"#).unwrap_err();
        assert!(matches!(error, Unreadable::Version(2)), "{error}");
        assert!(matches!(decode::<u8>("[]"), Err(Unreadable::Json(_))));
    }
}
