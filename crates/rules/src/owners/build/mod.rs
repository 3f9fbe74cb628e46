//! Builds of Shipwright: rules are the entries of `spec.trigger.when`, and the Build itself is what they start.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use trigger_api::annotations;
use trigger_api::shipwright::{Build, When};
use trigger_core::{ObjectKey, RepoId, ResourceRef, Target, is_dns_subdomain};
use trigger_targets::build_run::{BUILD, BuildTemplate, PullRequestOutput, RevisionPolicy};

use super::{CompileContext, Owner, Source};
use crate::auth::{Auth, KeyBinding, SecretOrigin};
use crate::interner::Interner;
use crate::limits::{LARGEST_TEMPLATE, LONGEST_RULE_NAME, MOST_RULES, MOST_VALUES};
use crate::rule_error::{OwnerError, OwnerErrors, RuleError};
use crate::rule_set::{BuildContext, IndexKey, Kind, OwnerRules, Rule, Summary};
use crate::text::quoted;
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
    let CompileContext { hosts, names, bindings } = context;
    let metadata = &build.metadata;
    let key = ObjectKey::new(
        names.share(metadata.namespace.as_deref().unwrap_or_default()),
        metadata.name.as_deref().unwrap_or_default(),
    );
    let mut errors = OwnerErrors::default();
    let repository = repository(build, hosts);
    let (auth, secret) = match auth(build, &key, names, bindings) {
        Ok(auth) => (auth, Ok(())),
        Err(error) => (Auth::Impossible, Err(error)),
    };
    let pull_request_output = pull_request_output(build);
    if let Err(error) = &pull_request_output {
        errors.push(OwnerError::of_owner(error.clone()));
    }
    let mut context = BuildContext {
        build,
        rule: "",
        repository: repository.as_ref().map_err(Clone::clone),
        auth,
        secret,
        pull_request_output: pull_request_output.as_ref().map(|_| ()).map_err(Clone::clone),
        values_left: MOST_VALUES,
        warnings: Vec::new(),
        common_errors: Vec::new(),
        made_once: Vec::new(),
        owner_errors: &mut errors,
    };
    let expected = ("auto, event, build", "auto");
    let policy = context.annotation(annotations::REVISION, RevisionPolicy::parse, expected);
    let output = pull_request_output.unwrap_or_default();
    let mut target = BuildTemplate::target(build, key, policy, output);
    let ResourceRef { group, kind, .. } = &mut target.resource;
    (*group, *kind) = (names.share(&**group), names.share(&**kind));
    let size = bound_template(&mut target);
    let target = Arc::new(target);

    let mut rules: Vec<Rule> = Vec::with_capacity(when.len().min(MOST_RULES));
    let mut found = OwnerErrors::default();
    let mut keys = HashSet::new();
    for (index, entry) in when.iter().enumerate().take(MOST_RULES) {
        context.rule = &entry.name;
        let mut compiled = compile_rule(index, entry, &target, &size, &mut context, names);
        let of_rule = |error| OwnerError::of_rule(index, &entry.name, error);
        for error in context.warnings.drain(..) {
            found.push(of_rule(error));
        }
        if let Err(error) | Ok(Rule { matcher: Err(error), .. }) = &compiled {
            let error = error.as_ref();
            let of_all = [&size, &context.secret, &context.pull_request_output];
            let is_of_all = of_all.into_iter().any(|all| all.as_ref().err() == Some(error))
                || context.common_errors.contains(error);
            found.push(if is_of_all { OwnerError::of_owner(error.clone()) } else { of_rule(error.clone()) });
        }
        if let Ok(rule) = &mut compiled {
            share_keys(rule, &mut keys);
        }
        rules.extend(compiled);
    }
    if when.len() > MOST_RULES {
        let (reason, subject) = ("TriggerTooManyRules", "rules in `spec.trigger.when`, the first ones work");
        errors.push(OwnerError::of_owner(RuleError::too_many(reason, subject, when.len(), MOST_RULES)));
    }
    errors.append(found);
    if let Some(hint) = breaks_conversion(when) {
        errors.push(OwnerError::of_owner(hint));
    }
    let mut summaries = Vec::new();
    for kind in Kind::all(KINDS) {
        let mut of_kind = Vec::new();
        let mine: Vec<_> = rules.iter().filter(|rule| rule.kind == kind).collect();
        let Some(builds) = kind.get().for_builds().filter(|_| !mine.is_empty()) else { continue };
        let value = builds.summarize(build, &mine, &mut of_kind);
        summaries.extend(value.map(Summary));
        for error in of_kind {
            errors.push(OwnerError::of_owner(error));
        }
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

/// A hint for a Build with a rule that the conversion webhook of the Build project panics on: it reads `github` of every
/// rule. Reads of v1alpha1 then fail for the whole cluster, also those of the Build's runs.
fn breaks_conversion(when: &[When]) -> Option<RuleError> {
    let needs_stanza =
        |entry: &&When| entry.github.is_none() && ["Image", "Pipeline"].contains(&entry.kind.as_str());
    let entry = when.iter().find(needs_stanza)?;
    let message = format!(
        "the rule {} has no `github`: the Build project's conversion webhook panics on such a Build, so that no list of \
         Builds in v1alpha1 works; write `github: {{}}` beside the rule's own fields",
        quoted(&entry.name)
    );
    Some(RuleError::hint("TriggerBreaksConversion", message))
}

/// What runs do with their image that pull requests start.
fn pull_request_output(build: &Build) -> Result<PullRequestOutput, RuleError> {
    let key = annotations::PULL_REQUEST_OUTPUT;
    let Some(value) = build.annotation(key) else { return Ok(PullRequestOutput::default()) };
    PullRequestOutput::parse(value, build).map_err(|error| {
        let value = quoted(value);
        let message = format!(
            "the annotation `{key}` is {value}: {error}; until then no pull request starts the Build"
        );
        RuleError::new("TriggerInvalidPullRequestOutput", message)
    })
}

/// Drops the template of a target whose runs would be too large. Then no rule of the Build can fire.
fn bound_template(target: &mut Target) -> Result<(), RuleError> {
    let length = target.template.len();
    if length <= LARGEST_TEMPLATE {
        return Ok(());
    }
    target.template = Box::default();
    let message = format!(
        "the spec of the Build has {length} bytes without its rules, at most {LARGEST_TEMPLATE} are allowed; move parts \
         of it into the strategy, a ConfigMap or a Secret"
    );
    Err(RuleError::new("TriggerBuildTooLarge", message))
}

/// The rule, perhaps a broken one; `Err` if no kind of trigger could carry it.
fn compile_rule(
    index: usize,
    entry: &When,
    target: &Arc<Target>,
    size: &Result<(), RuleError>,
    context: &mut BuildContext<'_>,
    names: &mut Interner,
) -> Result<Rule, Box<RuleError>> {
    let known = Kind::all(KINDS)
        .find(|kind| kind.name() == entry.kind)
        .and_then(|kind| Some((kind, kind.get().for_builds()?)));
    let has_name = check_name(&entry.name);
    let Some((id, kind)) = known else {
        return Err(Box::new(has_name.err().unwrap_or_else(|| invalid_type(&entry.kind))));
    };
    let matcher = has_name.and_then(|()| size.clone()).and_then(|()| kind.compile(entry, context));
    let keys = match &matcher {
        Ok(matcher) => matcher.keys(),
        Err(_) => kind.key_of_broken(context).into_iter().collect(),
    };
    let name = &entry.name[..entry.name.floor_char_boundary(LONGEST_RULE_NAME)];
    Ok(Rule {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        name: names.share(name),
        kind: id,
        auth: kind.auth(context),
        target: Arc::clone(target),
        keys: keys.into(),
        matcher: matcher.map_err(Box::new),
    })
}

fn check_name(name: &str) -> Result<(), RuleError> {
    if name.trim().is_empty() {
        return Err(RuleError::new("TriggerNameCanNotBeBlank", "name is not set"));
    }
    if name.len() > LONGEST_RULE_NAME {
        return Err(RuleError::too_long("TriggerNameTooLong", "name", name, LONGEST_RULE_NAME));
    }
    Ok(())
}

fn invalid_type(kind: &str) -> RuleError {
    let known: Vec<_> =
        KINDS.iter().filter(|kind| kind.for_builds().is_some()).map(|kind| kind.name()).collect();
    let (kind, known) = (quoted(kind), known.join(", "));
    RuleError::new("TriggerInvalidType", format!("{kind} is an invalid type, use one of {known}"))
}

/// Rules of one Build mostly stand under one key; they share its memory.
fn share_keys(rule: &mut Rule, known: &mut HashSet<IndexKey>) {
    for key in &mut rule.keys {
        match known.get(key) {
            Some(same) => key.clone_from(same),
            None => drop(known.insert(key.clone())),
        }
    }
}

/// `spec.trigger.triggerSecret`, else the clone secret, which SHIP-0031 meant to be used. An error if no Secret can have
/// the name.
fn auth(
    build: &Build,
    key: &ObjectKey,
    names: &mut Interner,
    bindings: &mut Interner<KeyBinding>,
) -> Result<Auth, RuleError> {
    let trigger = build.spec.trigger.as_ref().and_then(|trigger| trigger.trigger_secret.as_deref());
    let clone = build.git().and_then(|git| git.clone_secret.as_deref());
    let first = [
        (trigger, SecretOrigin::TriggerSecret, "`spec.trigger.triggerSecret`"),
        (clone, SecretOrigin::CloneSecret, "`spec.source.git.cloneSecret`"),
    ]
    .into_iter()
    .find_map(|(name, origin, field)| Some((name.filter(|name| !name.is_empty())?, origin, field)));
    let Some((name, origin, field)) = first else { return Ok(Auth::Open) };
    if !is_dns_subdomain(name) {
        return Err(RuleError::secret_name(field, name));
    }
    let secret = ObjectKey::new(Arc::clone(&key.namespace), names.share(name));
    Ok(Auth::Keys(bindings.share(KeyBinding { secret, entry: None, origin })))
}

fn repository(build: &Build, hosts: &trigger_core::KnownHosts) -> Result<RepoId, RuleError> {
    const REASON: &str = "TriggerInvalidRepository";
    let git = build.git().ok_or_else(|| {
        RuleError::new(REASON, "the Build has no `source.git.url`, so no webhook can be about it")
    })?;
    RepoId::parse_with(&git.url, hosts)
        .map_err(|error| RuleError::new(REASON, format!("`source.git.url` names no repository: {error}")))
}
