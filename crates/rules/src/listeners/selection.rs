//! The Triggers that a listener or one of its groups selects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use trigger_api::triggers::{NamespaceSelector, Trigger};

use crate::rule_error::RuleError;

/// A selection of Triggers by namespace and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// Where it selects.
    pub(super) namespaces: Namespaces,
    /// All have to hold.
    labels: Vec<Requirement>,
}

/// The namespaces of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Namespaces {
    /// All of them.
    All,
    /// These. None if there is no selector at all.
    Named(BTreeSet<Arc<str>>),
}

/// A condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
}

impl Selection {
    /// A selection that selects nothing.
    pub(super) fn nothing() -> Self {
        Self { namespaces: Namespaces::Named(BTreeSet::new()), labels: Vec::new() }
    }

    /// The selection of a listener in the namespace `own`.
    ///
    /// Names of namespaces select there, the only name `*` everywhere, labels alone in the listener's namespace, and
    /// nothing selects nothing.
    pub(super) fn new(
        namespaces: &NamespaceSelector,
        labels: Option<&LabelSelector>,
        own: &Arc<str>,
    ) -> Result<Self, RuleError> {
        let namespaces = match (&*namespaces.match_names, labels) {
            ([star], _) if star == "*" => Namespaces::All,
            ([], Some(_)) => Namespaces::Named(BTreeSet::from([Arc::clone(own)])),
            (names, _) => Namespaces::Named(names.iter().map(|name| name.as_str().into()).collect()),
        };
        let Some(selector) = labels else { return Ok(Self { namespaces, labels: Vec::new() }) };
        let equal = selector.match_labels.iter().flatten().map(|(key, value)| Requirement {
            key: key.clone(),
            operator: Operator::In(BTreeSet::from([value.clone()])),
        });
        let expressions = selector.match_expressions.iter().flatten().map(Requirement::new);
        let labels = equal.map(Ok).chain(expressions).collect::<Result<_, _>>()?;
        Ok(Self { namespaces, labels })
    }

    /// Whether it selects a Trigger of the namespace.
    pub(super) fn selects(&self, namespace: &str, trigger: &Trigger) -> bool {
        let is_in = match &self.namespaces {
            Namespaces::All => true,
            Namespaces::Named(names) => names.contains(namespace),
        };
        is_in && self.labels.iter().all(|requirement| requirement.holds(trigger.metadata.labels.as_ref()))
    }
}

impl Requirement {
    fn new(expression: &LabelSelectorRequirement) -> Result<Self, RuleError> {
        let LabelSelectorRequirement { key, operator, values } = expression;
        let values: BTreeSet<_> = values.iter().flatten().cloned().collect();
        let operator = match (operator.as_str(), values.is_empty()) {
            ("In", false) => Operator::In(values),
            ("NotIn", false) => Operator::NotIn(values),
            ("Exists", true) => Operator::Exists,
            ("DoesNotExist", true) => Operator::DoesNotExist,
            ("In" | "NotIn", true) => {
                return Err(super::error::selector("`In` and `NotIn` need values"));
            }
            ("Exists" | "DoesNotExist", false) => {
                return Err(super::error::selector("`Exists` and `DoesNotExist` take no values"));
            }
            (other, _) => {
                let other = crate::text::quoted(other);
                let message =
                    format!("{other} is none of the operators `In`, `NotIn`, `Exists`, `DoesNotExist`");
                return Err(super::error::selector(message));
            }
        };
        Ok(Self { key: key.clone(), operator })
    }

    fn holds(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key));
        match &self.operator {
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}
