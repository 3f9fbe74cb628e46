//! What the program may do, and what it did: the shipped roles beside the audit log.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// Who the program is.
const PROGRAM: &str = "system:serviceaccount:shipwright-trigger:shipwright-trigger";

/// A verb on a resource, the smallest thing that a role grants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Right {
    group: String,
    /// With a slash and the subresource, if it has one.
    resource: String,
    verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        write!(f, "{} {} ({group})", self.verb, self.resource)
    }
}

impl Right {
    /// To read the Secrets of a namespace.
    fn get_secrets() -> Self {
        Self { group: String::new(), resource: "secrets".to_owned(), verb: "get".to_owned() }
    }

    /// To send requests as another user.
    fn impersonate(resource: &str) -> Self {
        Self { group: String::new(), resource: resource.to_owned(), verb: "impersonate".to_owned() }
    }
}

/// What the roles grant.
pub(super) struct Granted(BTreeSet<Right>);

/// What the program asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    allowed: BTreeSet<Right>,
    forbidden: BTreeSet<Right>,
}

/// How the two compare.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    used: usize,
    unused: Vec<Right>,
    /// Allowed by other roles than those that are shipped, which the suite should have had no part in.
    beyond: Vec<Right>,
    forbidden: Vec<Right>,
}

impl Granted {
    /// The roles of `deploy/base`, the right that `deploy/components/own-listeners` adds to them, and the right that
    /// namespaces grant by themselves: to act as their service accounts.
    pub(super) fn shipped() -> anyhow::Result<Self> {
        let mut granted = Self::parse(include_str!("../../../deploy/base/roles.yaml"))?;
        granted.0.insert(Right::impersonate("serviceaccounts"));
        granted.0.insert(Right {
            group: "triggers.tekton.dev".to_owned(),
            resource: "eventlisteners/status".to_owned(),
            verb: "patch".to_owned(),
        });
        Ok(granted)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let documents = trigger_api::manifest::parse(text).context("the roles cannot be read")?;
        let rules = documents.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten());
        let mut rights = BTreeSet::new();
        for rule in rules {
            let texts = |key: &str| {
                let texts = rule[key].as_array().into_iter().flatten().filter_map(Value::as_str);
                texts.map(ToOwned::to_owned).collect::<Vec<_>>()
            };
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        rights.insert(Right { group: group.clone(), resource: resource.clone(), verb });
                    }
                }
            }
        }
        Ok(Self(rights))
    }

    pub(super) fn compare(&self, asked: &Asked) -> Verdict {
        let cloned = |rights: BTreeSet<&Right>| rights.into_iter().cloned().collect();
        Verdict {
            used: self.0.intersection(&asked.allowed).count(),
            unused: cloned(self.0.difference(&asked.allowed).collect()),
            beyond: cloned(asked.allowed.difference(&self.0).collect()),
            forbidden: cloned(asked.forbidden.iter().collect()),
        }
    }
}

impl Asked {
    /// What stands in an audit log.
    pub(super) fn read(log: &Path) -> anyhow::Result<Self> {
        let file = File::open(log).with_context(|| format!("there is no audit log {}", log.display()))?;
        let mut asked = Self::default();
        for line in BufReader::new(file).lines() {
            asked.note(&line?);
        }
        Ok(asked)
    }

    fn note(&mut self, line: &str) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { return };
        if event["user"]["username"] != PROGRAM {
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        // Such a request has the rights of the other user.
        if let Some(user) = event["impersonatedUser"]["username"].as_str() {
            let is_account = user.starts_with("system:serviceaccount:");
            let resource = if is_account { "serviceaccounts" } else { "users" };
            self.allowed.insert(Right::impersonate(resource));
            return;
        }
        let decision = event["annotations"]["authorization.k8s.io/decision"].as_str();
        // Only impersonation is refused before a request is authorized. A namespace that does not grant it is no lack of
        // the roles.
        if decision.is_none() && event["responseStatus"]["code"] == 403 {
            return;
        }
        let about = &event["objectRef"];
        let mut resource = text(&about["resource"]);
        // What is no object, such as what is served, everybody may ask for.
        if resource.is_empty() {
            return;
        }
        if let Some(subresource) = about["subresource"].as_str() {
            resource = format!("{resource}/{subresource}");
        }
        let right = Right { group: text(&about["apiGroup"]), resource, verb: text(&event["verb"]) };
        match decision {
            Some("allow") => self.allowed.insert(right),
            // As above, a namespace may grant it or not: scenarios take it away.
            _ if right == Right::get_secrets() => false,
            _ => self.forbidden.insert(right),
        };
    }
}

impl Verdict {
    /// Whether the program was allowed whatever it asked for, by the shipped roles alone.
    pub(super) fn is_enough(&self) -> bool {
        self.beyond.is_empty() && self.forbidden.is_empty()
    }

    /// Whether it used everything besides.
    pub(super) fn is_least(&self) -> bool {
        self.is_enough() && self.unused.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "privileges: {} of those granted were used", self.used)?;
        for (what, rights) in [
            ("granted and not used", &self.unused),
            ("allowed by other roles", &self.beyond),
            ("asked for and forbidden", &self.forbidden),
        ] {
            for right in rights {
                write!(f, "\n  {what}: {right}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: one}
rules:
- {apiGroups: [shipwright.io], resources: [builds, builds/status], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: other, namespace: somewhere}
rules:
- {apiGroups: [\"\"], resources: [secrets], verbs: [get, list]}
";

    fn line(user: &str, verb: &str, object: &str, decision: &str) -> String {
        format!(
            r#"{{"user": {{"username": "{user}"}}, "verb": "{verb}", "objectRef": {object},
                "annotations": {{"authorization.k8s.io/decision": "{decision}"}}}}"#
        )
    }

    #[test]
    fn what_is_granted_and_what_is_used_are_compared() {
        let granted = Granted::parse(ROLES).unwrap();
        let mut asked = Asked::default();
        let builds = r#"{"resource": "builds", "apiGroup": "shipwright.io"}"#;
        let status = r#"{"resource": "builds", "apiGroup": "shipwright.io", "subresource": "status"}"#;
        for line in [
            line(PROGRAM, "get", builds, "allow"),
            line(PROGRAM, "get", status, "allow"),
            line(PROGRAM, "get", r#"{"resource": "secrets"}"#, "allow"),
            line(PROGRAM, "delete", builds, "forbid"),
            line(PROGRAM, "get", r#"{"resource": "secrets"}"#, "forbid"),
            line(PROGRAM, "create", r#"{"resource": "pods"}"#, "allow"),
            line("somebody", "watch", builds, "allow"),
            line(PROGRAM, "get", "null", "allow"),
            "half a li".to_owned(),
        ] {
            asked.note(&line);
        }
        let verdict = granted.compare(&asked);
        let texts = |rights: &[Right]| rights.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(verdict.used, 3);
        assert_eq!(texts(&verdict.unused), ["list secrets (core)"]);
        assert_eq!(texts(&verdict.beyond), ["create pods (core)"]);
        assert_eq!(texts(&verdict.forbidden), ["delete builds (shipwright.io)"]);
        assert!(!verdict.is_enough());
    }

    #[test]
    fn a_request_as_a_service_account_uses_the_right_to_impersonate_alone() {
        let line = |rest: &str| {
            format!(
                r#"{{"user": {{"username": "{PROGRAM}"}}, "verb": "create", "objectRef": {{"resource": "configmaps"}},
                    {rest}}}"#
            )
        };
        let mut asked = Asked::default();
        asked.note(&line(
            r#""impersonatedUser": {"username": "system:serviceaccount:team-a:ci"},
                "annotations": {"authorization.k8s.io/decision": "forbid"}"#,
        ));
        asked.note(&line(r#""responseStatus": {"code": 403}"#));
        let verdict = Granted::shipped().unwrap().compare(&asked);
        assert_eq!((verdict.used, verdict.is_enough()), (1, true), "{verdict}");
        asked.note(&line(r#""impersonatedUser": {"username": "admin"}"#));
        let verdict = Granted::shipped().unwrap().compare(&asked);
        assert_eq!(verdict.beyond, [Right::impersonate("users")]);
    }

    #[test]
    fn the_shipped_roles_are_read() {
        assert!(Granted::shipped().unwrap().0.len() > 20);
    }
}
