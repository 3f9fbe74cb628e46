//! Builds of Shipwright: rules are the entries of `spec.trigger.when`, and the Build itself is what they start.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;

use trigger_api::annotations;
use trigger_api::shipwright::{Build, When};
use trigger_core::{ObjectKey, RepoId, ResourceRef, Target};
use trigger_targets::build_run::{BUILD, BuildTemplate, RevisionPolicy};

use super::{CompileContext, Owner, Source};
use crate::auth::{Auth, KeyBinding, SecretOrigin};
use crate::interner::Interner;
use crate::rule_error::{OwnerError, RuleError};
use crate::rule_set::{BuildContext, Kind, OwnerRules, Rule, Summary};
use crate::triggers::KINDS;

/// The kind of owner.
pub(super) struct Builds;

impl Source for Build {
    fn reference(&self) -> ResourceRef {
        let metadata = &self.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        BUILD.named(ObjectKey::new(namespace, metadata.name.as_deref().unwrap_or_default()))
    }
}

impl Owner for Builds {
    #[cfg(test)]
    fn folder(&self) -> &'static str {
        "build"
    }

    fn is_of(&self, owner: &ResourceRef) -> bool {
        owner.is_a(BUILD.group, BUILD.kind)
    }

    fn compile(&self, source: &dyn Source, context: CompileContext<'_>) -> Option<OwnerRules> {
        compile((source as &dyn Any).downcast_ref()?, context)
    }
}

/// Makes rules of a Build. `None` for a Build without any: it is not subject to triggers.
fn compile(build: &Build, context: CompileContext<'_>) -> Option<OwnerRules> {
    let when = build.spec.trigger.as_ref().map(|trigger| trigger.when.as_slice()).unwrap_or_default();
    if when.is_empty() {
        return None;
    }
    let CompileContext { hosts, states, names, bindings } = context;
    let metadata = &build.metadata;
    let key = ObjectKey::new(
        names.share(metadata.namespace.as_deref().unwrap_or_default()),
        metadata.name.as_deref().unwrap_or_default(),
    );
    let mut errors = Vec::new();
    let repository = repository(build, hosts);
    let auth = auth(build, &key, names, bindings);
    let mut context = BuildContext {
        build,
        rule: "",
        repository: repository.as_ref().map_err(Clone::clone),
        auth,
        states,
        warnings: Vec::new(),
        owner_errors: &mut errors,
    };
    let expected = ("auto, event, build", "auto");
    let policy = context.annotation(annotations::REVISION, RevisionPolicy::parse, expected);
    let mut target = BuildTemplate::target(build, key, policy);
    let ResourceRef { group, kind, .. } = &mut target.resource;
    (*group, *kind) = (names.share(&**group), names.share(&**kind));
    let target = Arc::new(target);

    let mut rules: Vec<Rule> = Vec::with_capacity(when.len());
    let mut found = Vec::new();
    for (index, entry) in when.iter().enumerate() {
        context.rule = &entry.name;
        let mut compiled = compile_rule(index, entry, &target, &mut context, names);
        let place = (index, entry.name.clone());
        found.extend(context.warnings.drain(..).map(|error| OwnerError { rule: Some(place.clone()), error }));
        if let Err(error) | Ok(Rule { matcher: Err(error), .. }) = &compiled {
            found.push(OwnerError { rule: Some(place), error: error.as_ref().clone() });
        }
        if let Ok(rule) = &mut compiled {
            share_keys(rule, &rules);
        }
        rules.extend(compiled);
    }
    errors.append(&mut found);
    let mut summaries = Vec::new();
    for kind in Kind::all(KINDS) {
        let mut of_kind = Vec::new();
        let mine: Vec<_> = rules.iter().filter(|rule| rule.kind == kind).collect();
        let Some(builds) = kind.get().for_builds().filter(|_| !mine.is_empty()) else { continue };
        let value = builds.summarize(build, &mine, &mut of_kind);
        summaries.extend(value.map(Summary));
        errors.extend(of_kind.into_iter().map(OwnerError::of_owner));
    }
    Some(OwnerRules {
        owner: target.resource.clone(),
        uid: Arc::clone(&target.uid),
        repository: repository.ok(),
        rules: rules.into_boxed_slice(),
        errors: errors.into_boxed_slice(),
        summaries: summaries.into_boxed_slice(),
    })
}

/// The rule, perhaps a broken one; `Err` if no kind of trigger could carry it.
fn compile_rule(
    index: usize,
    entry: &When,
    target: &Arc<Target>,
    context: &mut BuildContext<'_>,
    names: &mut Interner,
) -> Result<Rule, Box<RuleError>> {
    let known = Kind::all(KINDS)
        .find(|kind| kind.name() == entry.kind)
        .and_then(|kind| Some((kind, kind.get().for_builds()?)));
    let has_name = !entry.name.trim().is_empty();
    let blank = || RuleError::new("TriggerNameCanNotBeBlank", "name is not set");
    let Some((id, kind)) = known else {
        return Err(Box::new(if has_name { invalid_type(&entry.kind) } else { blank() }));
    };
    let matcher = if has_name { kind.compile(entry, context) } else { Err(blank()) };
    let keys = match &matcher {
        Ok(matcher) => matcher.keys(),
        Err(_) => kind.key_of_broken(context).into_iter().collect(),
    };
    Ok(Rule {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        name: names.share(entry.name.as_str()),
        kind: id,
        auth: kind.auth(context),
        target: Arc::clone(target),
        keys: keys.into(),
        matcher: matcher.map_err(Box::new),
    })
}

fn invalid_type(kind: &str) -> RuleError {
    let known: Vec<_> =
        KINDS.iter().filter(|kind| kind.for_builds().is_some()).map(|kind| kind.name()).collect();
    let known = known.join(", ");
    RuleError::new("TriggerInvalidType", format!("`{kind}` is an invalid type, use one of {known}"))
}

/// Rules of one Build mostly stand under one key; they share its memory.
fn share_keys(rule: &mut Rule, others: &[Rule]) {
    for key in &mut rule.keys {
        if let Some(same) = others.iter().flat_map(|other| &other.keys).find(|other| *other == key) {
            key.clone_from(same);
        }
    }
}

/// `spec.trigger.triggerSecret`, else the clone secret, which SHIP-0031 meant to be used.
fn auth(build: &Build, key: &ObjectKey, names: &mut Interner, bindings: &mut Interner<KeyBinding>) -> Auth {
    let trigger = build.spec.trigger.as_ref().and_then(|trigger| trigger.trigger_secret.as_deref());
    let clone = build.git().and_then(|git| git.clone_secret.as_deref());
    let first = [(trigger, SecretOrigin::TriggerSecret), (clone, SecretOrigin::CloneSecret)]
        .into_iter()
        .find_map(|(name, origin)| Some((name.filter(|name| !name.is_empty())?, origin)));
    let Some((name, origin)) = first else { return Auth::Open };
    let secret = ObjectKey::new(Arc::clone(&key.namespace), names.share(name));
    Auth::Keys(bindings.share(KeyBinding { secret, entry: None, origin }))
}

fn repository(build: &Build, hosts: &trigger_core::KnownHosts) -> Result<RepoId, RuleError> {
    const REASON: &str = "TriggerInvalidRepository";
    let git = build.git().ok_or_else(|| {
        RuleError::new(REASON, "the Build has no `source.git.url`, so no webhook can be about it")
    })?;
    RepoId::parse_with(&git.url, hosts)
        .map_err(|error| RuleError::new(REASON, format!("`source.git.url` names no repository: {error}")))
}
