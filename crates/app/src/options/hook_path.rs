use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use trigger_providers::{ALL, Provider, by_name};

/// A provider and the URL path of its webhooks, written `PROVIDER=PATH`.
#[derive(Clone)]
pub struct HookPath {
    /// The provider.
    pub provider: &'static dyn Provider,
    /// The path, which begins with `/`.
    pub path: String,
}

/// The prefix of the paths of registry notifications.
const REGISTRY_PATHS: &str = "/hooks/registry/";

impl HookPath {
    /// `/hooks/NAME` for every provider.
    pub(crate) fn defaults() -> Vec<Self> {
        ALL.iter().map(|provider| Self::default_of(*provider)).collect()
    }

    /// `/hooks/NAME` for one provider.
    pub(crate) fn default_of(provider: &'static dyn Provider) -> Self {
        Self { provider, path: format!("/hooks/{}", provider.name()) }
    }

    /// Rejects paths that two routes would share.
    pub(crate) fn check(paths: &[Self]) -> anyhow::Result<()> {
        for (index, hook) in paths.iter().enumerate() {
            if paths.iter().skip(index + 1).any(|other| other.path == hook.path) {
                bail!("two providers cannot share the path {}: change one --hook-path", hook.path);
            }
            if hook.path.starts_with(REGISTRY_PATHS) {
                bail!("the path {} is reserved for registry notifications: change --hook-path", hook.path);
            }
        }
        Ok(())
    }
}

impl FromStr for HookPath {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) = text
            .split_once('=')
            .with_context(|| format!("use PROVIDER=PATH, such as {0}=/hooks/{0}", default_provider()))?;
        let provider = provider_by_name(name)?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !path.starts_with('/') || !path.chars().all(is_allowed) {
            bail!(
                "`{path}` is not a valid path: it must start with `/` and contain only letters, digits and -_.~"
            );
        }
        Ok(Self { provider, path: path.to_owned() })
    }
}

impl fmt::Display for HookPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.provider.name(), self.path)
    }
}

impl fmt::Debug for HookPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The provider called `name`. The error lists the providers that exist.
pub(crate) fn provider_by_name(name: &str) -> anyhow::Result<&'static dyn Provider> {
    by_name(name).with_context(|| {
        let known: Vec<_> = ALL.iter().map(|provider| provider.name()).collect();
        format!("unknown provider `{name}`; use one of: {}", known.join(", "))
    })
}

/// The name of the provider that flags default to: the first in the table.
pub(crate) fn default_provider() -> &'static str {
    ALL.first().map_or("", |provider| provider.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<HookPath> {
        text.parse()
    }

    #[test]
    fn every_provider_has_a_default_path_of_its_name() {
        let paths = HookPath::defaults();
        HookPath::check(&paths).unwrap();
        for (hook, provider) in paths.iter().zip(ALL) {
            assert_eq!(hook.to_string(), format!("{0}=/hooks/{0}", provider.name()));
            assert_eq!(parse(&hook.to_string()).unwrap().path, hook.path, "what is printed can be parsed");
        }
    }

    #[test]
    fn a_path_that_cannot_be_routed_is_rejected() {
        let name = default_provider();
        for text in [name.to_owned(), format!("{name}=x"), format!("{name}=/a b"), "nowhere=/x".to_owned()] {
            assert!(parse(&text).is_err(), "{text}");
        }
        let twice = [format!("{name}=/a"), format!("{name}=/a")].map(|text| parse(&text).unwrap());
        let error = HookPath::check(&twice).unwrap_err().to_string();
        assert!(error.contains("two providers cannot share the path /a"), "{error}");
        let registry = [parse(&format!("{name}=/hooks/registry/quay")).unwrap()];
        let error = HookPath::check(&registry).unwrap_err().to_string();
        assert!(error.contains("reserved for registry notifications"), "{error}");
    }
}
