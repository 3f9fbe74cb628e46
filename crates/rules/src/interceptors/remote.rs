//! Interceptors behind a ClusterInterceptor or Interceptor object: a POST request of the wire contract each.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use trigger_expr::Headers;

use super::answer::Answer;
use super::ask::{Question, configured_subject};
use super::interceptor::{Halt, Interceptor, Passage, Run};
use super::settings::CallSettings;
use super::wire::{Address, Envelope, Redirects, Verdict, WireRequest, WireResponse};
use crate::limits::LARGEST_ANSWER;

/// Tekton's listener waits so long for the head of the answer. Here it is the time for all of it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An interceptor that another server carries out.
#[derive(Debug)]
pub(super) struct Remote {
    address: Address,
    params: Map<String, Value>,
    timeout: Duration,
    retries: u8,
    subject: String,
}

impl Remote {
    pub(super) fn new(
        name: &str,
        address: &Address,
        params: &Map<String, Value>,
        settings: &CallSettings,
    ) -> Self {
        Self {
            address: address.clone(),
            params: params.clone(),
            timeout: settings.timeout(name, TIMEOUT),
            retries: settings.retries(name),
            subject: subject("call", address, &Value::Object(params.clone()).to_string()),
        }
    }

    fn request(&self, run: &Run<'_>) -> WireRequest {
        let envelope = Envelope::new(run.state, run.trigger, &self.params);
        let mut headers = Headers::new();
        headers.append("Content-Type", "application/json".to_owned());
        WireRequest {
            address: self.address.clone(),
            headers,
            body: Bytes::from(envelope.to_json().unwrap_or_default()),
            timeout: self.timeout,
            retries: self.retries,
            redirects: Redirects::SendBodyAgain,
            largest_answer: LARGEST_ANSWER,
        }
    }
}

impl Interceptor for Remote {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        let response = ask_response(run, &self.subject, || Ok(self.request(run)))?;
        if response.status != 200 {
            return Err(Halt::fail(format!("interceptor response was not 200: {}", response.body)));
        }
        bounded(response, LARGEST_ANSWER)?;
        let verdict = Verdict::from_json(&response.body).map_err(|error| Halt::fail(error.to_string()))?;
        if !verdict.goes_on {
            return Err(Halt::stop(verdict.code, verdict.message));
        }
        Ok(Passage { extensions: verdict.extensions, ..Passage::default() })
    }

    fn most_asks(&self) -> usize {
        1
    }

    fn is_outside(&self) -> bool {
        true
    }
}

/// The subject of a call. It changes with the address and the configuration of the interceptor.
pub(super) fn subject(verb: &str, address: &Address, configuration: &str) -> String {
    configured_subject(verb, &format!("{}\n{configuration}", address.url()))
}

/// The response to a request, which is made only if there is none yet.
pub(super) fn ask_response<'a>(
    run: &Run<'a>,
    subject: &str,
    request: impl FnOnce() -> Result<WireRequest, Halt>,
) -> Result<&'a WireResponse, Halt> {
    match run.ask_with(subject, || Ok(Question::Call(Box::new(request()?))))? {
        Answer::Response(response) => Ok(response),
        _ => Err(Halt::mismatched(subject)),
    }
}

/// Refuses a body that is larger than what the request asked for.
pub(super) fn bounded(response: &WireResponse, most: usize) -> Result<(), Halt> {
    // A byte that is no UTF-8 has become a character of three bytes.
    let replaced = response.body.matches(char::REPLACEMENT_CHARACTER).count();
    if response.body.len() - 2 * replaced <= most {
        return Ok(());
    }
    Err(Halt::fail(format!("the answer of the interceptor has more than {most} bytes; answer with less")))
}
