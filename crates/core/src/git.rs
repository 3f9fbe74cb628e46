use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Git limits a ref to what fits a path on the server; 1 KiB is generous and keeps hostile names out.
pub(crate) const LONGEST_NAME: usize = 1024;

/// Why a text is not a Git name of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGitName {
    /// The text cannot be a ref or branch name by the rules of `git check-ref-format`.
    #[error("not a valid Git ref name")]
    Ref,
    /// The text is not an object id: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, or the first of them.
    #[error("not a commit id of 40 or 64 hexadecimal digits")]
    Commit,
}

/// A branch by its short name, for example `main` or `feature/login`.
///
/// Branch names are case-sensitive. They follow `git check-ref-format`, so they hold no ASCII control
/// characters, spaces, `~^:?*[\`, `..` or `@{`. They may begin with a dash, and hold what terminals act on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Branch(Arc<str>);

/// A tag by its short name, for example `v1.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

/// A full commit id in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(Arc<str>);

/// The first digits of a commit id, in lower-case hexadecimal: what some payloads hold in place of the whole.
///
/// Digits that are unique today can be ambiguous tomorrow, so nothing is built from them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AbbreviatedCommit(Arc<str>);

/// A commit as a payload names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CommitRef {
    /// By its full id.
    Full(Commit),
    /// By its first digits. A rule that would build it needs the full id first, see [`crate::Need::FullCommit`].
    Abbreviated(AbbreviatedCommit),
}

/// A full ref (`refs/…`) as it stands in a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// `refs/heads/<branch>`.
    Branch(Branch),
    /// `refs/tags/<tag>`.
    Tag(Tag),
    /// Anything else, such as `refs/notes/x`.
    Other(Arc<str>),
}

impl Branch {
    /// Takes a short branch name.
    pub fn parse(name: &str) -> Result<Self, InvalidGitName> {
        check_name(name).map(|()| Self(name.into()))
    }

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// Takes a short tag name.
    pub fn parse(name: &str) -> Result<Self, InvalidGitName> {
        check_name(name).map(|()| Self(name.into()))
    }

    /// The short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Commit {
    /// Takes a full object id in either case of hexadecimal digits.
    pub fn parse(id: &str) -> Result<Self, InvalidGitName> {
        let full = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        full.then(|| Self(id.to_ascii_lowercase().into())).ok_or(InvalidGitName::Commit)
    }

    /// The whole id, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people to read.
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }

    /// Whether this is the all-zero id by which Git says "no object": the ref was created or deleted.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl AbbreviatedCommit {
    /// Git abbreviates to no fewer digits.
    const SHORTEST: usize = 7;

    /// Takes 7 to 39 hexadecimal digits in either case.
    pub fn parse(digits: &str) -> Result<Self, InvalidGitName> {
        let legal =
            (Self::SHORTEST..40).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        legal.then(|| Self(digits.to_ascii_lowercase().into())).ok_or(InvalidGitName::Commit)
    }

    /// The digits, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CommitRef {
    /// Takes a full id, or its first digits.
    pub fn parse(id: &str) -> Result<Self, InvalidGitName> {
        Commit::parse(id).map(Self::Full).or_else(|_| AbbreviatedCommit::parse(id).map(Self::Abbreviated))
    }

    /// The digits of the payload, lower case.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Full(commit) => commit.as_str(),
            Self::Abbreviated(digits) => digits.as_str(),
        }
    }

    /// The first ten digits at most, for people to read.
    pub fn short(&self) -> &str {
        let digits = self.as_str();
        digits.get(..10).unwrap_or(digits)
    }
}

impl From<Commit> for CommitRef {
    fn from(commit: Commit) -> Self {
        Self::Full(commit)
    }
}

impl GitRef {
    /// Takes a full ref.
    pub fn parse(full: &str) -> Result<Self, InvalidGitName> {
        if let Some(branch) = full.strip_prefix("refs/heads/") {
            return Branch::parse(branch).map(Self::Branch);
        }
        if let Some(tag) = full.strip_prefix("refs/tags/") {
            return Tag::parse(tag).map(Self::Tag);
        }
        check_name(full).map(|()| Self::Other(full.into()))
    }
}

/// The rules of `git check-ref-format` for what follows `refs/heads/` or `refs/tags/`. `git branch` takes fewer names:
/// a push may create those that it refuses, such as `-x` and `@`. Git looks at bytes, so it knows ASCII control characters only.
/// Source: <https://git-scm.com/docs/git-check-ref-format>.
fn check_name(name: &str) -> Result<(), InvalidGitName> {
    let legal = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("@{")
        && name.split('/').all(is_component)
        && !name.chars().any(|c| c.is_ascii_control() || " ~^:?*[\\".contains(c));
    legal.then_some(()).ok_or(InvalidGitName::Ref)
}

fn is_component(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && std::path::Path::new(part).extension().is_none_or(|extension| extension != "lock")
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidGitName;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    )*};
}
as_text!(Branch, Tag, Commit, AbbreviatedCommit);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_check_ref_format() {
        for good in [
            "main",
            "feature/a/b",
            "v1.0",
            "füße",
            "a-b_c",
            "release-1",
            "-x",
            "@",
            "a@b",
            "n\u{85}l",
            "\u{202e}x",
            "refs/heads/main",
            "it's-\"quoted\"",
            "a.locked",
            "<b>",
            "!x",
            "x{y}z",
            "HEAD",
        ] {
            assert!(Branch::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(LONGEST_NAME + 1);
        for bad in [
            "", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a/", "/a", "a//b", ".a",
            "a/.b", "a.lock", "a.lock/b", "a.", "a@{1}", "a\u{7f}", "a\nb", &long,
        ] {
            assert_eq!(Branch::parse(bad), Err(InvalidGitName::Ref), "{bad:?}");
        }
    }

    #[test]
    fn a_tag_is_not_a_branch() {
        let parsed = GitRef::parse("refs/tags/main");
        assert_eq!(parsed, Ok(GitRef::Tag(Tag("main".into()))));
        assert_eq!(GitRef::parse("refs/heads/a/b"), Ok(GitRef::Branch(Branch("a/b".into()))));
        assert_eq!(GitRef::parse("refs/notes/x"), Ok(GitRef::Other("refs/notes/x".into())));
        assert_eq!(GitRef::parse("refs/heads/"), Err(InvalidGitName::Ref));
    }

    #[test]
    fn commits_are_full_ids() {
        assert_eq!(Commit::parse(&"AB".repeat(20)).map(|c| c.as_str().to_owned()), Ok("ab".repeat(20)));
        assert!(Commit::parse(&"a".repeat(64)).is_ok());
        for bad in ["", "abc", &"g".repeat(40), &"a".repeat(41), &"é".repeat(20)] {
            assert_eq!(Commit::parse(bad), Err(InvalidGitName::Commit), "{bad:?}");
        }
        assert!(Commit::parse(&"0".repeat(40)).is_ok_and(|commit| commit.is_zero()));
    }
}
