//! CEL: a filter that must be true, and overlays whose values become extensions.

use std::cell::{Cell, RefCell};

use crate::interceptors::overlay_shim::set_overlay;
use bytes::Bytes;
use serde_json::{Map, Value};
use trigger_core::{Credential, KeyRef, ObjectKey, is_dns_subdomain};
use trigger_expr::cel::{EvaluateError, Program, SecretError, SecretLookup, Variables, Vocabulary};

use crate::interceptors::answer::SecretAnswer;
use crate::interceptors::ask::SecretCheck;
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::{Params, ParamsError};
use crate::interceptors::status::Code;
use crate::limits::MOST_COMPARED_SECRETS;

const NAME: &str = "cel";

/// The kind.
pub(super) struct Cel;

#[derive(Debug)]
struct CelInterceptor {
    filter: Option<Program>,
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
        Ok(Box::new(CelInterceptor { filter, overlays: overlays.into() }))
    }
}

fn compile(source: &str, place: &str) -> Result<Program, CompileFault> {
    Program::compile(source, Vocabulary::Interceptor)
        .map_err(|error| CompileFault::Expression { place: place.to_owned(), error: error.to_string() })
}

impl Interceptor for CelInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        let input = run.state.event_input().map_err(|error| {
            let message =
                format!("error making the evaluation context: failed to parse the body as JSON: {error}");
            Halt::stop(Code::INVALID_ARGUMENT, message)
        })?;
        // Also without an expression, the body has to be an object.
        run.state.body().object().map_err(|error| {
            let message =
                format!("error making the evaluation context: failed to parse the body as JSON: {error}");
            Halt::stop(Code::INVALID_ARGUMENT, message)
        })?;
        let input = Variables::from(input);
        if let Some(filter) = &self.filter {
            let secrets = ComparedSecrets::new(run, "filter".to_owned());
            match filter.is_true(&input, &secrets) {
                Ok(true) => {}
                Ok(false) => return Err(Halt::stop(Code::FAILED_PRECONDITION, filter.not_true())),
                Err(error) => return Err(secrets.halt(&error)),
            }
        }
        let mut extensions = Map::new();
        for (place, Overlay { key, expression }) in self.overlays.iter().enumerate() {
            let secrets = ComparedSecrets::new(run, format!("overlay {place}"));
            let value = expression.evaluate(&input, &secrets).map_err(|error| secrets.halt(&error))?;
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
}

fn set(extensions: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), Halt> {
    set_overlay(extensions, key, value)
        .map_err(|error| Halt::stop(Code::INTERNAL, format!("failed to sjson for key '{key}': {error}")))
}

/// The Secrets that one expression compares with. Each comparison is a question of its own, numbered in the order of the
/// evaluation: what is compared follows from the event and the answers before it.
struct ComparedSecrets<'a, 'b> {
    run: &'a Run<'b>,
    /// Its place, for the keys of the answers.
    expression: String,
    compared: Cell<usize>,
    /// The first question without an answer.
    ask: RefCell<Option<Halt>>,
}

impl<'a, 'b> ComparedSecrets<'a, 'b> {
    fn new(run: &'a Run<'b>, expression: String) -> Self {
        Self { run, expression, compared: Cell::new(0), ask: RefCell::default() }
    }

    /// The question that an evaluation has ended with, or its error.
    fn halt(&self, error: &EvaluateError) -> Halt {
        if let EvaluateError::Secret { source: SecretError::NeedsSecret { .. }, .. } = error
            && let Some(ask) = self.ask.take()
        {
            return ask;
        }
        let code = Code::from_number(error.code() as u64).unwrap_or(Code::INVALID_ARGUMENT);
        Halt::stop(code, error.message())
    }
}

impl SecretLookup for ComparedSecrets<'_, '_> {
    fn compare(&self, presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        let (owned_name, owned_key) = (name.to_owned(), key.to_owned());
        let namespace = &self.run.trigger.namespace;
        if !is_dns_subdomain(name) {
            return Err(SecretError::NoSuchSecret { name: owned_name, key: owned_key });
        }
        if key.is_empty() {
            let namespace = namespace.to_string();
            return Err(SecretError::NoSuchKey { namespace, name: owned_name, key: owned_key });
        }
        let place = self.compared.get();
        if place == MOST_COMPARED_SECRETS {
            let reason = format!("at most {MOST_COMPARED_SECRETS} comparisons are allowed in an expression");
            return Err(SecretError::Unreadable { name: owned_name, reason });
        }
        self.compared.set(place + 1);
        let subject = format!("compare {place} in {}: secret {name}/{key}", self.expression);
        let check = || {
            let key = KeyRef::new(ObjectKey::new(namespace.clone(), name), key);
            SecretCheck::new(key, Credential::token(presented.as_bytes()), Bytes::new())
        };
        match self.run.ask_secret(&subject, check) {
            Ok(SecretAnswer::Verified) => Ok(true),
            Ok(SecretAnswer::Refused) => Ok(false),
            Ok(SecretAnswer::NoSecret) => Err(SecretError::NoSuchSecret { name: owned_name, key: owned_key }),
            Ok(SecretAnswer::NoEntry) => {
                let namespace = namespace.to_string();
                Err(SecretError::NoSuchKey { namespace, name: owned_name, key: owned_key })
            }
            Err(halt) => {
                self.ask.borrow_mut().get_or_insert(halt);
                Err(SecretError::NeedsSecret { name: owned_name, key: owned_key })
            }
        }
    }
}
