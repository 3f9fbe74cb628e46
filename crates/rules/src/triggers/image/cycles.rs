use std::collections::{HashMap, VecDeque};

use trigger_core::{ImageRef, ResourceRef};

use super::{key, of};
use crate::rule_set::{OwnerRules, RuleSet};

/// The cycle that would be closed if `first` were started because `image` has changed: the Builds on it, as
/// `a -> b -> a`. `None` if there is none.
///
/// A Build that is started pushes its output; the Builds that wait for that are started, and push theirs. If
/// one of all those pushes `image`, the first one is started again, and so on without end. Namespaces do not
/// matter: registries are the same for all.
pub(super) fn cycle(rules: &RuleSet, first: &OwnerRules, image: &ImageRef) -> Option<String> {
    // The owners reached, each with the one before it.
    let mut from: HashMap<&ResourceRef, Option<&ResourceRef>> = HashMap::from([(&first.owner, None)]);
    let mut next = VecDeque::from([first]);
    while let Some(build) = next.pop_front() {
        let Some(output) = output(build) else { continue };
        if output == image {
            return Some(shown(&from, &build.owner));
        }
        for waiting in rules.at(&key(output)) {
            let waits = of(waiting).is_some_and(|images| images.names.contains(output));
            if waits && !from.contains_key(&waiting.owner) {
                from.insert(&waiting.owner, Some(&build.owner));
                next.push_back(waiting);
            }
        }
    }
    None
}

fn output(build: &OwnerRules) -> Option<&ImageRef> {
    of(build)?.output.as_ref()
}

/// The way to the last Build, and back to the first.
fn shown(from: &HashMap<&ResourceRef, Option<&ResourceRef>>, last: &ResourceRef) -> String {
    let mut way = vec![last];
    while let Some(Some(before)) = way.last().and_then(|build| from.get(build)) {
        way.push(before);
    }
    way.reverse();
    way.extend(way.first().copied());
    way.iter().map(|build| build.key.to_string()).collect::<Vec<_>>().join(" -> ")
}
