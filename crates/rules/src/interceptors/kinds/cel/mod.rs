//! CEL: a filter that must be true, and overlays whose values become extensions.

mod compared;

use serde_json::{Map, Value};
use trigger_expr::cel::{DemandedText, EvaluateError, Operand, Program, Variables, Vocabulary, set_overlay};

use self::compared::ComparedSecrets;
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::{Params, ParamsError};
use crate::interceptors::state::State;
use crate::interceptors::status::Code;
use crate::limits::MOST_COMPARED_SECRETS;

const NAME: &str = "cel";

/// The kind.
pub(super) struct Cel;

#[derive(Debug)]
struct CelInterceptor {
    filter: Option<Program>,
    /// The text that the filter demands of the body.
    demanded_text: Option<DemandedText>,
    overlays: Box<[Overlay]>,
}

/// A value that becomes an extension.
#[derive(Debug)]
struct Overlay {
    /// The path of the extension, as sjson reads it.
    key: String,
    expression: Program,
}

impl CoreKind for Cel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, params: Params<'_>, _namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        let filter = params.text("filter")?.filter(|filter| !filter.is_empty());
        let filter = filter.map(|filter| compile(filter, "filter")).transpose()?;
        let mut overlays = Vec::new();
        for (place, item) in params.items("overlays")?.unwrap_or_default().iter().enumerate() {
            let place = format!("overlays[{place}]");
            let path = format!("{place}.");
            let fields = item.as_object().ok_or_else(|| {
                CompileFault::Params(ParamsError::Type { name: place.clone(), expected: "an object" })
            })?;
            let fields = Params::nested(fields, &path);
            let expression = compile(fields.text("expression")?.unwrap_or_default(), &place)?;
            overlays.push(Overlay { key: fields.text("key")?.unwrap_or_default().to_owned(), expression });
        }
        let demanded_text = filter.as_ref().and_then(Program::demanded_text);
        Ok(Box::new(CelInterceptor { filter, demanded_text, overlays: overlays.into() }))
    }
}

fn compile(source: &str, place: &str) -> Result<Program, CompileFault> {
    Program::compile(source, Vocabulary::Interceptor)
        .map_err(|error| CompileFault::Expression { place: place.to_owned(), error: error.to_string() })
}

impl Interceptor for CelInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        let unreadable = |error: &dyn ToString| {
            let error = error.to_string();
            let message =
                format!("error making the evaluation context: failed to parse the body as JSON: {error}");
            Halt::stop(Code::INVALID_ARGUMENT, message)
        };
        let input = Variables::from(run.state.event_input().map_err(|error| unreadable(error))?);
        // Also without an expression, the body has to be an object.
        run.state.body().object().map_err(|error| unreadable(&error))?;
        if let Some(filter) = &self.filter {
            let secrets = ComparedSecrets::new(run, "filter".to_owned(), filter.source());
            check(filter, &input, &secrets, run.state)?;
        }
        let mut extensions = Map::new();
        for (place, Overlay { key, expression }) in self.overlays.iter().enumerate() {
            let secrets = ComparedSecrets::new(run, format!("overlay {place}"), expression.source());
            run.state.check_steps()?;
            let (value, steps) = expression.evaluate_in_steps(&input, &secrets);
            run.state.spend(steps);
            let value = value.map_err(|error| stopped(&secrets, &error, Vec::new))?;
            set(&mut extensions, key, value)?;
        }
        Ok(Passage { extensions, ..Passage::default() })
    }

    fn most_asks(&self) -> usize {
        let expressions = self.filter.iter().chain(self.overlays.iter().map(|overlay| &overlay.expression));
        // The names of the Secrets may be computed, but the function cannot be called by another name.
        let compares = |program: &&Program| program.source().contains("compareSecret");
        expressions.filter(compares).count() * MOST_COMPARED_SECRETS
    }

    fn expressions(&self) -> usize {
        usize::from(self.filter.is_some()) + self.overlays.len()
    }

    fn demanded_text(&self) -> Option<&DemandedText> {
        self.demanded_text.as_ref()
    }
}

/// Stops the event unless the filter is true.
fn check(
    filter: &Program,
    input: &Variables<'_>,
    secrets: &ComparedSecrets<'_, '_>,
    state: &State,
) -> Result<(), Halt> {
    state.check_steps()?;
    let (is_true, steps) = filter.is_true_in_steps(input, secrets);
    state.spend(steps);
    // To explain it takes as many again.
    let operands = || {
        state.spend(steps);
        filter.explain(input, &secrets.remembered())
    };
    match is_true {
        Ok(true) => Ok(()),
        Ok(false) => Err(Halt::stop_with(Some(Code::FAILED_PRECONDITION), filter.not_true(), operands())),
        Err(error) => Err(stopped(secrets, &error, operands)),
    }
}

/// The question that an evaluation has ended with, or the event stops with its error.
fn stopped(
    secrets: &ComparedSecrets<'_, '_>,
    error: &EvaluateError,
    operands: impl FnOnce() -> Vec<Operand>,
) -> Halt {
    secrets.question(error).unwrap_or_else(|| {
        let code = Code::from_number(error.code() as u64).unwrap_or(Code::INVALID_ARGUMENT);
        Halt::stop_with(Some(code), error.message(), operands())
    })
}

fn set(extensions: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), Halt> {
    set_overlay(extensions, key, value)
        .map_err(|error| Halt::stop(Code::INTERNAL, format!("failed to sjson for key '{key}': {error}")))
}
