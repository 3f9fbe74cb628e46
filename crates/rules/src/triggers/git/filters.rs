use std::sync::{Arc, LazyLock};

use trigger_api::annotations;
use trigger_api::shipwright::Build;

use super::actions::Actions;
use super::filter_expression::FilterExpression;
use super::glob_list::{GlobList, GlobSubject};
use super::labels::LabelList;
use super::mistakes;
use super::paths::Paths;
use crate::limits::LONGEST_LIST;
use crate::rule_error::RuleError;

const TAGS: GlobSubject =
    GlobSubject { noun: "tag", key: annotations::TAGS, prefix: "refs/tags/", mistake: mistakes::in_tag };

/// The parts that narrow a rule down, as they are written. A list is absent or has at least one entry.
#[derive(Debug, Default)]
pub(super) struct FilterTexts<'a> {
    pub(super) tags: Option<Vec<&'a str>>,
    pub(super) paths: Option<Vec<&'a str>>,
    pub(super) paths_ignore: Option<Vec<&'a str>>,
    pub(super) labels: Option<Vec<&'a str>>,
    pub(super) actions: Option<Vec<&'a str>>,
    /// An expression of CEL.
    pub(super) filter: Option<&'a str>,
}

/// The parts that narrow a rule down, beside its events and branches. Without any, it is as SHIP-0031 has it.
pub(super) struct Filters {
    /// The tags that it fires for. Absent: none.
    pub(super) tags: Option<GlobList>,
    /// The files of which a push has to change one. Absent: any.
    pub(super) paths: Option<Paths>,
    /// The labels of pull requests. Absent: any.
    pub(super) labels: Option<LabelList>,
    /// The actions on pull requests.
    pub(super) actions: Actions,
    /// The expression that has to be true. Absent: every event passes.
    pub(super) filter: Option<FilterExpression>,
}

impl<'a> FilterTexts<'a> {
    /// Those in the annotations of a Build. They hold for each of its rules.
    pub(super) fn of_build(build: &'a Build) -> Result<Self, RuleError> {
        Ok(Self {
            tags: entries(build, annotations::TAGS)?,
            paths: entries(build, annotations::PATHS)?,
            paths_ignore: entries(build, annotations::PATHS_IGNORE)?,
            labels: entries(build, annotations::LABELS)?,
            actions: entries(build, annotations::ACTIONS)?,
            filter: build.annotation(annotations::FILTER),
        })
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        let Self { tags, paths, paths_ignore, labels, actions, filter } = self;
        let lists = [tags, paths, paths_ignore, labels, actions];
        lists.iter().all(|list| list.is_none()) && filter.is_none()
    }
}

/// The entries of an annotation, between commas and line breaks.
fn entries<'a>(build: &'a Build, key: &str) -> Result<Option<Vec<&'a str>>, RuleError> {
    let Some(value) = build.annotation(key) else { return Ok(None) };
    if value.len() > LONGEST_LIST {
        let subject = format!("annotation `{key}`");
        return Err(RuleError::too_long("TriggerAnnotationTooLong", &subject, value, LONGEST_LIST));
    }
    let found: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).collect();
    if found.is_empty() {
        let message = format!("the annotation `{key}` is empty: list what the rules are for, or remove it");
        return Err(RuleError::new("TriggerAnnotationEmpty", message));
    }
    Ok(Some(found))
}

/// Those of a Build without annotations. Nearly all Builds share them, so that they take no memory of their own.
static NONE: LazyLock<Arc<Filters>> = LazyLock::new(|| {
    let (tags, paths, labels, actions, filter) = (None, None, None, Actions::DEFAULT, None);
    Arc::new(Filters { tags, paths, labels, actions, filter })
});

impl Filters {
    /// Those in the annotations of a Build.
    pub(super) fn of_build(build: &Build, warnings: &mut Vec<RuleError>) -> Result<Arc<Self>, RuleError> {
        let lists = FilterTexts::of_build(build)?;
        if lists.is_empty() { Ok(Arc::clone(&NONE)) } else { Self::compile(&lists, warnings).map(Arc::new) }
    }

    /// An error in a list is one of all rules that it is for.
    pub(super) fn compile(lists: &FilterTexts<'_>, warnings: &mut Vec<RuleError>) -> Result<Self, RuleError> {
        let FilterTexts { tags, paths, paths_ignore, labels, actions, filter } = lists;
        Ok(Self {
            tags: tags.as_deref().map(|list| GlobList::compile(list, TAGS, warnings)).transpose()?,
            paths: Paths::compile(paths.as_deref(), paths_ignore.as_deref(), warnings)?,
            labels: labels.as_deref().map(|list| LabelList::compile(list, warnings)).transpose()?,
            actions: match actions {
                Some(names) => Actions::compile(names, warnings)?,
                None => Actions::DEFAULT,
            },
            filter: filter.map(FilterExpression::compile).transpose()?,
        })
    }

    /// A hint for each part without effect, because no rule names the event that it is about.
    pub(super) fn unused(&self, push: bool, pull_request: bool) -> impl Iterator<Item = RuleError> {
        let tags = self.tags.iter().map(|_| annotations::TAGS);
        let of_push = tags.chain(self.paths.iter().flat_map(Paths::keys)).map(|key| (key, "Push"));
        let labels = self.labels.iter().map(|_| annotations::LABELS);
        let actions = self.actions.are_named().then_some(annotations::ACTIONS);
        let of_pull_request = labels.chain(actions).map(|key| (key, "PullRequest"));
        let unused = of_push.filter(move |_| !push).chain(of_pull_request.filter(move |_| !pull_request));
        unused.map(|(key, event)| {
            let message =
                format!("the annotation `{key}` has no effect: no rule of the Build names `{event}`");
            RuleError::hint("TriggerAnnotationUnused", message)
        })
    }

    /// How many values are compared with an event.
    pub(super) fn len(&self) -> usize {
        self.tags.as_ref().map_or(0, GlobList::len)
            + self.paths.as_ref().map_or(0, Paths::len)
            + self.labels.as_ref().map_or(0, LabelList::len)
            + self.actions.names().count()
            + usize::from(self.filter.is_some())
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.tags.as_ref().map_or(0, GlobList::bytes)
            + self.paths.as_ref().map_or(0, Paths::bytes)
            + self.labels.as_ref().map_or(0, LabelList::bytes)
            + self.actions.bytes()
            + self.filter.as_ref().map_or(0, FilterExpression::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_without_filters_share_one_value() {
        let filters = || Filters::of_build(&Build::default(), &mut Vec::new()).unwrap();
        assert!(Arc::ptr_eq(&filters(), &filters()));
    }
}
