use trigger_core::Limit;

use crate::cel;
use crate::go_json::DEEPEST;
use crate::jsonpath::{Budget, LARGEST_RESULT, LONGEST_PATH, MOST_VALUES};
use crate::params::{LARGEST_VALUE, LARGEST_VALUES, MOST_EXPRESSIONS, MOST_PARAMS};
use crate::template::LARGEST_OBJECT;

const INVALID: &str = "the expression is invalid";
const EVALUATED: &str = "the filter is evaluated for every event that its trigger takes";
const UNEVALUATED: &str = "the evaluation fails, and the event does not pass";

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::bytes("CEL expression", cel::LONGEST_EXPRESSION, INVALID),
    Limit::count("levels of operators and brackets in a CEL expression", cel::DEEPEST, INVALID),
    Limit::count("parts of a CEL expression", cel::MOST_NODES, INVALID),
    Limit::count("macros inside each other in a CEL expression", cel::DEEPEST_ITERATION, INVALID),
    Limit::bytes("regular expression in CEL", cel::LONGEST_PATTERN, UNEVALUATED),
    Limit::bytes("compiled regular expression in CEL", cel::LARGEST_PATTERN, UNEVALUATED),
    Limit::count("steps of an evaluation of CEL", cel::MOST_STEPS, UNEVALUATED),
    Limit::bytes("strings, lists and maps that an evaluation of CEL makes", cel::MOST_MADE, UNEVALUATED),
    Limit::count("digits behind the point in `format` of CEL", cel::LARGEST_PRECISION, UNEVALUATED),
    Limit::count("scalars, lists and maps of YAML in CEL", cel::MOST_YAML_NODES, UNEVALUATED),
    Limit::count("levels of lists and maps of YAML in CEL", cel::DEEPEST_YAML, UNEVALUATED),
    Limit::count("aliases of YAML in CEL", cel::MOST_YAML_ALIASES, UNEVALUATED),
    Limit::count(
        "fields in the path of a text by which a CEL filter is found",
        cel::MOST_DEMANDED_FIELDS,
        EVALUATED,
    ),
    Limit::count("texts by which a CEL filter is found", cel::MOST_DEMANDED_TEXTS, EVALUATED),
    Limit::bytes("key of an overlay", cel::LONGEST_KEY, UNEVALUATED),
    Limit::count("levels in the key of an overlay", cel::DEEPEST_KEY, UNEVALUATED),
    Limit::count("place in a list in the key of an overlay", cel::LARGEST_PLACE, UNEVALUATED),
    Limit::count("parameters of a trigger's bindings, and of a template", MOST_PARAMS, "the trigger fails"),
    Limit::count("expressions in the value of a parameter", MOST_EXPRESSIONS, "the trigger fails"),
    Limit::bytes("path in an expression", LONGEST_PATH, "the trigger fails, defaults or not"),
    Limit::count("results of a part of a path", MOST_VALUES, "the trigger fails, defaults or not"),
    Limit::count(
        "values that the expressions of a trigger visit for an event",
        Budget::MOST_STEPS,
        "the trigger fails, defaults or not",
    ),
    Limit::bytes("result of an expression", LARGEST_RESULT, "the trigger fails, defaults or not"),
    Limit::count(
        "levels of lists and objects in `marshalJSON`, the result of an expression and a template",
        DEEPEST,
        "the evaluation or the trigger fails",
    ),
    Limit::bytes("value of a parameter", LARGEST_VALUE, "the trigger fails"),
    Limit::bytes("values of all parameters of a trigger", LARGEST_VALUES, "the trigger fails"),
    Limit::bytes("object that a template renders", LARGEST_OBJECT, "the trigger fails"),
];
