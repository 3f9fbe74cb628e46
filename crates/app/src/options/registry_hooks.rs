use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use trigger_egress::{Egress, EgressSettings};
use trigger_registries::notifications::{
    FORMATS, GOOGLE_KEYS, IdTokens, KeyFile, KeysByHttp, NotificationFormat, by_name,
};

/// Push notifications from image registries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct RegistryHookOptions {
    /// Accept push notifications of image registries at `/hooks/registry/FORMAT`.
    ///
    /// FILE contains the key, and previous keys on further lines. Repeat the flag or separate values with commas.
    /// Formats: see docs/registries.md.
    #[arg(
        long = "registry-hook",
        env = "SHIPWRIGHT_TRIGGER_REGISTRY_HOOK",
        value_delimiter = ',',
        value_name = "FORMAT=FILE"
    )]
    pub registry_hooks: Vec<RegistryHook>,
    /// URL of the keys with which Google signs ID tokens. For tests.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_GOOGLE_KEYS_URL",
        default_value = GOOGLE_KEYS,
        value_name = "URL",
        hide = true
    )]
    pub google_keys_url: String,
}

/// A format and its file of keys, written `harbor=/etc/shipwright-trigger/harbor/key`.
#[derive(Clone)]
pub struct RegistryHook {
    /// The format.
    pub format: &'static dyn NotificationFormat,
    /// The file.
    pub key_file: KeyFile,
}

impl RegistryHookOptions {
    /// Rejects formats that are listed twice and key files with which nothing, or anything, would verify.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for (index, hook) in self.registry_hooks.iter().enumerate() {
            let name = hook.format.name();
            if self.registry_hooks.iter().skip(index + 1).any(|other| other.format.name() == name) {
                bail!("--registry-hook lists {name} twice: put both keys into one file, one per line");
            }
            hook.key_file
                .check(hook.format)
                .with_context(|| format!("cannot verify notifications of {}", hook.format.title()))?;
        }
        Ok(())
    }

    /// The formats whose notifications are accepted, with their key files.
    pub(crate) fn hooks(&self) -> Vec<trigger_server::RegistryHook> {
        let hook = |hook: &RegistryHook| trigger_server::RegistryHook {
            format: hook.format,
            key_file: hook.key_file.clone(),
        };
        self.registry_hooks.iter().map(hook).collect()
    }

    /// Checks the ID tokens of formats that have them. Their keys are fetched from the hosts that `egress` allows.
    pub(crate) fn id_tokens(&self, egress: EgressSettings) -> anyhow::Result<Arc<IdTokens>> {
        // An authority of an internal registry must not vouch for Google's keys.
        let egress = Egress::new(EgressSettings { authorities: Vec::new(), ..egress })?;
        let keys = KeysByHttp::new(&self.google_keys_url, egress)?;
        Ok(Arc::new(IdTokens::new(Arc::new(keys))))
    }
}

impl Default for RegistryHookOptions {
    fn default() -> Self {
        Self { registry_hooks: Vec::new(), google_keys_url: GOOGLE_KEYS.to_owned() }
    }
}

impl std::str::FromStr for RegistryHook {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) =
            text.split_once('=').context("use FORMAT=FILE, such as harbor=/etc/trigger/harbor/key")?;
        let Some(format) = by_name(name) else {
            let known: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
            bail!("unknown notification format `{name}`; use one of: {}", known.join(", "));
        };
        if file.is_empty() {
            bail!("add the path of the key file after `{name}=`");
        }
        Ok(Self { format, key_file: KeyFile::new(PathBuf::from(file)) })
    }
}

impl std::fmt::Debug for RegistryHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.format.name(), self.key_file.path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_that_cannot_verify_are_rejected_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (long, short) = (file("long", "0123456789abcdef\n"), file("short", "0123456789\n"));
        let (empty, policy) = (file("empty", "\n"), file("policy", "audience=a\nemail=b\n"));
        for (hooks, expected) in [
            (vec![], None),
            (vec![("harbor", &long), ("quay", &long), ("google", &policy)], None),
            (vec![("quay", &long), ("quay", &long)], Some("lists quay twice")),
            (vec![("quay", &short)], Some("fewer than 16 characters")),
            (vec![("generic", &empty)], Some("is empty")),
            (vec![("acr", &"/nowhere".to_owned())], Some("cannot be read")),
            (vec![("google", &long)], Some("audience=")),
        ] {
            let hooks = hooks.into_iter().map(|(format, file)| format!("{format}={file}").parse().unwrap());
            let options = RegistryHookOptions { registry_hooks: hooks.collect(), ..Default::default() };
            let error = options.check().err().map(|error| format!("{error:#}"));
            match (error, expected) {
                (None, None) => {}
                (Some(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (error, _) => panic!("{error:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_hook_is_a_format_and_a_file() {
        assert_eq!(format!("{:?}", "acr=/a=b".parse::<RegistryHook>().unwrap()), "acr=/a=b");
        for text in ["", "acr", "acr=", "Acr=/a", "=/a", "ecr=/a"] {
            assert!(text.parse::<RegistryHook>().is_err(), "{text}");
        }
    }
}
