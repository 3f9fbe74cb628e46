use std::collections::{HashMap, VecDeque};

use trigger_core::{ImageRef, ObjectKey};

use super::key;
use crate::rule_set::{RuleSet, TargetRules};

/// The circle that would be closed if `target` were started because `image` has changed: the Builds on it, as
/// `a -> b -> a`. `None` if there is none.
///
/// A Build that is started pushes its output; the Builds that wait for that are started, and push theirs. If
/// one of all those pushes `image`, the first one is started again, and so on for ever. Namespaces do not
/// matter: registries are the same for all.
pub(crate) fn cycle(rules: &RuleSet, target: &ObjectKey, image: &ImageRef) -> Option<String> {
    let first = rules.target(target)?;
    // Who was reached, and from where.
    let mut from: HashMap<&ObjectKey, Option<&ObjectKey>> = HashMap::from([(&first.target.key, None)]);
    let mut next = VecDeque::from([first.as_ref()]);
    while let Some(build) = next.pop_front() {
        let Some(output) = output(build) else { continue };
        if output == image {
            return Some(shown(&from, &build.target.key));
        }
        for waiting in rules.under(&key(output)) {
            let waits = waiting.images.as_ref().is_some_and(|images| images.names.contains(output));
            if waits && !from.contains_key(&waiting.target.key) {
                from.insert(&waiting.target.key, Some(&build.target.key));
                next.push_back(waiting);
            }
        }
    }
    None
}

fn output(build: &TargetRules) -> Option<&ImageRef> {
    build.images.as_ref()?.output.as_ref()
}

/// The way to the last Build, and back to the first.
fn shown(from: &HashMap<&ObjectKey, Option<&ObjectKey>>, last: &ObjectKey) -> String {
    let mut way = vec![last];
    while let Some(Some(before)) = way.last().and_then(|build| from.get(build)) {
        way.push(before);
    }
    way.reverse();
    way.extend(way.first().copied());
    way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> ")
}
