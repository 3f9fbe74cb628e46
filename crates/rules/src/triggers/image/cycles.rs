use std::collections::{HashMap, VecDeque};

use trigger_core::{ImageRef, ResourceRef};

use super::{key, of};
use crate::limits::LONGEST_ERROR;
use crate::rule_set::{OwnerRules, RuleSet};

/// The images that are pushed because one Build was started, directly or by Builds that wait for each other's images.
///
/// A Build that is started pushes its output; the Builds that wait for that are started, and push theirs. If
/// one of all those pushes the image that started the first one, it is started again, and so on without end. Namespaces
/// do not matter: registries are the same for all.
pub(super) struct Consequences<'a> {
    /// The owners reached, each with the one before it.
    from: HashMap<&'a ResourceRef, Option<&'a ResourceRef>>,
    /// The images they push, each with the first that pushes it.
    pushed: HashMap<&'a ImageRef, &'a ResourceRef>,
}

impl<'a> Consequences<'a> {
    /// Those of starting `first`. Each Build is visited once, however many images it waits for.
    pub(super) fn of(rules: &'a RuleSet, first: &'a OwnerRules) -> Self {
        let mut found = Self { from: HashMap::from([(&first.owner, None)]), pushed: HashMap::new() };
        let mut next = VecDeque::from([first]);
        while let Some(build) = next.pop_front() {
            let Some(output) = of(build).and_then(|images| images.output.as_ref()) else { continue };
            if found.pushed.contains_key(output) {
                continue;
            }
            found.pushed.insert(output, &build.owner);
            for waiting in rules.at(&key(output)) {
                if of(waiting).is_some_and(|images| images.waits_for(output))
                    && !found.from.contains_key(&waiting.owner)
                {
                    found.from.insert(&waiting.owner, Some(&build.owner));
                    next.push_back(waiting);
                }
            }
        }
        found
    }

    /// The cycle that would be closed if the first were started because `image` has changed: the Builds on it, as
    /// `a -> b -> a`. `None` if there is none.
    pub(super) fn cycle(&self, image: &ImageRef) -> Option<String> {
        let mut way = vec![*self.pushed.get(image)?];
        while let Some(Some(before)) = way.last().and_then(|build| self.from.get(build)) {
            way.push(before);
        }
        way.reverse();
        let last = way.first().map(|first| first.key.to_string()).unwrap_or_default();
        let mut shown = String::new();
        for build in way {
            if shown.len() + 2 * last.len() > LONGEST_ERROR / 2 {
                shown.push_str("… -> ");
                break;
            }
            shown.push_str(&build.key.to_string());
            shown.push_str(" -> ");
        }
        Some(shown + &last)
    }
}
