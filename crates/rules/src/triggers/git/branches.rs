use std::collections::HashMap;
use std::sync::{Arc, Weak};

use globset::{GlobBuilder, GlobMatcher};
use trigger_core::{Branch, Commit};

use crate::rule_error::RuleError;

/// What Shipwright's documentation falls back to when nothing else is known.
const LAST_RESORT: &str = "main";

/// The branches a rule names: literal names, or patterns with `*`, `?`, `[…]`.
///
/// None of those three characters can occur in a Git ref, so patterns take no literal name away. `*` and
/// `?` do not match `/`, `**` does.
pub(super) struct Branches(Box<[Entry]>);

enum Entry {
    Literal(Box<str>),
    Pattern { text: Box<str>, matcher: Arc<GlobMatcher> },
}

/// Compiled patterns, shared by all rules that write the same text: a compiled one is large, and a
/// cluster's rules repeat a few.
#[derive(Default)]
pub(crate) struct Patterns(HashMap<Box<str>, Weak<GlobMatcher>>);

/// The branches that a rule expects, once the Build and the event are known.
pub(super) enum ExpectedBranches<'a> {
    /// The rule names them.
    Listed(&'a Branches),
    /// The rule names none: the Build's revision, else the default branch, else `main`.
    One(&'a str),
    /// The rule names none and the Build's revision is a commit: no branch can match.
    Commit(&'a str),
}

impl Branches {
    pub(super) fn compile(names: &[String], patterns: &mut Patterns) -> Result<Self, RuleError> {
        let entry = |name: &String| {
            let name = name.strip_prefix("refs/heads/").unwrap_or(name);
            if name.contains(['*', '?', '[']) {
                patterns.compile(name).map(|matcher| Entry::Pattern { text: name.into(), matcher })
            } else {
                Ok(Entry::Literal(name.into()))
            }
        };
        names.iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// The branches that the rule names, else the one of the Build's `revision`, else `default_branch`, else `main`.
    pub(super) fn expected<'a>(
        &'a self,
        revision: Option<&'a str>,
        default_branch: Option<&'a Branch>,
    ) -> ExpectedBranches<'a> {
        if !self.0.is_empty() {
            return ExpectedBranches::Listed(self);
        }
        match revision {
            Some(revision) if Commit::parse(revision).is_ok() => ExpectedBranches::Commit(revision),
            Some(revision) => ExpectedBranches::One(revision.strip_prefix("refs/heads/").unwrap_or(revision)),
            None => ExpectedBranches::One(default_branch.map_or(LAST_RESORT, Branch::as_str)),
        }
    }
}

impl ExpectedBranches<'_> {
    pub(super) fn contains(&self, branch: &Branch) -> bool {
        match self {
            Self::Listed(branches) => branches.0.iter().any(|entry| match entry {
                Entry::Literal(name) => **name == *branch.as_str(),
                Entry::Pattern { matcher, .. } => matcher.is_match(branch.as_str()),
            }),
            Self::One(name) => *name == branch.as_str(),
            Self::Commit(_) => false,
        }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Listed(branches) => {
                let text = |entry| match entry {
                    &Entry::Literal(ref text) | &Entry::Pattern { ref text, .. } => text.as_ref(),
                };
                branches.0.iter().map(text).collect()
            }
            Self::One(name) | Self::Commit(name) => vec![name],
        }
    }
}

impl Patterns {
    fn compile(&mut self, pattern: &str) -> Result<Arc<GlobMatcher>, RuleError> {
        if let Some(known) = self.0.get(pattern).and_then(Weak::upgrade) {
            return Ok(known);
        }
        // Braces are legal in a ref and mean nothing here.
        let escaped = pattern.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&escaped).literal_separator(true).backslash_escape(false).build();
        let glob = glob.map_err(|error| {
            let message = format!("the branch pattern `{pattern}` cannot be understood: {}", error.kind());
            RuleError::new("TriggerInvalidBranchPattern", message)
        })?;
        let matcher = Arc::new(glob.compile_matcher());
        self.0.retain(|_, matcher| matcher.strong_count() > 0);
        self.0.insert(pattern.into(), Arc::downgrade(&matcher));
        Ok(matcher)
    }
}
