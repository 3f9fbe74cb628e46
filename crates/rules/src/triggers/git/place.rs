use std::fmt;

use trigger_api::annotations;

/// The place of a list in the object that holds it, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// An annotation of a Build.
    Annotation(&'static str),
    /// A parameter of the interceptor `git`.
    Param(&'static str),
}

/// The places of all lists that narrow a rule down.
#[derive(Debug)]
pub(crate) struct Places {
    pub(super) tags: Place,
    pub(super) paths: Place,
    pub(super) paths_ignore: Place,
    pub(super) labels: Place,
    pub(super) actions: Place,
}

impl Places {
    /// Those of a Build.
    pub(super) const ANNOTATIONS: &Self = &Self {
        tags: Place::Annotation(annotations::TAGS),
        paths: Place::Annotation(annotations::PATHS),
        paths_ignore: Place::Annotation(annotations::PATHS_IGNORE),
        labels: Place::Annotation(annotations::LABELS),
        actions: Place::Annotation(annotations::ACTIONS),
    };

    /// Those of the interceptor `git`.
    pub(crate) const PARAMS: &Self = &Self {
        tags: Place::Param("tags"),
        paths: Place::Param("paths"),
        paths_ignore: Place::Param("pathsIgnore"),
        labels: Place::Param("labels"),
        actions: Place::Param("actions"),
    };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation(key) => write!(f, "annotation `{key}`"),
            Self::Param(name) => write!(f, "parameter `{name}`"),
        }
    }
}
