use trigger_core::{Digest, ImageRef, PushHint};

/// The registry in a name whose other parts are checked, where none is named.
const UNNAMED: &str = "registry.invalid";

/// A tag in a name whose other parts are checked.
const ANY_TAG: &str = "latest";

/// A hint for a tag, unless the parts cannot be those of an image. What was pushed without a tag has nothing, or its
/// digest, in its place: then the hint is for every tag, any of which the registry may have moved in the same push.
pub(super) fn hint(registry: Option<&str>, repository: &str, tag: &str) -> Option<PushHint> {
    if tag.is_empty() || Digest::parse(tag).is_ok() {
        return hint_of_repository(registry, repository);
    }
    ImageRef::of(registry.unwrap_or(UNNAMED), repository, tag).ok()?;
    Some(PushHint { tag: Some(tag.to_owned()), ..hint_of_repository(registry, repository)? })
}

/// A hint for every tag of a repository, for registries that do not name every tag that they have moved.
pub(super) fn hint_of_repository(registry: Option<&str>, repository: &str) -> Option<PushHint> {
    ImageRef::of(registry.unwrap_or(UNNAMED), repository, ANY_TAG).ok()?;
    Some(PushHint { registry: registry.map(ToOwned::to_owned), repository: repository.to_owned(), tag: None })
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
