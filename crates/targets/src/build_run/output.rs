use serde::{Deserialize, Serialize};
use trigger_api::shipwright::Build;
use trigger_core::{Event, GitEvent, GitEventKind, ImageRef, PullRequest};

/// The longest reference, in bytes: the grammar of registries permits 255 for the name and 128 for the tag.
pub const LONGEST_OUTPUT: usize = 512;

/// What takes the place of `$(number)` while a reference is checked: the longest one.
const LONGEST_NUMBER: &str = "18446744073709551615";
/// What takes the place of `$(commit)` while a reference is checked: the longest one.
const LONGEST_COMMIT: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

/// What a run does with its image that a pull request starts: the value of the annotation
/// `trigger.shipwright.io/pull-request-output` on a Build.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullRequestOutput {
    /// It pushes the image of the Build, as every run. The default.
    #[default]
    Build,
    /// `skip-chain`: it pushes the image of the Build, and rules of type Image do not fire for that push.
    SkipChain,
    /// It pushes this reference, in which `$(number)` and `$(commit)` stand for those of the pull request.
    Image(Box<str>),
}

impl PullRequestOutput {
    /// Takes the annotation's value. An error is a sentence without a subject.
    ///
    /// Any repository is allowed: who may write the annotation may write the output of the Build, too. A sender
    /// contributes digits only.
    pub fn parse(value: &str, build: &Build) -> Result<Self, String> {
        let value = value.trim();
        if value == "skip-chain" {
            return Ok(Self::SkipChain);
        }
        if value.len() > LONGEST_OUTPUT {
            return Err(format!("it has {} bytes, at most {LONGEST_OUTPUT} are allowed", value.len()));
        }
        let image = ImageRef::parse(&filled(value, LONGEST_NUMBER, LONGEST_COMMIT)).map_err(|error| {
            format!("{error}; use skip-chain, or a reference with $(number) or $(commit)")
        })?;
        let own = build.output_image().and_then(|own| ImageRef::parse(own).ok());
        if own.is_some_and(|own| own == image) {
            return Err("it is the output of the Build itself".to_owned());
        }
        Ok(Self::Image(value.into()))
    }

    /// The reference that a run pushes because of an event, if it is not that of the Build.
    pub(super) fn image(&self, event: &Event) -> Option<String> {
        let (Self::Image(text), Some(pull_request)) = (self, pull_request(event)) else { return None };
        Some(filled(text, &pull_request.number.to_string(), pull_request.commit.as_str()))
    }

    /// Whether no rule fires for the push of a run that an event starts.
    pub(super) fn skips_chain(&self, event: &Event) -> bool {
        *self == Self::SkipChain && pull_request(event).is_some()
    }
}

fn pull_request(event: &Event) -> Option<&PullRequest> {
    match event {
        Event::Git(GitEvent { kind: GitEventKind::PullRequest(pull_request), .. }) => Some(pull_request),
        _ => None,
    }
}

fn filled(text: &str, number: &str, commit: &str) -> String {
    text.replace("$(number)", number).replace("$(commit)", commit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_skip_chain_or_a_reference_that_is_valid_for_every_pull_request() {
        let spec = json!({"output": {"image": "registry.example/acme/web"}});
        let build: Build = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        let parse = |value: &str| PullRequestOutput::parse(value, &build);
        assert_eq!(parse(" skip-chain "), Ok(PullRequestOutput::SkipChain));
        for value in [
            "registry.example/acme/web:pr-$(number)",
            "other.example/acme/web-pr:$(number)-$(commit)",
            "registry.example/acme/web:pull-requests",
        ] {
            assert_eq!(parse(value), Ok(PullRequestOutput::Image(value.into())));
        }
        let long = format!("registry.example/acme/web:{}", "a".repeat(600));
        for value in [
            "",
            "Skip-Chain",
            "registry.example/acme/web:latest",
            "registry.example/acme/web:$(sender)",
            "registry.example/acme/web:$(commit)-$(commit)",
            "registry.example/acme/web@sha256:0123",
            &long,
        ] {
            assert!(parse(value).is_err(), "{value}");
        }
    }
}
