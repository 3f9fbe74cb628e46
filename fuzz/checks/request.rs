//! Requests as seeds hold them: headers as `name: value` lines, an empty line, and the body.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers and the body. A line that is no header is skipped.
pub(crate) fn split(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, body) = (&rest[..end], &rest[end + 1..]);
        rest = body;
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.windows(2).position(|pair| pair == b": ") else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(&line[colon + 2..]);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}
