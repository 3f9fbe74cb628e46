//! The names of events: rules have one spelling for all providers, people use any.

use crate::event_spelling::EventNames;
use crate::{ALL, Provider};

/// The name of an event as rules spell it, such as `PullRequest`, for a provider's own name of it. A name that no rule
/// can use stays as it is.
pub fn rule_event_name(own: &str) -> &str {
    let known = names().find(|(_, name)| name.own == own);
    known.map_or(own, |(_, name)| name.rule)
}

/// The providers' own names of the events that a person means by `text`: any spelling of the rules' name or of a
/// provider's, such as `pull-request`, `PullRequest` or `merge_request`. Other text stands for itself.
pub fn own_event_names(text: &str) -> Vec<String> {
    let mut found: Vec<_> =
        names().filter(|(_, name)| name.is_meant_by(text)).map(|(_, name)| name.own.to_owned()).collect();
    if found.is_empty() {
        found.push(text.to_owned());
    }
    found
}

/// The name of an event as the header of `provider` carries it, for any spelling. Other text stands for itself.
pub fn own_event_name<'a>(provider: &dyn Provider, text: &'a str) -> &'a str {
    let known = provider.event_names().iter().find(|name| name.is_meant_by(text));
    known.map_or(text, |name| name.own)
}

/// The names that rules have for events of Git providers, each once.
pub fn rule_event_names() -> Vec<&'static str> {
    let mut found: Vec<_> = names().map(|(_, name)| name.rule).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn names() -> impl Iterator<Item = (&'static dyn Provider, EventNames)> {
    ALL.iter().flat_map(|provider| provider.event_names().iter().map(|name| (*provider, *name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_event_finds_the_names_of_the_providers() {
        let pull_request = own_event_names("PullRequest");
        assert_eq!(pull_request.len(), ALL.len(), "each provider has one: {pull_request:?}");
        for text in ["pullrequest", "pull_request", "pull-request", "Pull Request", "PULL_REQUEST"] {
            assert_eq!(own_event_names(text), pull_request, "{text}");
        }
        for (_, name) in names() {
            assert!(own_event_names(name.own).contains(&name.own.to_owned()), "{name:?}");
            assert!(own_event_names(name.rule).contains(&name.own.to_owned()), "{name:?}");
            assert_eq!(rule_event_name(name.own), name.rule);
        }
    }

    #[test]
    fn other_names_stay_as_they_are() {
        for text in ["", "hook", "check_run", "PipelineRun Succeeded", "Image docker.io/library/node:20"] {
            assert_eq!(own_event_names(text), [text]);
            assert_eq!(rule_event_name(text), text);
        }
    }

    #[test]
    fn a_provider_reads_its_own_name_in_any_spelling() {
        for provider in ALL {
            for name in provider.event_names() {
                assert_eq!(own_event_name(*provider, name.rule), name.own);
                assert_eq!(own_event_name(*provider, &name.own.to_uppercase()), name.own);
            }
            assert_eq!(own_event_name(*provider, "check_run"), "check_run");
        }
    }

    #[test]
    fn no_two_providers_disagree_about_a_name() {
        for (_, name) in names() {
            assert!(names().all(|(_, other)| other.own != name.own || other.rule == name.rule), "{name:?}");
        }
    }
}
