use serde_json::Value;
use trigger_api::shipwright::v1alpha1::{self, AlphaBuild, AlphaBuildSpec};
use trigger_api::shipwright::{self, Build, BuildSpec};
use trigger_api::tekton::{EmbeddedTask, TaskFields, TaskReference};

use crate::kind::TaskKind;
use crate::timeout::Timeout;
use crate::{param, reason, workspace};

/// The name that Tekton writes if no service account is named. Passing it on would override the preference of the
/// Build project for the account `pipeline`.
const NO_SERVICE_ACCOUNT: &str = "default";

/// What a task asks for, in the words of a BuildRun.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildRequest {
    /// What to build.
    pub build: BuildChoice,
    /// `paramValues`.
    pub(crate) params: Vec<Value>,
    /// `volumes`.
    pub(crate) volumes: Vec<Value>,
    /// `serviceAccount`.
    pub(crate) service_account: Option<String>,
    /// Whether the task sets a time limit of its own.
    pub(crate) has_timeout: bool,
}

/// A Build, by name or embedded.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildChoice {
    /// One of this name in the namespace of the task.
    Named(String),
    /// One that exists nowhere else.
    Embedded(Box<BuildSpec>),
}

/// Why a task cannot be carried out, whatever is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTask {
    /// The reason for its condition.
    pub(crate) reason: &'static str,
    /// The message for its condition.
    pub(crate) message: String,
}

impl InvalidTask {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { reason: reason::INVALID_SPEC, message: message.into() }
    }
}

impl BuildRequest {
    pub(crate) fn read(
        kind: TaskKind,
        reference: Option<TaskReference>,
        embedded: Option<EmbeddedTask>,
        fields: &TaskFields,
    ) -> Result<Self, InvalidTask> {
        let build = match (reference, embedded) {
            (Some(_), Some(_)) => {
                return Err(InvalidTask::invalid("a Build is both named and embedded; give one of the two"));
            }
            (Some(reference), None) => BuildChoice::Named(named(reference)?),
            (None, embedded) => BuildChoice::Embedded(Box::new(spec(embedded.unwrap_or_default())?)),
        };
        if Timeout::parse(fields.timeout.as_deref()).is_none() {
            let timeout = fields.timeout.as_deref().unwrap_or_default();
            return Err(InvalidTask::invalid(format!("the timeout {timeout:?} is no duration such as 10m")));
        }
        let params = param::values(fields.params.as_deref().unwrap_or_default());
        let params = params.map_err(|message| InvalidTask { reason: reason::INVALID_PARAMS, message })?;
        let volumes = workspace::volumes(fields.workspaces.as_deref().unwrap_or_default());
        let volumes =
            volumes.map_err(|message| InvalidTask { reason: kind.workspace_not_supported(), message })?;
        let account = fields.service_account_name.as_deref().unwrap_or_default();
        Ok(Self {
            build,
            params,
            volumes,
            service_account: (!matches!(account, "" | NO_SERVICE_ACCOUNT)).then(|| account.to_owned()),
            has_timeout: fields.timeout.as_deref().is_some_and(|text| !text.is_empty()),
        })
    }
}

fn named(reference: TaskReference) -> Result<String, InvalidTask> {
    let name = reference.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| InvalidTask::invalid("the reference to the Build has no name"))?;
    // The name becomes part of a path of the API.
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if name.len() > 253 || !name.bytes().all(is_legal) {
        return Err(InvalidTask::invalid(format!("{name:?} is no name that a Build can have")));
    }
    Ok(name)
}

fn spec(embedded: EmbeddedTask) -> Result<BuildSpec, InvalidTask> {
    if embedded.spec.is_null() {
        return Err(InvalidTask::invalid("the embedded Build has no spec"));
    }
    let unreadable = |error: serde_json::Error| {
        InvalidTask::invalid(format!("the spec of the embedded Build cannot be read: {error}"))
    };
    let spec = if embedded.api_version.as_deref() == Some(v1alpha1::API_VERSION) {
        let spec: AlphaBuildSpec = serde_json::from_value(embedded.spec).map_err(unreadable)?;
        Build::from(AlphaBuild { spec, ..AlphaBuild::default() }).spec
    } else {
        serde_json::from_value(embedded.spec).map_err(unreadable)?
    };
    Ok(spec.embeddable())
}

/// Whether a reference or an embedded object is a Build, in either version.
pub(crate) fn is_build(task: &Value) -> bool {
    task["kind"] == "Build"
        && task["apiVersion"]
            .as_str()
            .is_some_and(|version| version == shipwright::API_VERSION || version == v1alpha1::API_VERSION)
}
