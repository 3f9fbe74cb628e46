use trigger_core::{Delivery, Events};
use trigger_providers::{Provider, by_name, header_map};
use trigger_rules::{LazyPayload, Payload};

use super::{Source, SourceError};

/// Webhooks of Git providers.
pub(super) struct Providers;

impl Source for Providers {
    #[cfg(test)]
    fn file(&self) -> &'static str {
        "provider"
    }

    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>> {
        let provider = by_name(&delivery.source)?;
        Some(provider.read(delivery).map_err(SourceError::from))
    }

    fn payload<'a>(&self, delivery: &'a Delivery) -> Option<LazyPayload<'a>> {
        let provider = by_name(&delivery.source)?;
        Some(LazyPayload::new(move || webhook_payload(provider, &delivery.headers, &delivery.body)))
    }
}

/// The payload of a request of a provider as filters see it, with the headers that the journal keeps. An error is the
/// reason, in a sentence, why they cannot read it.
pub fn webhook_payload(
    provider: &dyn Provider,
    kept: &[(String, String)],
    body: &[u8],
) -> Result<Payload, String> {
    let headers = header_map(kept);
    let payload = provider.payload(&headers, body).map_err(|error| error.to_string())?;
    Payload::parse(&payload.json, kept)
}

#[cfg(test)]
mod tests {
    use trigger_providers::GitHub;

    use super::*;

    fn kept(media_type: &str) -> Vec<(String, String)> {
        [("content-type", media_type), ("x-github-event", "push")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn filters_see_the_json_of_a_form_and_the_kept_headers() {
        let form = kept("application/x-www-form-urlencoded");
        for (headers, body) in
            [(kept("application/json"), &br#"{"size":2}"#[..]), (form, b"payload=%7B%22size%22%3A2%7D")]
        {
            let payload = webhook_payload(&GitHub, &headers, body).unwrap();
            assert_eq!(payload.body, serde_json::json!({"size": 2}));
            assert_eq!(payload.header.first("X-Github-Event"), Some("push"));
        }
        let error = webhook_payload(&GitHub, &[], b"{}").unwrap_err();
        assert_eq!(error, "the header x-github-event is missing");
    }
}
