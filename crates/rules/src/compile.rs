use std::sync::Arc;

use trigger_api::shipwright::{Build, TriggerError, When};
use trigger_api::{ForkPolicy, RevisionPolicy, SecretBinding, SecretOrigin, Target, annotations};
use trigger_core::{ObjectKey, RepoId};

use crate::git::Patterns;
use crate::image::image_rules;
use crate::interner::Interner;
use crate::kind::{Context, KindId};
use crate::rule_error::{RuleError, RuleErrorKind};
use crate::rule_set::{Rule, TargetRules};

/// Makes rules of a Build. `None` for a Build without any: it is not subject to triggers.
pub(crate) fn compile(build: &Build, patterns: &mut Patterns, names: &mut Interner) -> Option<TargetRules> {
    let when = build.spec.trigger.as_ref().map(|trigger| trigger.when.as_slice()).unwrap_or_default();
    if when.is_empty() {
        return None;
    }
    let mut faults = Vec::new();
    let target = Arc::new(target(build, names, &mut faults));
    let repository = repository(build);
    let repository_of = repository.as_ref().map_err(Clone::clone);
    let mut context = Context { build, rule: "", repository: repository_of, patterns, warnings: Vec::new() };

    let mut rules = Vec::with_capacity(when.len());
    for (index, entry) in when.iter().enumerate() {
        context.rule = &entry.name;
        let mut made = compile_rule(index, entry, &mut context, names);
        let place = (index, entry.name.clone());
        faults.extend(context.warnings.drain(..).map(|kind| RuleError { rule: Some(place.clone()), kind }));
        if let Err(fault) | Ok(Rule { matcher: Err(fault), .. }) = &made {
            faults.push(RuleError { rule: Some(place), kind: fault.as_ref().clone() });
        }
        if let Ok(rule) = &mut made {
            share_keys(rule, &rules);
        }
        rules.extend(made);
    }
    let mut of_images = Vec::new();
    let images = image_rules(build, &rules, &mut of_images);
    faults.extend(of_images.into_iter().map(|kind| RuleError { rule: None, kind }));
    Some(TargetRules {
        target,
        images,
        repository: repository.ok(),
        rules: rules.into_boxed_slice(),
        faults: faults.into_boxed_slice(),
    })
}

/// The rule, perhaps a broken one; `Err` if there is no kind of trigger that could carry it.
fn compile_rule(
    index: usize,
    entry: &When,
    context: &mut Context<'_>,
    names: &mut Interner,
) -> Result<Rule, Box<RuleErrorKind>> {
    let condition = entry.condition();
    let Some((id, kind)) = KindId::of(&entry.kind) else {
        let fault = condition.err().unwrap_or_else(|| TriggerError::InvalidType(entry.kind.clone())).into();
        return Err(Box::new(fault));
    };
    let matcher =
        condition.map_err(RuleErrorKind::from).and_then(|condition| kind.compile(condition, context));
    let keys = match &matcher {
        Ok(matcher) => matcher.keys(),
        Err(_) => kind.key_of_broken(context).into_iter().collect(),
    };
    let matcher = matcher.map_err(Box::new);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    Ok(Rule { index, name: names.share(&entry.name), kind: id, keys: keys.into(), matcher })
}

/// Rules of one Build mostly stand under one key; they share its memory.
fn share_keys(rule: &mut Rule, others: &[Rule]) {
    for key in &mut rule.keys {
        if let Some(same) = others.iter().flat_map(|other| &other.keys).find(|other| *other == key) {
            key.clone_from(same);
        }
    }
}

fn target(build: &Build, names: &mut Interner, faults: &mut Vec<RuleError>) -> Target {
    let metadata = &build.metadata;
    let key = ObjectKey::new(
        names.share(metadata.namespace.as_deref().unwrap_or_default()),
        metadata.name.as_deref().unwrap_or_default(),
    );
    let git = build.git();
    let revision = git.and_then(|git| git.revision.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    // Serialising what was deserialised from JSON cannot fail; an empty spec would be refused by the API
    // server with a message, so nothing is hidden if it ever does.
    let spec = serde_json::to_string(&build.spec.clone().embeddable()).unwrap_or_default();
    Target {
        kind: "Build",
        secret: secret(build, &key, names),
        key,
        uid: metadata.uid.as_deref().unwrap_or_default().into(),
        generation: metadata.generation.unwrap_or_default(),
        spec: spec.into_boxed_str(),
        revision: revision.map(Into::into),
        revision_policy: policy(
            build,
            annotations::REVISION,
            RevisionPolicy::parse,
            ("auto, event, build", "auto"),
            faults,
        ),
        forks: policy(build, annotations::FORKS, ForkPolicy::parse, ("allow, deny", "deny"), faults),
    }
}

/// `spec.trigger.triggerSecret`, else the clone secret, which SHIP-0031 meant to be used.
fn secret(build: &Build, build_key: &ObjectKey, names: &mut Interner) -> Option<SecretBinding> {
    let trigger = build.spec.trigger.as_ref().and_then(|trigger| trigger.trigger_secret.as_deref());
    let clone = build.git().and_then(|git| git.clone_secret.as_deref());
    let (name, origin) = [(trigger, SecretOrigin::TriggerSecret), (clone, SecretOrigin::CloneSecret)]
        .into_iter()
        .find_map(|(name, origin)| Some((name.filter(|name| !name.is_empty())?, origin)))?;
    let name = names.share(name);
    Some(SecretBinding { key: ObjectKey::new(Arc::clone(&build_key.namespace), name), origin })
}

fn policy<T: Default>(
    build: &Build,
    key: &'static str,
    parse: fn(&str) -> Option<T>,
    (expected, assumed): (&'static str, &'static str),
    faults: &mut Vec<RuleError>,
) -> T {
    let Some(value) = build.annotation(key) else { return T::default() };
    parse(value).unwrap_or_else(|| {
        let kind = RuleErrorKind::Annotation { key, value: value.to_owned(), expected, assumed };
        faults.push(RuleError { rule: None, kind });
        T::default()
    })
}

fn repository(build: &Build) -> Result<RepoId, RuleErrorKind> {
    let git = build.git().ok_or(RuleErrorKind::NoRepository)?;
    RepoId::parse(&git.url).map_err(RuleErrorKind::Repository)
}
