use std::io;

use serde::Serialize;

/// The size of a value as compact JSON, in bytes. Nothing is stored. A value that has no JSON form is as large as can be,
/// so that no bound lets it through.
pub fn json_size(value: &impl Serialize) -> usize {
    let mut size = Size(0);
    serde_json::to_writer(&mut size, value).map_or(usize::MAX, |()| size.0)
}

struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_size_is_that_of_compact_json() {
        for value in [json!(null), json!([1, "ü\n\""]), json!({"a": {"b": [true, 0.5]}, "": {}})] {
            assert_eq!(json_size(&value), value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn a_value_without_json_exceeds_every_bound() {
        assert_eq!(json_size(&BTreeMap::from([([1, 2], 3)])), usize::MAX);
    }
}
