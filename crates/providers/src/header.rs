use http::{HeaderMap, HeaderValue};

/// The longest header value we read or keep, in bytes. Providers stay under 200.
pub(crate) const LONGEST_VALUE: usize = 1024;

/// There is more than one header of the name, so that two readers could pick different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeated;

/// The only header called `name`.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Repeated) } else { Ok(first) }
}
