use std::sync::Arc;

use serde_json::Value;
use trigger_api::triggers::{Kind, TriggerTemplateSpec, VERSION};
use trigger_core::{ObjectKey, RepoId};
use trigger_expr::EventInput;
use trigger_expr::params::{Bindings, ParamSpec, ParamsError, Resolved};
use trigger_targets::Subject;

use super::ListenerObject;
use super::demand::Demand;
use crate::interceptors::{Authentication, Chain};
use crate::rule_error::RuleError;

/// A trigger that can be run: an entry of a listener, or a Trigger.
#[derive(Debug)]
pub struct ListenerTrigger {
    /// The object that holds it: the EventListener or the Trigger.
    pub object: ListenerObject,
    /// `metadata.uid` of that object.
    pub uid: Arc<str>,
    /// The part of that object, such as `spec.triggers[2]`; empty for a Trigger.
    pub path: String,
    /// Its name, which may be empty for an entry.
    pub name: Arc<str>,
    /// How many entries of its name stand before it in its listener.
    pub namesakes: u32,
    /// Its namespace: bindings, template, Secrets and objects without a namespace are there.
    pub namespace: Arc<str>,
    /// The service account of its own. Without one, that of the listener counts.
    pub service_account: Option<ObjectKey>,
    /// The interceptors, or why there is no way to call them.
    pub chain: Result<Arc<Chain>, RuleError>,
    /// What it creates, or why it cannot.
    pub blueprint: Result<Arc<Blueprint>, RuleError>,
    /// Errors in annotations, which count as absent.
    pub(super) hints: Box<[RuleError]>,
    /// The demands of its interceptors on a request.
    pub(super) demand: Demand,
}

/// The bindings and the template of a trigger.
#[derive(Debug)]
pub struct Blueprint {
    /// The parameters of all bindings.
    pub(super) bindings: Bindings,
    /// The bytes of these.
    pub(super) bytes: usize,
    /// The template.
    pub template: Arc<Template>,
}

/// The template of a trigger.
#[derive(Debug)]
pub struct Template {
    /// The parameters that it declares.
    pub params: Vec<ParamSpec>,
    /// The objects to create, in order.
    pub resource_templates: Arc<[Value]>,
    /// Whether quotes in values are escaped once more.
    pub old_escape: bool,
}

impl ListenerTrigger {
    /// Its namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(Arc::clone(&self.namespace), Arc::clone(&self.name))
    }

    /// The object that holds it, for Kubernetes Events and as the owner of its objects' names.
    pub fn subject(&self) -> Subject {
        Subject { resource: self.object.resource(), version: VERSION.into(), uid: self.uid.to_string() }
    }

    /// The repository whose webhooks it takes where providers send them: a Trigger does if its first interceptor is `git`
    /// and names the repository and the Secret of its senders.
    pub(super) fn hook_repository(&self) -> Option<&RepoId> {
        let chain = self.chain.as_ref().ok().filter(|_| self.object.kind == Kind::Trigger)?;
        let is_guarded = matches!(chain.authentication(), Authentication::Secret(_));
        chain.repository().filter(|_| is_guarded)
    }

    /// The errors that keep it from running, and those in its annotations.
    pub fn errors(&self) -> impl Iterator<Item = &RuleError> {
        self.chain.as_ref().err().into_iter().chain(self.blueprint.as_ref().err()).chain(&self.hints)
    }
}

impl Template {
    pub(super) fn new(spec: TriggerTemplateSpec, old_escape: bool) -> Self {
        let params =
            spec.params.into_iter().map(|param| ParamSpec { name: param.name, default: param.default });
        Self { params: params.collect(), resource_templates: spec.resource_templates.into(), old_escape }
    }
}

impl Blueprint {
    /// The parameters for an event that has passed the interceptors.
    pub fn resolve(&self, input: &EventInput<'_>) -> Result<Vec<Resolved>, ParamsError> {
        self.bindings.resolve(&self.template.params, input)
    }
}
