use super::NotificationFormat;
use super::formats::{Acr, Artifactory, Distribution, DockerHub, Generic, Ghcr, Google, Harbor, Quay};

/// Every format, one line each.
pub static FORMATS: &[&dyn NotificationFormat] =
    &[&Acr, &Artifactory, &Distribution, &DockerHub, &Generic, &Ghcr, &Google, &Harbor, &Quay];

/// The format called `name`, such as `harbor`.
pub fn by_name(name: &str) -> Option<&'static dyn NotificationFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn every_file_is_listed_once_under_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/notifications/formats");
        let files: BTreeSet<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|file| file.strip_suffix(".rs").map(ToOwned::to_owned))
            .filter(|name| name != "mod")
            .collect();
        let listed: BTreeSet<_> = FORMATS.iter().map(|format| format.name().to_owned()).collect();
        assert_eq!(listed, files);
        assert_eq!(listed.len(), FORMATS.len(), "two formats share a name");
        for format in FORMATS {
            assert_eq!(format.source(), format!("registry-{}", format.name()));
        }
    }

    #[test]
    fn names_find_their_format_and_others_find_none() {
        for format in FORMATS {
            assert_eq!(by_name(format.name()).map(NotificationFormat::title), Some(format.title()));
        }
        assert!(by_name("Harbor").is_none());
        assert!(by_name("").is_none());
    }
}
