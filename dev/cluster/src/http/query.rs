//! Query parameters.

use std::collections::HashMap;

use crate::operations::{FieldValidation, ListOptions, Target, VersionMatch, WriteOptions};
use crate::selector::Selection;
use crate::status::{ApiError, Cause};

/// The query parameters of a request. The last of repeated parameters wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.is_empty() || value == "true" || value == "1")
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.text(name) {
            "" => Ok(None),
            text => {
                let invalid = |_| ApiError::bad_request(format!("invalid value for {name}: \"{text}\""));
                text.parse().map(Some).map_err(invalid)
            }
        }
    }

    /// Whether the request is a dry run. `options` is the kind of its options, for example `CreateOptions`.
    pub(super) fn is_dry_run(&self, options: &str) -> Result<bool, ApiError> {
        match self.text("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(ApiError::invalid_options(options, Cause::unsupported("dryRun", other, &["All"]))),
        }
    }

    pub(super) fn selection(&self, target: &Target) -> Result<Selection, ApiError> {
        Selection::parse(self.text("labelSelector"), self.text("fieldSelector"), |path| {
            target.resource.selects(&target.version, path)
        })
    }

    pub(super) fn list_options(&self, target: &Target) -> Result<ListOptions, ApiError> {
        let version_match = match self.text("resourceVersionMatch") {
            "" => None,
            "Exact" => Some(VersionMatch::Exact),
            "NotOlderThan" => Some(VersionMatch::NotOlderThan),
            other => {
                let cause = Cause::unsupported("resourceVersionMatch", other, &["Exact", "NotOlderThan"]);
                return Err(ApiError::invalid_options("ListOptions", cause));
            }
        };
        if version_match.is_some() && self.text("resourceVersion").is_empty() && !self.flag("watch") {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            let cause = Cause::forbidden("resourceVersionMatch", detail);
            return Err(ApiError::invalid_options("ListOptions", cause));
        }
        Ok(ListOptions {
            selection: self.selection(target)?,
            limit: self.number("limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            token: self.text("continue").to_owned(),
            revision: self.number("resourceVersion")?.unwrap_or(0),
            version_match,
        })
    }

    /// The options of a write; `options` is their kind. Without `fieldManager`, the user agent up to the first slash is
    /// the manager.
    pub(super) fn write_options(&self, options: &str, agent: &str) -> Result<WriteOptions, ApiError> {
        let manager = match self.text("fieldManager") {
            "" => agent.split('/').next().unwrap_or_default(),
            named => named,
        };
        let manager = if manager.is_empty() { "unknown" } else { manager };
        if manager.len() > 128 {
            return Err(ApiError::invalid_options(options, Cause::too_long("fieldManager", 128)));
        }
        let validation = match self.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                let cause = Cause::unsupported("fieldValidation", other, &["Ignore", "Warn", "Strict"]);
                return Err(ApiError::invalid_options(options, cause));
            }
        };
        Ok(WriteOptions {
            manager: manager.to_owned(),
            dry_run: self.is_dry_run(options)?,
            validation,
            force: self.flag("force"),
        })
    }
}
