use trigger_core::{ImageRef, PushHint};

/// The registry in a name whose other parts are checked, where none is named.
const UNNAMED: &str = "registry.invalid";

/// A hint for a tag, unless the parts cannot be those of an image.
pub(super) fn hint(registry: Option<&str>, repository: &str, tag: &str) -> Option<PushHint> {
    ImageRef::of(registry.unwrap_or(UNNAMED), repository, tag).ok()?;
    Some(PushHint {
        registry: registry.map(ToOwned::to_owned),
        repository: repository.to_owned(),
        tag: Some(tag.to_owned()),
    })
}

/// Takes `host/name` apart.
pub(super) fn split_host(address: &str) -> Option<(&str, &str)> {
    address.split_once('/').filter(|(host, name)| !host.is_empty() && !name.is_empty())
}

/// Takes `host/name:tag` apart.
pub(super) fn split_address(address: &str) -> Option<(&str, &str, &str)> {
    let (host, rest) = split_host(address)?;
    let (name, tag) = rest.rsplit_once(':')?;
    Some((host, name, tag))
}
