use std::collections::{HashMap, HashSet};

use super::error::{ExpressionError, ParamsError};
use super::expressions::{Expression, expressions_in};
use super::resolved::{LARGEST_VALUE, LARGEST_VALUES, Part, Resolved};
use crate::EventInput;
use crate::jsonpath::{Budget, Found, ParseError};

/// The most parameters of a trigger's bindings, and of a template.
pub const MOST_PARAMS: usize = 1024;

/// So many characters of a value stand in an error.
const SHOWN: usize = 200;

/// A parameter of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The name.
    pub name: String,
    /// The text, in which `$(...)` holds paths.
    pub value: String,
}

/// A parameter that a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamSpec {
    /// The name.
    pub name: String,
    /// The text that is used if no binding has the parameter, and in the place of an expression without a result.
    pub default: Option<String>,
}

/// The parameters of all bindings of a trigger, whose expressions have been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bindings(Vec<Binding>);

#[derive(Debug, Clone, PartialEq)]
struct Binding {
    param: Param,
    expressions: Vec<Expression>,
}

impl Bindings {
    /// Reads the expressions of parameters. One that cannot be read is no error yet: see [`Self::faults`].
    pub fn compile(params: &[Param]) -> Result<Self, ParamsError> {
        if params.len() > MOST_PARAMS {
            return Err(ParamsError::TooManyParams);
        }
        let mut seen = HashSet::new();
        if let Some(param) = params.iter().find(|param| !seen.insert(&param.name)) {
            return Err(ParamsError::Duplicate(param.name.clone()));
        }
        let bindings = params.iter().map(|param| {
            let expressions = expressions_in(&param.value);
            let expressions =
                expressions.ok_or_else(|| ParamsError::TooManyExpressions(param.name.clone()))?;
            Ok(Binding { param: param.clone(), expressions })
        });
        bindings.collect::<Result<_, _>>().map(Self)
    }

    /// The expressions that cannot be read, each with the name of its parameter. A default can take their place.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &ParseError)> {
        self.0.iter().flat_map(|binding| {
            let faults = binding.expressions.iter().filter_map(|expression| expression.path.as_ref().err());
            faults.map(|fault| (binding.param.name.as_str(), fault))
        })
    }

    /// The values of all parameters: first those that `declared` has, then the others, each in the order given.
    pub fn resolve(
        &self,
        declared: &[ParamSpec],
        input: &EventInput<'_>,
    ) -> Result<Vec<Resolved>, ParamsError> {
        if declared.len() > MOST_PARAMS {
            return Err(ParamsError::TooManyParams);
        }
        let defaults =
            declared.iter().filter_map(|spec| Some((spec.name.as_str(), spec.default.as_deref()?)));
        let defaults: HashMap<_, _> = defaults.collect();
        let (mut budget, mut size) = (Budget::new(), 0);
        let mut within_size = |resolved: Resolved| {
            if resolved.size() > LARGEST_VALUE {
                return Err(ParamsError::ValueTooLarge(resolved.name().to_owned()));
            }
            size += resolved.size();
            if size > LARGEST_VALUES { Err(ParamsError::ValuesTooLarge) } else { Ok(resolved) }
        };
        let mut bound = HashMap::new();
        for binding in &self.0 {
            let default = defaults.get(binding.param.name.as_str()).copied();
            let resolved = within_size(binding.resolve(default, input, &mut budget)?)?;
            bound.insert(binding.param.name.as_str(), resolved);
        }
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        for name in declared.iter().map(|spec| spec.name.as_str()).filter(|name| seen.insert(*name)) {
            match (bound.remove(name), defaults.get(name)) {
                (Some(resolved), _) => all.push(resolved),
                (None, Some(default)) => all.push(within_size(Resolved::new(name, *default))?),
                (None, None) => {}
            }
        }
        all.extend(self.0.iter().filter_map(|binding| bound.remove(binding.param.name.as_str())));
        Ok(all)
    }
}

impl Binding {
    fn resolve(
        &self,
        default: Option<&str>,
        input: &EventInput<'_>,
        budget: &mut Budget,
    ) -> Result<Resolved, ParamsError> {
        let Param { name, value } = &self.param;
        let mut parts = vec![Part::Static(value.clone())];
        for expression in &self.expressions {
            let found = match &expression.path {
                Ok(path) => path.evaluate(input, budget).map_err(ExpressionError::from),
                Err(error) => Err(error.clone().into()),
            };
            let part = match (found, default) {
                (Ok(Found::Content(text)), _) => Part::Content(text),
                (Ok(Found::Json(json)), _) => Part::Json(json),
                (Err(error), Some(default)) if error.has_default() => Part::Static(default.to_owned()),
                (Err(source), _) => {
                    let value = shortened(value);
                    return Err(ParamsError::Expression { param: name.clone(), value, source });
                }
            };
            let too_large = || ParamsError::ValueTooLarge(name.clone());
            parts = replaced(parts, &expression.text, &part).ok_or_else(too_large)?;
        }
        Ok(Resolved::of_parts(name.clone(), parts))
    }
}

/// The parts with `part` in the place of an expression, wherever static text has it. The text of a default is static, so
/// later expressions find theirs in it. `None` if the parts become too large.
fn replaced(parts: Vec<Part>, expression: &str, part: &Part) -> Option<Vec<Part>> {
    let size: usize = parts.iter().map(|part| part.text().len()).sum();
    let places = parts.iter().filter(|part| matches!(part, Part::Static(_)));
    let places: usize = places.map(|part| part.text().matches(expression).count()).sum();
    let added = places.checked_mul(part.text().len())?;
    if (size - places * expression.len()).checked_add(added)? > LARGEST_VALUE {
        return None;
    }
    let mut all = Vec::with_capacity(parts.len());
    for old in parts {
        let Part::Static(text) = old else {
            all.push(old);
            continue;
        };
        if let Part::Static(new) = part {
            all.push(Part::Static(text.replace(expression, new)));
            continue;
        }
        for (place, piece) in text.split(expression).enumerate() {
            if place > 0 {
                all.push(part.clone());
            }
            if !piece.is_empty() {
                all.push(Part::Static(piece.to_owned()));
            }
        }
    }
    Some(all)
}

fn shortened(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
