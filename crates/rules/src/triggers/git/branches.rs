use trigger_core::{Branch, Commit};

use super::mistakes;
use super::pattern::{Pattern, PatternError, is_pattern, matches};
use crate::limits::{LONGEST_PATTERN, MOST_BRANCHES};
use crate::rule_error::{RuleError, take_mistakes};
use crate::text::quoted;

/// What Shipwright's documentation falls back to when nothing else is known.
const LAST_RESORT: &str = "main";

/// The branches a rule names: literal names, or patterns with `*`, `?`, `[…]`.
///
/// None of those three characters can occur in a Git ref, so patterns take no literal name away. `*` and
/// `?` do not match `/`, `**` does.
pub(crate) struct Branches(Box<[Box<str>]>);

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
    /// An entry that no branch can match is an error of the rule if there is no other, else of this part of it.
    pub(crate) fn compile(
        names: &[impl AsRef<str>],
        warnings: &mut Vec<RuleError>,
    ) -> Result<Self, RuleError> {
        if names.len() > MOST_BRANCHES {
            let (reason, subject) = ("TriggerTooManyBranches", "branches in `.github.branches`");
            return Err(RuleError::too_many(reason, subject, names.len(), MOST_BRANCHES));
        }
        let branches = names.iter().map(|name| compile(name.as_ref())).collect::<Result<Box<[_]>, _>>()?;
        take_mistakes(branches.iter().map(|name| mistakes::in_branch(name)).collect(), warnings)?;
        Ok(Self(branches))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|name| size_of_val(name) + name.len()).sum()
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

/// Braces are legal in a ref and mean nothing here.
fn compile(name: &str) -> Result<Box<str>, RuleError> {
    let name = name.strip_prefix("refs/heads/").unwrap_or(name);
    if name.len() > LONGEST_PATTERN {
        return Err(RuleError::too_long("TriggerPatternTooLong", "branch or pattern", name, LONGEST_PATTERN));
    }
    if is_pattern(name) {
        Pattern::parse(name).map_err(|error| invalid(name, error))?;
    }
    Ok(name.into())
}

fn invalid(pattern: &str, error: PatternError) -> RuleError {
    let reason = match error {
        PatternError::TooComplex(_) => "TriggerPatternTooComplex",
        PatternError::UnclosedClass | PatternError::InvalidRange(..) => "TriggerInvalidBranchPattern",
    };
    let pattern = quoted(pattern);
    RuleError::new(reason, format!("the branch pattern {pattern} cannot be understood: {error}"))
}

impl ExpectedBranches<'_> {
    pub(super) fn contains(&self, branch: &Branch) -> bool {
        let branch = branch.as_str();
        match self {
            Self::Listed(branches) => branches
                .0
                .iter()
                .any(|name| if is_pattern(name) { matches(name, branch) } else { **name == *branch }),
            Self::One(name) => *name == branch,
            Self::Commit(_) => false,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let (listed, one) = match self {
            Self::Listed(branches) => (&branches.0[..], None),
            Self::One(name) | Self::Commit(name) => (&[][..], Some(*name)),
        };
        listed.iter().map(AsRef::as_ref).chain(one)
    }
}
