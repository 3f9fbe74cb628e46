use std::io;

use serde_json::Value;

/// The size of a value as compact JSON, in bytes. Nothing is stored.
pub(super) fn json_size(value: &Value) -> usize {
    let mut size = Size(0);
    // A sum cannot fail, and a value always has a JSON form.
    let _ = serde_json::to_writer(&mut size, value);
    size.0
}

struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
