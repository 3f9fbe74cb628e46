/// The labels of a pull request: at most [`Labels::MOST`], in the order of the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[Box<str>]>);

impl Labels {
    /// The labels of one pull request: GitHub permits as many.
    pub const MOST: usize = 100;
    /// A label, in bytes. Providers permit 50 to 255 characters.
    pub const LONGEST: usize = 1024;

    /// These labels; `None` if they are more or longer than permitted.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut found = Vec::new();
        for label in labels {
            if found.len() == Self::MOST || label.len() > Self::LONGEST {
                return None;
            }
            found.push(label.into());
        }
        Some(Self(found.into()))
    }

    /// The labels.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether one of them is called so. Upper and lower case are different, as some providers have it.
    pub fn contains(&self, label: &str) -> bool {
        self.iter().any(|one| one == label)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded() {
        let labels = Labels::new(["ready", "größe: m"]).unwrap();
        assert!(labels.contains("ready") && !labels.contains("Ready"));
        assert!(Labels::new(["a"; Labels::MOST]).is_some());
        assert_eq!(Labels::new(["a"; Labels::MOST + 1]), None);
        assert_eq!(Labels::new([&*"a".repeat(Labels::LONGEST + 1)]), None);
    }
}
