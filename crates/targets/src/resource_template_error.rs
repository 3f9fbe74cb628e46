use trigger_core::ResourceRef;

use crate::limits::{LARGEST_IN_MEMORY, LONGEST_IDENTITY, MOST_RESOURCES};

/// Why a resource template gives no object. A trigger with such a template creates nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceTemplateError {
    /// Its values make it too large.
    #[error(transparent)]
    Render(#[from] trigger_expr::template::RenderError),
    /// There are more than [`MOST_RESOURCES`].
    #[error("the trigger has more than {MOST_RESOURCES} resource templates: use several triggers")]
    TooMany,
    /// It takes more memory than `LARGEST_IN_MEMORY`: it has many small parts.
    #[error("it takes more than {} MiB of memory: give it fewer parts", LARGEST_IN_MEMORY >> 20)]
    TooMuchMemory,
    /// It is no JSON object.
    #[error("it is no object")]
    NoObject,
    /// `apiVersion` is missing or malformed.
    #[error("apiVersion has to be group/version, or a version of the core group")]
    ApiVersion,
    /// `kind` is missing.
    #[error("kind is missing")]
    Kind,
    /// A field of the metadata is no object.
    #[error("{0} has to be an object")]
    Object(&'static str),
    /// A field of the metadata is no string.
    #[error("{0} has to be text: put the value in quotes")]
    Text(String),
    /// A part of the identity is longer than `LONGEST_IDENTITY`. It would be stored with the delivery.
    #[error("{0} is longer than {LONGEST_IDENTITY} bytes: shorten the value")]
    TooLong(&'static str),
    /// The object has no name.
    #[error("metadata.name and metadata.generateName are missing: write one of them")]
    NoName,
    /// Another template of the trigger gives the same object.
    #[error("the trigger renders {0} twice: give the objects different names")]
    Twice(ResourceRef),
}
