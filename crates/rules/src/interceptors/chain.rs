use std::sync::Arc;

use trigger_core::{RepoId, json_size};
use trigger_expr::cel::DemandedText;

use super::answer::Answers;
use super::authentication::Authentication;
use super::compile_error::{CompileError, CompileFault};
use super::declaration::{Declaration, Reference};
use super::interceptor::{Halt, Interceptor, Passage, Run};
use super::kinds;
use super::params::Params;
use super::record::{Course, Record, RecordedVerdict, Step};
use super::remote::Remote;
use super::settings::CallSettings;
use super::state::State;
use super::trigger_id::TriggerId;
use super::webhook::Webhook;
use crate::limits::{
    LARGEST_EXTENSIONS, LARGEST_PARAMS, LONGEST_QUOTE, MOST_EXPRESSIONS, MOST_INTERCEPTORS,
    MOST_RECORDED_KEYS,
};
use crate::rule_error::RuleError;
use crate::text::{cut, quoted};

/// The interceptors of one trigger or group, compiled once.
#[derive(Debug)]
pub struct Chain {
    trigger: TriggerId,
    links: Box<[Link]>,
    begins_with_webhook: bool,
}

#[derive(Debug)]
struct Link {
    name: Arc<str>,
    interceptor: Box<dyn Interceptor>,
}

impl Chain {
    /// Compiles the interceptors of a trigger or group. The first one that cannot work is the error.
    pub fn compile(
        trigger: TriggerId,
        declarations: &[Declaration<'_>],
        settings: &CallSettings,
    ) -> Result<Self, CompileError> {
        let found = declarations.len();
        if found > MOST_INTERCEPTORS {
            return Err(CompileError::TooMany { found });
        }
        let compile = |(place, declaration): (usize, &Declaration<'_>)| {
            let name = display_name(declaration);
            match interceptor(declaration, &name, &trigger.namespace, settings) {
                Ok(interceptor) => Ok(Link { name, interceptor }),
                Err(fault) => Err(CompileError::Interceptor { place, name, fault }),
            }
        };
        let links = declarations.iter().enumerate().map(compile).collect::<Result<Box<[Link]>, _>>()?;
        let found = links.iter().map(|link| link.interceptor.expressions()).sum();
        if found > MOST_EXPRESSIONS {
            return Err(CompileError::TooManyExpressions { found });
        }
        let begins_with_webhook = declarations.first().is_some_and(|first| first.webhook.is_some());
        Ok(Self { trigger, links, begins_with_webhook })
    }

    /// The largest number of questions about one event. A caller that has answered so many and is asked again may give
    /// up.
    pub fn most_asks(&self) -> usize {
        self.links.iter().map(|link| link.interceptor.most_asks()).sum()
    }

    /// The repository whose webhooks alone can pass its first interceptor, if that takes webhooks of a Git provider.
    pub(crate) fn repository(&self) -> Option<&RepoId> {
        self.links.first()?.interceptor.repository()
    }

    /// Parameters of its interceptors that are valid, and are likely mistakes.
    pub(crate) fn hints(&self) -> impl Iterator<Item = &RuleError> {
        self.links.iter().flat_map(|link| link.interceptor.hints())
    }

    /// Whether the chain authenticates senders with a Secret before it asks anything else.
    pub fn authentication(&self) -> Authentication<'_> {
        for Link { interceptor, .. } in &self.links {
            match interceptor.authentication() {
                Authentication::Open if interceptor.most_asks() == 0 => {}
                found => return found,
            }
        }
        Authentication::Open
    }

    /// The authentication of senders by the first interceptor, before it looks at the body.
    pub(crate) fn first_authentication(&self) -> Authentication<'_> {
        self.links.first().map_or(Authentication::Open, |link| link.interceptor.authentication())
    }

    /// Whether an interceptor is outside this process. It could change the body.
    pub(crate) fn is_outside(&self) -> bool {
        self.links.iter().any(|link| link.interceptor.is_outside())
    }

    /// The text that the body of every event has that passes the chain, if an event without it need not be taken through.
    ///
    /// Not if an interceptor before the filter is outside this process. Nor if one asks anything, unless it is the first,
    /// which authenticates the sender before it looks at the body: chains with one Secret must ask alike, so that one of
    /// them can stand for all.
    pub(crate) fn demanded_text(&self) -> Option<&DemandedText> {
        for (place, Link { interceptor, .. }) in self.links.iter().enumerate() {
            if let Some(text) = interceptor.demanded_text() {
                return Some(text);
            }
            let asks = interceptor.most_asks() > 0;
            let asks_first = place == 0 && interceptor.expressions() == 0;
            if interceptor.is_outside() || asks && !asks_first {
                return None;
            }
        }
        None
    }

    /// The record of the interceptor that demands a text or a repository, about an event with another one. For people who ask
    /// why its trigger does not run: those before it may have questions, and are passed over.
    pub(crate) fn stop_at_content(&self, event: &State) -> Option<Record> {
        let demands = |(_, Link { interceptor, .. }): &(usize, &Link)| {
            interceptor.demanded_text().is_some() || interceptor.repository().is_some()
        };
        let (place, link) = self.links.iter().enumerate().find(demands)?;
        let (course, answers) = (self.begin(event.clone()), Answers::default());
        let run = Run { state: &course.state, trigger: &self.trigger, place, answers: &answers };
        let Err(Halt::Stop { code, message, operands }) = link.interceptor.inspect(&run) else {
            return None;
        };
        let verdict = RecordedVerdict::Stopped { code, message, operands };
        Some(Record { place, interceptor: Arc::clone(&link.name), verdict })
    }

    /// The course of an event before the first interceptor.
    pub fn begin(&self, mut state: State) -> Course {
        if !self.links.is_empty() {
            state.read_form(self.begins_with_webhook);
        }
        Course { state, records: Vec::with_capacity(self.links.len()) }
    }

    /// Takes an event on through the chain, as far as the answers reach.
    ///
    /// The same event and answers give the same step, whether it goes on from a question or from the beginning. So a
    /// replay with the stored answers asks nothing.
    pub fn advance(&self, mut course: Course, answers: &Answers) -> Step {
        for (place, link) in self.links.iter().enumerate().skip(course.records.len()) {
            let run = Run { state: &course.state, trigger: &self.trigger, place, answers };
            let intercepted = link.interceptor.intercept(&run);
            let taken = intercepted.and_then(|passage| take(&mut course.state, passage));
            let mut record = |verdict| {
                course.records.push(Record { place, interceptor: Arc::clone(&link.name), verdict });
            };
            match taken {
                Ok(extensions) => record(RecordedVerdict::Passed { extensions }),
                Err(Halt::Stop { code, message, operands }) => {
                    record(RecordedVerdict::Stopped { code, message, operands });
                    return Step::Stopped(course);
                }
                Err(Halt::Fail { message }) => {
                    record(RecordedVerdict::Failed { message });
                    return Step::Failed(course);
                }
                Err(Halt::Ask(ask)) => return Step::Asks(ask, course),
            }
        }
        Step::Passed(course)
    }
}

/// The name that records give an interceptor: its own, else that of what it refers to.
fn display_name(declaration: &Declaration<'_>) -> Arc<str> {
    let referred = match (&declaration.webhook, &declaration.reference) {
        (None, Some(reference)) => reference.name,
        (Some(_), _) => "webhook",
        (None, None) => "",
    };
    let named = [declaration.name, referred].into_iter().find(|name| !name.is_empty());
    cut(named.unwrap_or("without a name").to_owned(), LONGEST_QUOTE).into()
}

/// Adds what an interceptor gives to the state. Returns the keys of its extensions.
fn take(state: &mut State, passage: Passage) -> Result<Vec<String>, Halt> {
    let Passage { extensions, replaced, body_is_verified } = passage;
    let is_extended = !extensions.is_empty();
    let keys =
        extensions.keys().take(MOST_RECORDED_KEYS).map(|key| cut(key.clone(), LONGEST_QUOTE)).collect();
    if body_is_verified {
        state.verify_body();
    }
    if let Some((body, headers)) = replaced {
        state.replace(body, headers);
    }
    state.extend(extensions);
    if is_extended && json_size(state.extensions()) > LARGEST_EXTENSIONS {
        let message = format!(
            "the extensions of the chain have more than {LARGEST_EXTENSIONS} bytes as JSON; add less to them"
        );
        return Err(Halt::fail(message));
    }
    Ok(keys)
}

fn interceptor(
    declaration: &Declaration<'_>,
    name: &str,
    namespace: &str,
    settings: &CallSettings,
) -> Result<Box<dyn Interceptor>, CompileFault> {
    let Declaration { reference, params, webhook, .. } = declaration;
    let found = json_size(params);
    if found > LARGEST_PARAMS {
        return Err(CompileFault::LargeParams { found });
    }
    if let Some(webhook) = webhook {
        return Ok(Box::new(Webhook::compile(name, webhook, namespace, settings)?));
    }
    let reference =
        reference.filter(|reference| !reference.name.is_empty()).ok_or(CompileFault::NoReference)?;
    let is_cluster = match reference.kind {
        "" | Reference::CLUSTER => true,
        Reference::NAMESPACED => false,
        unknown => return Err(CompileFault::UnknownKind(quoted(unknown))),
    };
    if let Some(address) = reference.address {
        return Ok(Box::new(Remote::new(name, address, params, settings)));
    }
    if let Some(kind) = kinds::KINDS.iter().find(|kind| is_cluster && kind.name() == reference.name) {
        return kind.compile(Params::new(params), namespace);
    }
    let kind = if is_cluster { "ClusterInterceptor" } else { "Interceptor" };
    Err(CompileFault::NotFound { kind, name: quoted(reference.name) })
}
