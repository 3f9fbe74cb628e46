//! A request to an EventListener of Tekton: the decisions of its triggers, and the objects that they would create.
//!
//! - `args`: the flags. `source`: the objects, of a folder or of a cluster, and the Secrets that they name.
//! - `course`: the decisions, with the answers that are assumed and the questions that are not asked.
//! - `creation`: the objects of a trigger that fires. `keys`: whether the Secrets exist.
//! - `report`: all of it for people.

mod args;
mod course;
mod creation;
mod keys;
mod report;
mod source;

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use anyhow::bail;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use trigger_api::triggers::Kind;
use trigger_core::{DeliveryId, ObjectKey, Ordinal, event_id};
use trigger_rules::interceptors::{Body, ReceivedRequest, Scheme, State};
use trigger_rules::listeners::{Answer, Arrival, Examined, Listener, ListenerObject};

pub(super) use self::args::ListenerArgs;
use self::args::Request;
use self::course::Course;
use self::report::Report;
use self::source::ListenerSource;
use super::super::event_args::read;
use super::{NO_KEY, NOTHING_FIRES, SUGGESTIONS};
use crate::sanitize::{escape_for_terminal, escape_lines_for_terminal};

/// Explains a request to a listener: `payload` is its body.
pub(super) async fn run(
    args: ListenerArgs,
    payload: &Path,
    folder: Option<&Path>,
    namespaces: &[String],
) -> anyhow::Result<ExitCode> {
    let shows_objects = args.shows_objects();
    let (key, request) = args.into_request(read(payload)?)?;
    let source = ListenerSource::read(folder, namespaces).await?;
    let Some(listener) = source.listeners.listener(&key.namespace, &key.name) else {
        return print_unknown(&key, &source);
    };
    let request_url = match examine(listener, &request) {
        Examined::Answered(answer) => {
            print_answer(listener, &answer);
            return Ok(ExitCode::from(NOTHING_FIRES));
        }
        Examined::Event { request_url } => request_url,
    };
    let delivery = DeliveryId::derive(&[b"explain", key.to_string().as_bytes(), &request.body]);
    let (state, invented) = state(listener, request, request_url, &delivery);
    let course = Course::of(listener, state, &source, invented).await;
    let report = Report::new(listener, &course, &source, &delivery);
    if shows_objects {
        report.print_objects()?;
    } else {
        report.print();
        source.print_rest(&report.shown(), (folder, namespaces));
    }
    Ok(match (report.fires(), report.is_blocked()) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => ExitCode::from(NO_KEY),
        (false, false) => ExitCode::from(NOTHING_FIRES),
    })
}

fn examine(listener: &Listener, request: &Request) -> Examined {
    let arrival = Arrival { target: &request.target, headers: &request.headers, body: &request.body };
    listener.settings.answering().examine(arrival, "")
}

/// The event, and the headers with credentials that are invented because the request has none.
fn state(listener: &Listener, request: Request, url: String, delivery: &DeliveryId) -> (State, Vec<String>) {
    let Request { body, mut headers, .. } = request;
    let at = Timestamp::now();
    let mut invented = Vec::new();
    let placeholders = |scheme: Scheme| scheme.placeholder(&headers, at);
    let placeholders: Vec<_> = course::schemes(listener).into_iter().flat_map(placeholders).collect();
    for (name, value) in placeholders {
        if headers.first(&name).is_none() {
            headers.insert(&name, vec![value]);
            invented.push(name);
        }
    }
    let state = State::new(ReceivedRequest {
        body: Body::new(body),
        headers: headers.into(),
        url: url.into(),
        event_id: event_id(delivery, Ordinal::FIRST).into(),
        at,
    });
    (state, invented)
}

/// Prints the answer to a request that is no event.
fn print_answer(listener: &Listener, answer: &Answer) {
    println!("EventListener {}", escape_for_terminal(&listener.settings.key.to_string()).bold());
    println!("  {} {}: no trigger sees the request", "answers".yellow(), answer.status);
    for (name, value) in &answer.headers {
        println!("          {}", format!("{name}: {}", escape_for_terminal(value)).dimmed());
    }
    let body = String::from_utf8_lossy(&answer.body);
    if !body.trim().is_empty() {
        println!("          {}", escape_lines_for_terminal(body.trim()).dimmed());
    }
}

/// Prints that there is no such listener, and some that there are.
fn print_unknown(key: &ObjectKey, source: &ListenerSource) -> anyhow::Result<ExitCode> {
    let object = ListenerObject { kind: Kind::EventListener, key: key.clone() };
    if let Some(error) = source.errors_of(&object).first() {
        bail!("the EventListener {key}: {error}");
    }
    println!("There is no EventListener {}.", escape_for_terminal(&key.to_string()));
    let mut known: Vec<_> =
        source.listeners.listeners().map(|listener| listener.settings.key.to_string()).collect();
    known.sort();
    for name in known.iter().take(SUGGESTIONS) {
        println!("  {} {}", "known:".dimmed(), escape_for_terminal(name));
    }
    if known.len() > SUGGESTIONS {
        println!("  and {} more", known.len() - SUGGESTIONS);
    }
    Ok(ExitCode::from(NOTHING_FIRES))
}
