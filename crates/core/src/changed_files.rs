use std::borrow::Cow;
use std::collections::BTreeSet;

/// The files that an event changes, as far as they are known.
///
/// Rules with patterns of paths are compared with them. Files that are not known never keep a rule from firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedFiles {
    /// These, and no others.
    Known(FileList),
    /// Not all of them can be known: why, in a sentence.
    Unknown(Cow<'static, str>),
}

/// Paths of files from the root of a repository: at most [`FileList::MOST`], each once, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileList {
    paths: BTreeSet<Box<str>>,
    bytes: usize,
}

/// Why a path cannot be added to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileListError {
    /// The list is full.
    #[error("more than {} files changed", FileList::MOST)]
    TooMany,
    /// The paths have more than [`FileList::LARGEST`] bytes together.
    #[error("the paths of the changed files have more than {} KiB", FileList::LARGEST >> 10)]
    TooLarge,
    /// The path is longer than [`FileList::LONGEST`].
    #[error("the path of a changed file has more than {} bytes", FileList::LONGEST)]
    TooLong,
}

impl ChangedFiles {
    /// The files of an event about which no file is said.
    pub const NOT_LISTED: Self = Self::Unknown(Cow::Borrowed("the event lists no files"));

    /// Not known, for a reason in a sentence.
    pub fn unknown(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unknown(why.into())
    }
}

impl FileList {
    /// The files of one event. A change of more files concerns nearly every rule anyway.
    pub const MOST: usize = 3000;
    /// A path, in bytes: as long as file systems permit.
    pub const LONGEST: usize = 4096;
    /// All paths of one event, in bytes.
    pub const LARGEST: usize = 256 << 10;

    /// Adds a path, unless it is there.
    pub fn insert(&mut self, path: &str) -> Result<(), FileListError> {
        if path.len() > Self::LONGEST {
            return Err(FileListError::TooLong);
        }
        if self.paths.contains(path) {
            return Ok(());
        }
        if self.paths.len() == Self::MOST {
            return Err(FileListError::TooMany);
        }
        if self.bytes + path.len() > Self::LARGEST {
            return Err(FileListError::TooLarge);
        }
        self.bytes += path.len();
        self.paths.insert(path.into());
        Ok(())
    }

    /// The paths.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_each_path_once_and_a_bounded_number() {
        let mut files = FileList::default();
        for path in ["web/a.go", "docs/b.md", "web/a.go"] {
            assert_eq!(files.insert(path), Ok(()));
        }
        assert_eq!(files.iter().collect::<Vec<_>>(), ["docs/b.md", "web/a.go"]);
        assert_eq!(files.insert(&"x".repeat(FileList::LONGEST + 1)), Err(FileListError::TooLong));
        for number in files.len()..FileList::MOST {
            assert_eq!(files.insert(&number.to_string()), Ok(()));
        }
        assert_eq!(files.insert("one more"), Err(FileListError::TooMany));
        assert_eq!(files.insert("web/a.go"), Ok(()), "it is there");
    }

    #[test]
    fn the_paths_of_a_list_are_bounded_together() {
        let mut files = FileList::default();
        let long = "x".repeat(FileList::LONGEST - 4);
        let most = (0..1000).take_while(|number| files.insert(&format!("{number:04}{long}")).is_ok()).count();
        assert_eq!(most * FileList::LONGEST, FileList::LARGEST);
        assert_eq!(files.insert("a"), Err(FileListError::TooLarge));
    }
}
