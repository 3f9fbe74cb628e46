use crate::Provider;
use crate::github::GitHub;

/// Every provider we know, one line each.
pub static ALL: &[&dyn Provider] = &[&GitHub];

/// The provider called `name`, such as `github`.
pub fn by_name(name: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.name() == name)
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
    fn what_proves_the_sender_is_never_kept() {
        for provider in ALL {
            for header in provider.kept_headers() {
                assert_eq!(*header, header.to_ascii_lowercase(), "names are lower case, as the journal says");
                let secret = ["signature", "token", "cookie", "authorization", "secret"];
                assert!(!secret.iter().any(|word| header.contains(word)), "{header}");
            }
        }
    }

    #[test]
    fn secret_keys_have_the_documented_order() {
        let keys = by_name("github").unwrap().secret_keys();
        assert_eq!(keys, ["github-token", "github-secret", "webhook-secret", "secretToken"]);
    }
}
