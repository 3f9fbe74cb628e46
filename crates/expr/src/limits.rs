use trigger_core::Limit;

use crate::jsonpath::{Budget, LARGEST_RESULT, LONGEST_PATH, MOST_VALUES};
use crate::params::{LARGEST_VALUE, LARGEST_VALUES, MOST_EXPRESSIONS, MOST_PARAMS};
use crate::template::LARGEST_OBJECT;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
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
    Limit::bytes("value of a parameter", LARGEST_VALUE, "the trigger fails"),
    Limit::bytes("values of all parameters of a trigger", LARGEST_VALUES, "the trigger fails"),
    Limit::bytes("object that a template renders", LARGEST_OBJECT, "the trigger fails"),
];
