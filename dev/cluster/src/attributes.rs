//! The attributes of a request by which authorization decides.

use serde_json::Value;

use crate::resource_name::ResourceName;
use crate::status::ApiError;

/// A verb on a resource, as in the resource attributes of a SubjectAccessReview. Absent parts are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// The plural name.
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    /// Empty for cluster-wide resources and for requests about all namespaces.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Attributes<'a> {
    /// The field `resourceAttributes` of a review. `None` if it has none.
    pub(crate) fn of_review(value: &'a Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        value.is_object().then(|| Self {
            verb: text("verb"),
            group: text("group"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
        })
    }

    /// Whether a rule with these verbs, API groups and resources is about it. `*` stands for all, and `*/status` for a
    /// subresource of all resources.
    pub(crate) fn match_rule(&self, verbs: &[String], groups: &[String], resources: &[String]) -> bool {
        let has = |list: &[String], value: &str| list.iter().any(|entry| entry == "*" || entry == value);
        has(verbs, self.verb) && has(groups, self.group) && resources.iter().any(|entry| self.is_of(entry))
    }

    /// Whether its resource is that of an entry in a rule, such as `pods/log`.
    fn is_of(&self, entry: &str) -> bool {
        match entry.split_once('/') {
            None => entry == "*" || (self.subresource.is_empty() && entry == self.resource),
            Some((resource, subresource)) => {
                !self.subresource.is_empty()
                    && subresource == self.subresource
                    && (resource == "*" || resource == self.resource)
            }
        }
    }

    /// The 403 for a user who may not do it.
    pub(crate) fn forbidden_to(&self, user: &str) -> ApiError {
        let Self { verb, group, resource, subresource, namespace, name } = self;
        let slash = if subresource.is_empty() { "" } else { "/" };
        let place = match *namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let why = format!(
            "User \"{user}\" cannot {verb} resource \"{resource}{slash}{subresource}\" in API group \"{group}\" {place}"
        );
        let why = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let resource =
            ResourceName { group: (*group).to_owned(), plural: (*resource).to_owned(), kind: String::new() };
        ApiError::forbidden(&resource, name, &why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_resource_is_matched_with_its_subresource() {
        let get = |resource, subresource| Attributes {
            verb: "get",
            resource,
            subresource,
            ..Attributes::default()
        };
        let (pods, log) = (get("pods", ""), get("pods", "log"));
        for (entry, of_pods, of_log) in [
            ("*", true, true),
            ("pods", true, false),
            ("pods/log", false, true),
            ("*/log", false, true),
            ("pods/*", false, false),
            ("pods/", false, false),
            ("secrets", false, false),
            ("secrets/log", false, false),
        ] {
            let rule =
                |wants: Attributes<'_>| wants.match_rule(&texts(&["get"]), &texts(&[""]), &texts(&[entry]));
            assert_eq!((rule(pods), rule(log)), (of_pods, of_log), "{entry}");
        }
    }

    #[test]
    fn a_refusal_has_the_words_of_the_real_server() {
        let create = Attributes { verb: "create", resource: "namespaces", ..Attributes::default() };
        let status = Attributes {
            verb: "patch",
            group: "shipwright.io",
            resource: "buildruns",
            subresource: "status",
            namespace: "team-a",
            name: "web",
        };
        for (wanted, user, expected) in [
            (
                create,
                "a<b",
                "namespaces is forbidden: User \"a&lt;b\" cannot create resource \"namespaces\" in API group \"\" at the \
                 cluster scope",
            ),
            (
                status,
                "robot",
                "buildruns.shipwright.io \"web\" is forbidden: User \"robot\" cannot patch resource \"buildruns/status\" \
                 in API group \"shipwright.io\" in the namespace \"team-a\"",
            ),
        ] {
            let error = wanted.forbidden_to(user);
            assert_eq!(
                (error.code, error.reason.as_str(), error.message.as_str()),
                (403, "Forbidden", expected)
            );
        }
    }
}
