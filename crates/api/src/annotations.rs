//! The annotations we read and write.
//!
//! Those on BuildRuns are the cause of the run. The first four are SHIP-0031's; the others follow
//! their shape. Values are free text, so they are annotations and not labels.

/// On a BuildRun: `when[].name` of the rule that fired.
pub const WHEN_NAME: &str = "trigger.shipwright.io/trigger-when-name";
/// On a BuildRun: `when[].type` of the rule that fired.
pub const WHEN_TYPE: &str = "trigger.shipwright.io/trigger-when-type";
/// On a BuildRun: the events the rule names, comma-joined.
pub const WHEN_GITHUB_EVENTS: &str = "trigger.shipwright.io/trigger-when-github-events";
/// On a BuildRun: the branches the rule was compared with, comma-joined.
pub const WHEN_GITHUB_BRANCHES: &str = "trigger.shipwright.io/trigger-when-github-branches";
/// On a BuildRun: the id of the delivery, as the journal and the answer to the sender name it.
pub const DELIVERY: &str = "trigger.shipwright.io/delivery";
/// On a BuildRun: the id of the earlier delivery that the delivery replays.
pub const REPLAY_OF: &str = "trigger.shipwright.io/replay-of";
/// On a BuildRun: where its trace goes on, as W3C Trace Context writes `traceparent`. It follows from the delivery, or
/// is what Tekton has noted on the custom task.
pub const TRACE_PARENT: &str = "trigger.shipwright.io/traceparent";
/// On a BuildRun: the repository the event is about.
pub const REPOSITORY: &str = "trigger.shipwright.io/repository";
/// On a BuildRun: the full ref the event is about.
pub const REF: &str = "trigger.shipwright.io/ref";
/// On a BuildRun: the full commit id the event is about.
pub const COMMIT: &str = "trigger.shipwright.io/commit";
/// On a BuildRun: who caused the event, by the provider's login name.
pub const SENDER: &str = "trigger.shipwright.io/sender";
/// On a BuildRun: the number of the pull request.
pub const PULL_REQUEST: &str = "trigger.shipwright.io/pull-request";
/// On a BuildRun: the PipelineRun whose status caused the run.
pub const PIPELINE_RUN: &str = "trigger.shipwright.io/pipelinerun";
/// On a BuildRun: the image that has changed, by its reference; several are comma-joined.
pub const IMAGE: &str = "trigger.shipwright.io/image";
/// On a BuildRun: the digest that the image has now; of several images in the order of [`IMAGE`].
pub const DIGEST: &str = "trigger.shipwright.io/digest";
/// On a BuildRun: the digest that the image had before, likewise; empty where it is not known.
pub const PREVIOUS_DIGEST: &str = "trigger.shipwright.io/previous-digest";

/// On a BuildRun: the CustomRun (or Run) of Tekton that it carries out.
pub const CUSTOM_RUN: &str = "trigger.shipwright.io/customrun";
/// Label on a BuildRun: `metadata.uid` of the CustomRun (or Run) of Tekton that it carries out. BuildRuns are
/// watched by it.
pub const LABEL_CUSTOM_RUN_UID: &str = "trigger.shipwright.io/customrun-uid";
/// Label on a BuildRun that embeds the spec of its Build: `true` if the retention of the Build has limits. BuildRuns are
/// watched by it.
pub const LABEL_LIMITED: &str = "trigger.shipwright.io/limited";
/// On a BuildRun that we have cancelled: why, `task` (its task was cancelled) or `timeout`.
pub const CANCELED_FOR: &str = "trigger.shipwright.io/canceled-for";
/// On a BuildRun that we have cancelled: when, as RFC 3339 writes times.
pub const CANCELED_AT: &str = "trigger.shipwright.io/canceled-at";

/// Upstream's annotation on a BuildRun: the name of the PipelineRun whose status caused it.
pub const OWNED_BY_PIPELINE_RUN: &str = "triggers.shipwright.io/owned-by-pipelinerun";
/// Upstream's label on a BuildRun: the name of the CustomRun that it carries out, where that is a legal value.
pub const LABEL_OWNED_BY_CUSTOM_RUN: &str = "triggers.shipwright.io/owned-by-customrun";
/// Upstream's label on a BuildRun: the name of the Run that it carries out, where that is a legal value.
pub const LABEL_OWNED_BY_RUN: &str = "triggers.shipwright.io/owned-by-run";

/// Upstream's annotation on a PipelineRun: its own name. It tells a run from one that was made by copying it.
pub const RECORD_OF: &str = "triggers.shipwright.io/pipelinerun-name";
/// Upstream's annotation on a PipelineRun: the Builds it has started, see [`crate::tekton::TriggeredBuilds`].
pub const TRIGGERED_BUILDS: &str = "triggers.shipwright.io/pipelinerun-triggered-builds";
/// Annotation on a PipelineRun: the BuildRuns it has started, newest first, comma-joined. Upstream has a label
/// of this name, with values that the API server refuses.
pub const BUILD_RUN_NAMES: &str = "triggers.shipwright.io/buildrun-names";

/// On a Build: which code its runs build, `auto`, `event` or `build`.
pub const REVISION: &str = "trigger.shipwright.io/revision";
/// On a Build: `allow` lets pull requests from forks start it.
pub const FORKS: &str = "trigger.shipwright.io/forks";
/// On a Build: the files of which a push has to change one, as patterns, separated by commas or line breaks. The last that
/// matches a file decides, and `!` excludes.
pub const PATHS: &str = "trigger.shipwright.io/paths";
/// On a Build: files that count for nothing, as patterns, likewise.
pub const PATHS_IGNORE: &str = "trigger.shipwright.io/paths-ignore";
/// On a Build: the tags for which its rules with the event `Push` fire as well, as patterns, likewise.
pub const TAGS: &str = "trigger.shipwright.io/tags";
/// On a Build: labels of which a pull request needs one, separated by commas or line breaks. It may have none behind a `!`.
pub const LABELS: &str = "trigger.shipwright.io/labels";
/// On a Build: the actions on pull requests that start it, separated by commas or line breaks, such as `labeled`.
pub const ACTIONS: &str = "trigger.shipwright.io/actions";
/// On a Build: an expression of CEL over `event`, `body` and `header` that has to be true for an event to start it.
pub const FILTER: &str = "trigger.shipwright.io/filter";
/// On a Build: what runs do with their image that pull requests start: `skip-chain`, or a reference to push instead, with
/// `$(number)` and `$(commit)`.
pub const PULL_REQUEST_OUTPUT: &str = "trigger.shipwright.io/pull-request-output";
/// On a BuildRun: `true` if rules of type `Image` do not fire for what it pushes.
pub const SKIP_CHAIN: &str = "trigger.shipwright.io/skip-chain";
/// On a Build: how often the registries of the images in its rules are asked, such as `10m`. Of several Builds
/// that wait for one image, the shortest interval counts.
pub const IMAGE_INTERVAL: &str = "trigger.shipwright.io/image-interval";
/// On a Build: names of rules of type `Image` that do nothing for now, comma-joined; `*` for all of them.
pub const SUSPEND_IMAGES: &str = "trigger.shipwright.io/suspend-images";
/// On a Build: names of Secrets of type `kubernetes.io/dockerconfigjson` with which registries may be asked,
/// comma-joined, beside those that the Build names for pulling and pushing.
pub const IMAGE_SECRETS: &str = "trigger.shipwright.io/image-secrets";

/// On a Trigger or an EventListener: how long its interceptors outside this program may take, such as `10s` or
/// `5s,lint=30s`.
pub const INTERCEPTOR_TIMEOUT: &str = "trigger.shipwright.io/interceptor-timeout";
/// On a Trigger or an EventListener: how often a failed call of these interceptors is tried again, such as `1` or
/// `lint=0`.
pub const INTERCEPTOR_RETRIES: &str = "trigger.shipwright.io/interceptor-retries";

/// Label of the Build project on a BuildRun: the name of its Build. Retention limits select by it.
pub const LABEL_BUILD_NAME: &str = "build.shipwright.io/name";
/// Label of the Build project on a PipelineRun that carries a BuildRun out: the name of the BuildRun.
pub const LABEL_BUILD_RUN_NAME: &str = "buildrun.shipwright.io/name";
/// Label of the Build project on a BuildRun: the generation of its Build.
pub const LABEL_BUILD_GENERATION: &str = "build.shipwright.io/generation";
