//! The files of a push, from the commits that its payload lists.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use trigger_core::{ChangedFiles, FileList, FileListError};

use crate::json::{FieldAmong, Text};

/// The provider's names of the fields of a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitFields {
    /// That of its id.
    pub(crate) id: &'static str,
    /// Those of its lists of files.
    pub(crate) files: [&'static str; 3],
}

/// The commits that a payload lists. Of their files no more is kept than a [`FileList`] may hold.
#[derive(Debug)]
pub(crate) struct PushedCommits {
    /// How many.
    pub(crate) count: usize,
    has_head: bool,
    has_files: bool,
    files: Result<FileList, FileListError>,
}

impl PushedCommits {
    /// Reads the list of commits of a push whose last commit is `head`. `None` if it is absent or has another shape.
    pub(crate) fn read(list: Option<&RawValue>, fields: &CommitFields, head: &str) -> Option<Self> {
        let found =
            RefCell::new(Self { count: 0, has_head: false, has_files: true, files: Ok(FileList::default()) });
        let reader = Reader { fields, head, found: &found };
        let mut json = serde_json::Deserializer::from_str(list?.get());
        json.deserialize_seq(CommitList(reader)).ok()?;
        Some(found.into_inner())
    }

    /// The files of all listed commits, which are all commits of the push as far as the caller can say.
    pub(crate) fn changed_files(self) -> ChangedFiles {
        let why: Cow<'static, str> = match self.files {
            _ if self.count == 0 => "the payload lists no commits".into(),
            _ if !self.has_head => "the payload does not list the last commit".into(),
            _ if !self.has_files => "a commit of the payload lists no files".into(),
            Ok(files) => return ChangedFiles::Known(files),
            Err(error) => error.to_string().into(),
        };
        ChangedFiles::unknown(why)
    }
}

#[derive(Clone, Copy)]
struct Reader<'r> {
    fields: &'r CommitFields,
    head: &'r str,
    found: &'r RefCell<PushedCommits>,
}

struct CommitList<'r>(Reader<'r>);

impl<'de> Visitor<'de> for CommitList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of commits")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(OneCommit(self.0))?.is_some() {
            self.0.found.borrow_mut().count += 1;
        }
        Ok(())
    }
}

struct OneCommit<'r>(Reader<'r>);

impl<'de> DeserializeSeed<'de> for OneCommit<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneCommit<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a commit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut commit: A) -> Result<(), A::Error> {
        let Reader { fields, head, found } = self.0;
        let mut lists = [false; 3];
        let [first, second, third] = fields.files;
        let names = [first, second, third, fields.id];
        while let Some(place) = commit.next_key_seed(FieldAmong(&names))? {
            let Some(place) = place else {
                commit.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Some(list) = lists.get_mut(place) {
                commit.next_value_seed(Paths(found))?;
                *list = true;
            } else {
                let id: Text<'de> = commit.next_value()?;
                found.borrow_mut().has_head |= *id.0 == *head;
            }
        }
        found.borrow_mut().has_files &= lists == [true; 3];
        Ok(())
    }
}

struct Paths<'r>(&'r RefCell<PushedCommits>);

impl<'de> DeserializeSeed<'de> for Paths<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Paths<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of paths")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(path) = list.next_element::<Text<'de>>()? {
            let mut found = self.0.borrow_mut();
            if let Ok(files) = &mut found.files
                && let Err(error) = files.insert(&path.0)
            {
                // The list goes at once: nothing reads a part of it.
                found.files = Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HEAD: &str = "5f00cfffe0307177686c0bec53a2f218fc96c9c7";
    const FIELDS: CommitFields = CommitFields { id: "id", files: ["new", "changed", "gone"] };

    fn read(commits: &Value) -> Option<PushedCommits> {
        let list = serde_json::value::to_raw_value(commits).unwrap();
        PushedCommits::read(Some(&list), &FIELDS, HEAD)
    }

    fn commit(id: &str, files: &[&str]) -> Value {
        json!({"id": id, "new": [], "message": {"deep": [[1]]}, "changed": files, "gone": ["docs/old.md"]})
    }

    #[test]
    fn the_files_of_all_commits_are_one_list() {
        let other = "0".repeat(40);
        let commits =
            read(&json!([commit(&other, &["a", "b\u{e9}\n"]), commit(HEAD, &["a", "c/d"])])).unwrap();
        assert_eq!(commits.count, 2);
        let ChangedFiles::Known(files) = commits.changed_files() else { panic!("they are known") };
        assert_eq!(files.iter().collect::<Vec<_>>(), ["a", "b\u{e9}\n", "c/d", "docs/old.md"]);
    }

    #[test]
    fn a_list_that_leaves_something_out_is_not_known() {
        let many: Vec<_> = (0..=FileList::MOST).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        for (commits, why) in [
            (json!([]), "lists no commits"),
            (json!([commit(&"0".repeat(40), &["a"])]), "does not list the last commit"),
            (json!([{"id": HEAD, "new": [], "changed": []}]), "lists no files"),
            (json!([commit(HEAD, &many)]), "more than 3000 files"),
        ] {
            let ChangedFiles::Unknown(found) = read(&commits).unwrap().changed_files() else {
                panic!("{why}")
            };
            assert!(found.contains(why), "{found}");
        }
    }

    #[test]
    fn another_shape_is_no_list() {
        for commits in [
            json!(null),
            json!({}),
            json!([1]),
            json!([[]]),
            json!([{"id": 1}]),
            json!([{"id": HEAD, "new": null}]),
            json!([{"new": [1]}]),
        ] {
            assert!(read(&commits).is_none(), "{commits}");
        }
        assert!(PushedCommits::read(None, &FIELDS, HEAD).is_none());
    }
}
