use http::HeaderMap;
use trigger_core::{KnownHosts, RepoId, RepoIdError};

use crate::Provider;
use crate::gitea::Gitea;
use crate::github::GitHub;
use crate::gitlab::GitLab;

/// Every provider, one line each. A provider that sends the headers of another beside its own stands behind it.
#[rustfmt::skip]
pub static ALL: &[&dyn Provider] = &[
    &GitHub,
    &GitLab,
    &Gitea,
];

/// The facts about the host names of all providers' public services, for addresses that people write.
pub fn known_hosts() -> KnownHosts {
    ALL.iter().fold(KnownHosts::NONE, |hosts, provider| hosts.and(&provider.hosts()))
}

/// Takes the address of a repository that a person wrote, with the spellings of all providers' public services.
///
/// # Errors
///
/// The address is none of a repository.
pub fn parse_repository(address: &str) -> Result<RepoId, RepoIdError> {
    RepoId::parse_with(address, &known_hosts())
}

/// The provider called `name`, such as `github`.
pub fn by_name(name: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.name() == name)
}

/// The provider that recognizes the headers of a request as its own. If several do, it is the last of them in [`ALL`].
pub fn sender(headers: &HeaderMap) -> Option<&'static dyn Provider> {
    ALL.iter().copied().rfind(|provider| provider.recognizes(headers))
}

/// The entries of a Secret that may hold a webhook key of any provider, each once.
pub fn key_entries() -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for entry in ALL.iter().flat_map(|provider| provider.secret_entries()) {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn every_folder_is_listed_once_under_its_name() {
        let folders: BTreeSet<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<_> = ALL.iter().map(|provider| provider.name().to_owned()).collect();
        assert_eq!(listed, folders);
        assert_eq!(listed.len(), ALL.len(), "two providers share a name");
    }

    #[test]
    fn names_find_their_provider_and_others_find_none() {
        for provider in ALL {
            assert_eq!(by_name(provider.name()).map(Provider::title), Some(provider.title()));
        }
        assert!(by_name("GitHub").is_none());
        assert!(by_name("").is_none());
    }

    #[test]
    fn each_provider_recognizes_its_own_webhooks_alone() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        for provider in ALL {
            let headers = provider.sign("push", "1", b"{}", Some(b"key"), now);
            assert_eq!(sender(&headers).map(Provider::name), Some(provider.name()));
            let others = ALL.iter().filter(|other| other.recognizes(&headers));
            assert_eq!(others.count(), 1, "{}", provider.name());
        }
        assert!(sender(&HeaderMap::new()).is_none());
    }

    #[test]
    fn credentials_are_never_kept() {
        for provider in ALL {
            for header in provider.kept_headers() {
                assert_eq!(*header, header.to_ascii_lowercase(), "names are lower case, as the journal says");
                let secret = ["signature", "token", "cookie", "authorization", "secret"];
                assert!(!secret.iter().any(|word| header.contains(word)), "{header}");
            }
        }
    }

    #[test]
    fn secret_entries_have_the_documented_order() {
        for provider in ALL {
            let name = provider.name();
            let own = [format!("{name}-token"), format!("{name}-secret")];
            let expected: Vec<_> =
                own.into_iter().chain(["webhook-secret".into(), "secretToken".into()]).collect();
            assert_eq!(provider.secret_entries(), expected);
        }
    }

    #[test]
    fn an_address_of_a_provider_has_one_name_wherever_it_is_installed() {
        for (address, expected) in [
            ("https://GitHub.com/Acme/Web", "github.com/acme/web"),
            ("ssh://git@ssh.github.com:443/acme/web.git", "github.com/acme/web"),
            ("https://gitlab.com/Acme/Apps/Web", "gitlab.com/acme/apps/web"),
            ("ssh://git@altssh.gitlab.com:443/acme/web.git", "gitlab.com/acme/web"),
            ("https://git.example.com/Acme/Web", "git.example.com/acme/web"),
            ("https://www.github.com/Acme/Web", "github.com/acme/web"),
            ("https://www.gitlab.com/Acme/Web", "gitlab.com/acme/web"),
        ] {
            assert_eq!(parse_repository(address).unwrap().as_str(), expected);
        }
    }
}
