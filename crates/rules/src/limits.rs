//! The bounds of objects that carry rules, and of decisions about them.

use std::time::Duration;

use trigger_core::Limit;
use trigger_targets::build_run::LONGEST_OUTPUT;

/// Rules of one owner. A Build that needs more is several Builds.
pub(crate) const MOST_RULES: usize = 256;
/// The name of a rule, in bytes: as long as the name of an object. Each decision and run repeats it.
pub(crate) const LONGEST_RULE_NAME: usize = 253;
/// Values of all rules of one owner: branches, patterns, images, statuses and labels. Each is compared with each event.
pub(crate) const MOST_VALUES: usize = 512;
/// Events of a rule. Two mean anything; the others are kept for messages only.
pub(crate) const MOST_EVENTS: usize = 16;
/// Branches of a rule.
pub(crate) const MOST_BRANCHES: usize = 100;
/// Entries of an annotation that lists patterns, labels or actions.
pub(crate) const MOST_PATTERNS: usize = 100;
/// A branch, a pattern or a label of a rule, in bytes. File systems bound the name of a ref to about as much.
pub(crate) const LONGEST_PATTERN: usize = 256;
/// Wildcards and classes of a pattern.
pub(crate) const MOST_WILDCARDS: usize = 16;
/// The revision of a Build, in bytes: as long as a name in Git.
pub(crate) const LONGEST_REVISION: usize = 1024;
/// Images of a rule.
pub(crate) const MOST_IMAGES: usize = 64;
/// Secrets of an owner for requests to registries. Each may be read for each request.
pub(crate) const MOST_IMAGE_SECRETS: usize = 16;
/// Statuses of a rule: Tekton has fewer reasons.
pub(crate) const MOST_STATUSES: usize = 32;
/// Labels of a rule's selector.
pub(crate) const MOST_LABELS: usize = 32;
/// A word that Kubernetes bounds itself, such as a status or a label, in bytes: a label's key is a DNS subdomain, a
/// slash and a name of 63 bytes.
pub(crate) const LONGEST_WORD: usize = 317;
/// The value of an annotation that we read, in bytes. Kubernetes permits 256 KiB for all of an object.
pub(crate) const LONGEST_ANNOTATION: usize = 1024;
/// The value of an annotation that lists patterns, labels or actions, in bytes.
pub(crate) const LONGEST_LIST: usize = 16 << 10;
/// The steps that a step of CEL counts for.
pub(crate) const STEPS_OF_CEL: usize = 8;
/// Regular expressions in the filter of a Build. Each may take milliseconds to compile.
pub(crate) const MOST_FILTER_PATTERNS: usize = 8;
/// The steps that comparing the patterns of one owner with the files of an event may take: a character of a path is about
/// one. That is some ten milliseconds.
pub(crate) const MOST_STEPS: usize = 1 << 20;
/// The same for all owners of a namespace together.
pub(crate) const MOST_STEPS_OF_NAMESPACE: usize = 32 << 20;
/// The memory that the payload of a delivery may take for filters, in bytes: twice that of the largest push of GitHub.
pub(crate) const LARGEST_PAYLOAD: usize = 16 << 20;
/// The longest interval between two requests for an image that an annotation can set. Times are added to it.
pub(crate) const LONGEST_INTERVAL: Duration = Duration::from_hours(7 * 24);
/// The part of an owner that its runs repeat, such as the spec of a Build, in bytes of JSON.
pub(crate) const LARGEST_TEMPLATE: usize = 64 << 10;
/// The memory of an owner, in bytes, that counts for no budget. Ordinary owners need less.
pub(crate) const ALLOWANCE: usize = 4 << 10;
/// The memory that all owners of a namespace take beyond [`ALLOWANCE`] each: large owners of one namespace must leave
/// room for those of others.
pub(crate) const LARGEST_EXCESS: usize = 16 << 20;
/// The memory that one image costs beside its name: it has a place in the schedule, the status and the ledger.
pub(crate) const COST_OF_IMAGE: usize = 1 << 10;

/// Errors of an owner that are kept. A person mends these first.
pub(crate) const MOST_ERRORS: usize = 32;
/// The message of an error, in bytes: an Event of Kubernetes carries as much.
pub(crate) const LONGEST_ERROR: usize = 1024;
/// The part of a foreign text that a message quotes, in bytes.
pub(crate) const LONGEST_QUOTE: usize = 128;

/// The expected or found value of a check, in bytes: the longest name of an object with its namespace fits.
pub(crate) const LONGEST_CHECK: usize = 320;
/// A field of a rule that its runs repeat as an annotation, in bytes.
pub(crate) const LONGEST_DETAIL: usize = 1024;
/// Decisions that a delivery keeps for one namespace, over all its events. People read the first ones.
pub(crate) const MOST_DECISIONS: usize = 500;
/// Runs that a delivery starts in one namespace, over all its events: all are planned in memory.
pub(crate) const MOST_FIRED: usize = 2000;
/// Owners of a namespace that are decided for one event and kind of rule. A monorepo has some hundreds of Builds.
pub(crate) const MOST_OWNERS: usize = 1000;
/// Rules and values of a namespace that are compared with one event, per kind of rule.
pub(crate) const MOST_COMPARED: usize = 8192;
/// Secrets of a namespace that are read to verify a delivery for one repository.
pub(crate) const MOST_SECRETS: usize = 64;
/// The memory that the JSON of an event of a listener may take for its interceptors and bindings, in bytes: four times that
/// of the largest push of GitHub.
pub(crate) const LARGEST_BODY: usize = 32 << 20;
/// Objects and lists inside each other in a payload to a listener: our JSON parser reads as many.
pub(crate) const DEEPEST_PAYLOAD: usize = 127;
/// Objects of Tekton Triggers in a namespace: a listener of 1,000 triggers has twice as many of their bindings and
/// templates.
pub(crate) const MOST_LISTENER_OBJECTS: usize = 4096;
/// The memory of these objects with what is compiled of them, in bytes. A Trigger with two interceptors and a template takes
/// 20 KiB.
pub(crate) const LARGEST_LISTENER_OBJECTS: usize = 32 << 20;
/// Triggers that the listeners of a namespace select, in total. Each is a place in memory.
pub(crate) const MOST_SELECTED: usize = 32 << 10;
/// Triggers of a listener that take one type of event and are all evaluated, although their filters demand different texts
/// in the body: so each of a few triggers has a decision that says why it did not run.
pub(crate) const MOST_EVALUATED: usize = 16;
/// Conditions of other controllers that are kept in the status of an EventListener.
pub(crate) const MOST_FOREIGN_CONDITIONS: usize = 32;
/// Names and values of all params of a trigger's bindings, in bytes. They are resolved for each event.
pub(crate) const LARGEST_BINDINGS: usize = 256 << 10;

/// Headers of a request in the data of CloudEvents about it, in bytes. Hundreds of them may wait for a receiver.
pub(crate) const LARGEST_EVENT_DATA: usize = 2 << 10;

/// Interceptors of a trigger or group. Each may ask another server about each event.
pub(crate) const MOST_INTERCEPTORS: usize = 32;
/// The parameters of an interceptor, in bytes of JSON: each call of another server repeats them.
pub(crate) const LARGEST_PARAMS: usize = 128 << 10;
/// Items of a list among the parameters.
pub(crate) const MOST_PARAM_ITEMS: usize = 256;
/// An item of such a list, or the value of a webhook's header, in bytes.
pub(crate) const LONGEST_PARAM_ITEM: usize = 1024;
/// An entry of a Secret that an expression or the interceptor `git` names, in bytes. Kubernetes permits no longer one.
pub(crate) const LONGEST_SECRET_ENTRY: usize = 253;
/// What all interceptors of a chain add to an event, in bytes of JSON.
pub(crate) const LARGEST_EXTENSIONS: usize = 1 << 20;
/// The answer of an interceptor, in bytes. It is stored with the delivery.
pub(crate) const LARGEST_ANSWER: usize = 1 << 20;
/// The answer of a legacy webhook, in bytes: it takes the place of the body.
pub(crate) const LARGEST_WEBHOOK_ANSWER: usize = 4 << 20;
/// Headers of a legacy webhook, and values of one of them.
pub(crate) const MOST_WEBHOOK_HEADERS: usize = 32;
/// The URL of an interceptor, in bytes.
pub(crate) const LONGEST_CALL_URL: usize = 2048;
/// The certificate authorities of an interceptor, in bytes of PEM.
pub(crate) const LARGEST_CA_BUNDLE: usize = 64 << 10;
/// The longest time for a call of an interceptor that an annotation can set.
pub(crate) const LONGEST_CALL: Duration = Duration::from_mins(1);
/// How often a call may be tried again: a failing server must not be asked for ever.
pub(crate) const MOST_CALL_RETRIES: u8 = 5;
/// How far the timestamp of Slack's signature may be from the clock here, both ways: Slack's recommendation.
pub(crate) const SLACK_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Filters and overlays of all interceptors of a chain. Each may take some 50 ms for an event.
pub(crate) const MOST_EXPRESSIONS: usize = 64;
/// Steps of CEL that the triggers of a listener take for one event together: that is some 200 ms. Ordinary filters take
/// less than 100 each.
pub(crate) const MOST_STEPS_OF_EVENT: usize = 4_000_000;
/// Values of the parameters of all triggers of a listener that fire for one event, in bytes. They are held until the objects
/// are created.
pub(crate) const LARGEST_FIRED: usize = 2 << 20;
/// Comparisons with Secrets in one expression: each is a question, after which the expression is evaluated again.
pub(crate) const MOST_COMPARED_SECRETS: usize = 8;
/// Keys of extensions in the record of an interceptor.
pub(crate) const MOST_RECORDED_KEYS: usize = 32;
/// The file `OWNERS` of a repository, in bytes.
pub(crate) const LARGEST_OWNERS_FILE: usize = 64 << 10;

const RULE: &str = "the rule is broken";
const TRIGGER: &str = "the trigger is disabled";
const STOPS: &str = "the event stops at the interceptor";
const DECIDED: &str = "the others are not decided; an Event on each Build says so";

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("rules of a Build", MOST_RULES, "the first ones work"),
    Limit::bytes("name of a rule", LONGEST_RULE_NAME, RULE),
    Limit::count("branches, patterns, images, statuses and labels of a Build's rules", MOST_VALUES, RULE),
    Limit::count("events of a rule", MOST_EVENTS, RULE),
    Limit::count("branches of a rule", MOST_BRANCHES, RULE),
    Limit::count(
        "patterns, labels or actions in an annotation of a Build",
        MOST_PATTERNS,
        "its rules of type GitHub are broken",
    ),
    Limit::bytes(
        "annotation `paths`, `paths-ignore`, `tags`, `labels` or `actions` of a Build",
        LONGEST_LIST,
        "its rules of type GitHub are broken",
    ),
    Limit::bytes("branch, pattern or label of a rule", LONGEST_PATTERN, RULE),
    Limit::count(
        "regular expressions in the filter of a Build",
        MOST_FILTER_PATTERNS,
        "its rules of type GitHub are broken",
    ),
    Limit::bytes("payload of a delivery that a filter reads, in memory", LARGEST_PAYLOAD, "the filter fails"),
    Limit::count(
        "steps of comparing the patterns of a Build with changed files",
        MOST_STEPS,
        "the files count as unknown: the event passes",
    ),
    Limit::count(
        "the same steps for all Builds of a namespace, with its filters: each of their steps counts for eight",
        MOST_STEPS_OF_NAMESPACE,
        "the files count as unknown for its further Builds, and their filters fail",
    ),
    Limit::count("wildcards of a pattern", MOST_WILDCARDS, RULE),
    Limit::bytes("revision of a Build with rules of type GitHub", LONGEST_REVISION, RULE),
    Limit::count("images of a rule", MOST_IMAGES, "the first ones work"),
    Limit::count("Secrets of a Build for registries", MOST_IMAGE_SECRETS, "the first ones are used"),
    Limit::count("statuses of a rule", MOST_STATUSES, RULE),
    Limit::count("labels of a rule", MOST_LABELS, RULE),
    Limit::bytes("status or label of a rule", LONGEST_WORD, RULE),
    Limit::bytes(
        "annotation of a Build",
        LONGEST_ANNOTATION,
        "the default is taken; `suspend-images` suspends all",
    ),
    Limit::bytes(
        "annotation `pull-request-output` of a Build",
        LONGEST_OUTPUT,
        "pull requests do not start the Build",
    ),
    Limit::time(
        "interval of a Build's image rules",
        LONGEST_INTERVAL,
        "the interval of the program is taken",
    ),
    Limit::bytes("spec of a Build with rules", LARGEST_TEMPLATE, "its rules are broken"),
    Limit::bytes("Builds of a namespace beyond 4 KiB each", LARGEST_EXCESS, "the Build has no rules"),
    Limit::count("errors of a Build that are kept", MOST_ERRORS, "the others are counted"),
    Limit::bytes("message of a rule's error", LONGEST_ERROR, "it is cut"),
    Limit::bytes("expected or found value of a check", LONGEST_CHECK, "it is cut"),
    Limit::bytes("events or branches of a rule on its runs", LONGEST_DETAIL, "they are cut"),
    Limit::count(
        "decisions of a delivery that are kept for a namespace",
        MOST_DECISIONS,
        "the others are counted",
    ),
    Limit::count(
        "runs that a delivery starts in a namespace",
        MOST_FIRED,
        "the others are skipped, and it says so",
    ),
    Limit::count("Builds of a namespace that are decided for an event", MOST_OWNERS, DECIDED),
    Limit::count("rules and values of a namespace compared with an event", MOST_COMPARED, DECIDED),
    Limit::count(
        "Secrets of a namespace that verify for a repository",
        MOST_SECRETS,
        "the others are not read",
    ),
    Limit::count(
        "objects and lists inside each other in a payload to a listener",
        DEEPEST_PAYLOAD,
        "400, or its triggers do not run if the listener does not check payloads",
    ),
    Limit::bytes(
        "body that the interceptors and bindings of a trigger read, in memory",
        LARGEST_BODY,
        "the trigger does not run; its decision says so",
    ),
    Limit::count("interceptors of a trigger", MOST_INTERCEPTORS, TRIGGER),
    Limit::bytes("parameters of an interceptor", LARGEST_PARAMS, TRIGGER),
    Limit::count("items of a list in an interceptor's parameters", MOST_PARAM_ITEMS, TRIGGER),
    Limit::bytes("item of such a list, or value of a webhook's header", LONGEST_PARAM_ITEM, TRIGGER),
    Limit::bytes(
        "entry of a Secret that a CEL expression or the interceptor `git` names",
        LONGEST_SECRET_ENTRY,
        "the entry is not found, or the trigger is disabled",
    ),
    Limit::bytes("extensions that interceptors add to an event", LARGEST_EXTENSIONS, STOPS),
    Limit::bytes("answer of an interceptor", LARGEST_ANSWER, STOPS),
    Limit::bytes("answer of a legacy webhook interceptor", LARGEST_WEBHOOK_ANSWER, STOPS),
    Limit::count("headers of a legacy webhook interceptor", MOST_WEBHOOK_HEADERS, TRIGGER),
    Limit::bytes("URL of an interceptor", LONGEST_CALL_URL, TRIGGER),
    Limit::bytes("`caBundle` of an interceptor", LARGEST_CA_BUNDLE, TRIGGER),
    Limit::time(
        "call of an interceptor that an annotation sets",
        LONGEST_CALL,
        "the annotation has no effect",
    ),
    Limit::count(
        "retries of an interceptor that an annotation sets",
        MOST_CALL_RETRIES as usize,
        "the annotation has no effect",
    ),
    Limit::count("filters and overlays of a trigger's interceptors", MOST_EXPRESSIONS, TRIGGER),
    Limit::count(
        "steps of CEL of all triggers of a listener for one event",
        MOST_STEPS_OF_EVENT,
        "the event stops at the interceptor of the others",
    ),
    Limit::bytes(
        "values of the parameters of all triggers of a listener that fire for one event, if several do",
        LARGEST_FIRED,
        "the others do not run; their decisions say so",
    ),
    Limit::count("comparisons with Secrets in a CEL expression", MOST_COMPARED_SECRETS, STOPS),
    Limit::count(
        "keys of extensions in the record of an interceptor",
        MOST_RECORDED_KEYS,
        "the others are left out",
    ),
    Limit::time("age of a signature of Slack", SLACK_CLOCK_SKEW, STOPS),
    Limit::bytes("file `OWNERS` of a repository", LARGEST_OWNERS_FILE, STOPS),
    Limit::count(
        "objects of Tekton Triggers in a namespace",
        MOST_LISTENER_OBJECTS,
        "further ones are not read",
    ),
    Limit::bytes(
        "objects of Tekton Triggers of a namespace together, in memory",
        LARGEST_LISTENER_OBJECTS,
        "further ones are not read",
    ),
    Limit::count(
        "Triggers that the listeners of a namespace select together",
        MOST_SELECTED,
        "the others do not run; the listener says so",
    ),
    Limit::count(
        "triggers of a listener or group for one type of event that all have a decision, although their CEL filters demand \
         different texts in the body",
        MOST_EVALUATED,
        "those that demand another text than the event has get none; `explain` says why",
    ),
    Limit::bytes("params of the bindings of a trigger together", LARGEST_BINDINGS, TRIGGER),
    Limit::bytes(
        "headers of a request in the CloudEvents about it",
        LARGEST_EVENT_DATA,
        "further ones are left out",
    ),
    Limit::count(
        "conditions of other controllers in the status of an EventListener",
        MOST_FOREIGN_CONDITIONS,
        "the others are removed",
    ),
];
