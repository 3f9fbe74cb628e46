use super::payload::Payload;
use crate::interceptors::interceptor::{Halt, Run};
use crate::interceptors::params::{Params, ParamsError};
use crate::interceptors::status::Code;
use crate::text::quoted;

const HEADER: &str = "X-Github-Enterprise-Host";
const PARAM: &str = "enterpriseHost";

/// A host name with a port.
const LONGEST_HOST: usize = 260;

/// The parameter `enterpriseHost`: where GitHub Enterprise is asked.
#[derive(Debug)]
pub(super) struct Host(Option<String>);

impl Host {
    pub(super) fn compile(params: Params<'_>) -> Result<Self, ParamsError> {
        let Some(host) = params.text(PARAM)?.filter(|host| !host.is_empty()) else { return Ok(Self(None)) };
        if !is_host(host) {
            return Err(params.wrong_value(
                PARAM,
                host,
                "a host such as `github.example.com:8443` is expected",
            ));
        }
        Ok(Self(Some(host.to_ascii_lowercase())))
    }

    /// The host to ask about an event; `None` for GitHub's public service. A header of an unknown sender must not choose
    /// it: the host gets the token, and says who is a member.
    pub(super) fn of(&self, run: &Run<'_>, body_is_verified: bool) -> Result<Option<String>, Halt> {
        if self.0.is_some() {
            return Ok(self.0.clone());
        }
        let header = run.header(HEADER).to_ascii_lowercase();
        if header.is_empty() {
            return Ok(None);
        }
        // A signature covers the body and no header, so the body has to confirm it.
        if body_is_verified && is_host(&header) {
            let payload = Payload::of(run.state.body(), "body is empty")?;
            if payload.repository_urls().filter_map(host_of).any(|host| host == header) {
                return Ok(Some(header));
            }
        }
        let message = format!(
            "nothing authenticates {} in the header {HEADER}: set the parameter `{PARAM}`, or `secretRef`",
            quoted(&header)
        );
        Err(Halt::stop(Code::FAILED_PRECONDITION, message))
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let is_label = |label: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(legal) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= LONGEST_HOST
        && name.split('.').all(is_label)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The host of a URL, with its port.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    is_host(host).then(|| host.to_ascii_lowercase())
}
