use std::sync::{Arc, LazyLock};

use trigger_api::annotations;
use trigger_api::shipwright::Build;

use super::actions::Actions;
use super::filter_expression::FilterExpression;
use super::glob_list::{GlobList, GlobSubject};
use super::labels::LabelList;
use super::mistakes;
use super::paths::Paths;
use super::place::Places;
use crate::limits::LONGEST_LIST;
use crate::rule_error::RuleError;

/// The parts that narrow a rule down, as they are written. A list is absent or has at least one entry.
#[derive(Debug)]
pub(crate) struct FilterTexts<'a> {
    /// Where they are written.
    pub(crate) places: &'static Places,
    pub(crate) tags: Option<Vec<&'a str>>,
    pub(crate) paths: Option<Vec<&'a str>>,
    pub(crate) paths_ignore: Option<Vec<&'a str>>,
    pub(crate) labels: Option<Vec<&'a str>>,
    pub(crate) actions: Option<Vec<&'a str>>,
    /// An expression of CEL.
    pub(crate) filter: Option<&'a str>,
}

/// The parts that narrow a rule down, beside its events and branches. Without any, it is as SHIP-0031 has it.
pub(crate) struct Filters {
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
            places: Places::ANNOTATIONS,
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
        let Self { places: _, tags, paths, paths_ignore, labels, actions, filter } = self;
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
    pub(crate) fn compile(lists: &FilterTexts<'_>, warnings: &mut Vec<RuleError>) -> Result<Self, RuleError> {
        let FilterTexts { places, tags, paths, paths_ignore, labels, actions, filter } = lists;
        let of_tags =
            GlobSubject { noun: "tag", place: places.tags, prefix: "refs/tags/", mistake: mistakes::in_tag };
        let labels = labels.as_deref();
        Ok(Self {
            tags: tags.as_deref().map(|list| GlobList::compile(list, of_tags, warnings)).transpose()?,
            paths: Paths::compile(paths.as_deref(), paths_ignore.as_deref(), places, warnings)?,
            labels: labels.map(|list| LabelList::compile(list, places.labels, warnings)).transpose()?,
            actions: match actions {
                Some(names) => Actions::compile(names, places.actions, warnings)?,
                None => Actions::DEFAULT,
            },
            filter: filter.map(FilterExpression::compile).transpose()?,
        })
    }

    /// A hint for each part of a Build without effect, because no rule names the event that it is about.
    pub(super) fn unused(&self, push: bool, pull_request: bool) -> impl Iterator<Item = RuleError> {
        let places = Places::ANNOTATIONS;
        let tags = self.tags.iter().map(|_| places.tags);
        let paths = self.paths.iter().flat_map(|paths| paths.places(places));
        let of_push = tags.chain(paths).map(|place| (place, "Push"));
        let labels = self.labels.iter().map(|_| places.labels);
        let actions = self.actions.are_named().then_some(places.actions);
        let of_pull_request = labels.chain(actions).map(|place| (place, "PullRequest"));
        let unused = of_push.filter(move |_| !push).chain(of_pull_request.filter(move |_| !pull_request));
        unused.map(|(place, event)| {
            let message = format!("the {place} has no effect: no rule of the Build names `{event}`");
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
