use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use trigger_api::annotations::{INTERCEPTOR_RETRIES, INTERCEPTOR_TIMEOUT};

use crate::limits::{LONGEST_ANNOTATION, LONGEST_CALL, MOST_CALL_RETRIES};
use crate::rule_error::RuleError;

/// The shortest time-out that an annotation can set.
const SHORTEST_CALL: Duration = Duration::from_millis(100);
/// How often a call is tried again, unless the annotation says otherwise.
const RETRIES: u8 = 2;

/// The reason of errors in the annotations.
const INVALID: &str = "TriggerInvalidAnnotation";

/// How the interceptors of a trigger outside this process are called, as the annotations of the trigger say.
///
/// An annotation is a list, separated by commas. An item without a name is for all interceptors, and `name=` before an
/// item restricts it to the interceptor of this name: `10s`, or `5s, lint=30s`. The last item that applies counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSettings {
    timeouts: Vec<(Option<Arc<str>>, Duration)>,
    retries: Vec<(Option<Arc<str>>, u8)>,
}

impl CallSettings {
    /// The settings of a trigger whose annotations `annotation` looks up, with the errors in them. An annotation with an
    /// error has no effect.
    pub fn read<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> (Self, Vec<RuleError>) {
        let mut errors = Vec::new();
        let timeouts = items(INTERCEPTOR_TIMEOUT, annotation(INTERCEPTOR_TIMEOUT), timeout, &mut errors);
        let retries = items(INTERCEPTOR_RETRIES, annotation(INTERCEPTOR_RETRIES), retries, &mut errors);
        (Self { timeouts, retries }, errors)
    }

    /// The time-out of a call of the interceptor `name`.
    pub(super) fn timeout(&self, name: &str, default: Duration) -> Duration {
        last_for(&self.timeouts, name).unwrap_or(default)
    }

    /// How often a call of the interceptor `name` is tried again.
    pub(super) fn retries(&self, name: &str) -> u8 {
        last_for(&self.retries, name).unwrap_or(RETRIES)
    }
}

fn last_for<T: Copy>(items: &[(Option<Arc<str>>, T)], name: &str) -> Option<T> {
    let applies = |of: &Option<Arc<str>>| of.as_deref().is_none_or(|of| of == name);
    items.iter().rev().find(|(of, _)| applies(of)).map(|(_, value)| *value)
}

/// The items of an annotation; none if one of them has no meaning.
fn items<T>(
    key: &str,
    value: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
    errors: &mut Vec<RuleError>,
) -> Vec<(Option<Arc<str>>, T)> {
    let Some(value) = value else { return Vec::new() };
    if value.len() > LONGEST_ANNOTATION {
        errors.push(RuleError::too_long(INVALID, &format!("annotation `{key}`"), value, LONGEST_ANNOTATION));
        return Vec::new();
    }
    let read = |item: &str| {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (Some(name.trim().into()), value.trim()),
            None => (None, item),
        };
        Ok((name, parse(value)?))
    };
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(read).collect::<Result<_, String>>().unwrap_or_else(|expected| {
        errors.push(RuleError::annotation(key, value, &expected, "absent"));
        Vec::new()
    })
}

fn timeout(value: &str) -> Result<Duration, String> {
    let parsed = value.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.filter(|timeout| (SHORTEST_CALL..=LONGEST_CALL).contains(timeout)).ok_or_else(|| {
        let (shortest, longest) = (SHORTEST_CALL.as_millis(), LONGEST_CALL.as_secs());
        format!("times such as `10s` or `lint=30s` from {shortest}ms to {longest}s")
    })
}

fn retries(value: &str) -> Result<u8, String> {
    let parsed = value.parse().ok().filter(|retries| *retries <= MOST_CALL_RETRIES);
    parsed.ok_or_else(|| format!("numbers such as `1` or `lint=0` up to {MOST_CALL_RETRIES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_secs(7);

    fn read(timeout: &str, retries: &str) -> (CallSettings, Vec<String>) {
        let (settings, errors) = CallSettings::read(|key| match key {
            INTERCEPTOR_TIMEOUT => Some(timeout),
            INTERCEPTOR_RETRIES => Some(retries),
            _ => None,
        });
        (settings, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_item_is_for_all_interceptors_or_for_the_one_that_it_names() {
        for (timeout, lint, other) in [
            ("", 7000, 7000),
            ("10s", 10_000, 10_000),
            ("1m", 60_000, 60_000),
            ("250ms", 250, 250),
            ("lint=30s", 30_000, 7000),
            ("5s, lint=30s", 30_000, 5000),
            (" lint = 30s , 5s ", 5000, 5000),
            ("lint=1s,lint=2s", 2000, 7000),
        ] {
            let (settings, errors) = read(timeout, "");
            assert_eq!(errors, Vec::<String>::new(), "{timeout}");
            assert_eq!(settings.timeout("lint", DEFAULT).as_millis(), lint, "{timeout}");
            assert_eq!(settings.timeout("other", DEFAULT).as_millis(), other, "{timeout}");
        }
        for (retries, lint, other) in [("", 2, 2), ("0", 0, 0), ("lint=5", 5, 2), ("1,lint=0", 0, 1)] {
            let (settings, errors) = read("", retries);
            assert_eq!(errors, Vec::<String>::new(), "{retries}");
            assert_eq!((settings.retries("lint"), settings.retries("other")), (lint, other), "{retries}");
        }
    }

    #[test]
    fn a_list_with_an_error_has_no_effect() {
        for timeout in ["10", "0s", "61s", "99ms", "-1s", "lint=", "5s,lint=x", "18446744073709551615h"] {
            let (settings, errors) = read(timeout, "");
            assert_eq!(settings, CallSettings::default(), "{timeout}");
            assert!(errors[0].contains("from 100ms to 60s; taken as absent"), "{errors:?}");
        }
        for retries in ["6", "-1", "many", "1.5", "lint=256"] {
            let (settings, errors) = read("", retries);
            assert_eq!(settings, CallSettings::default(), "{retries}");
            assert!(errors[0].contains("up to 5; taken as absent"), "{errors:?}");
        }
        let (settings, errors) = read(&"1s,".repeat(1000), "");
        assert_eq!(settings, CallSettings::default());
        assert!(errors[0].contains("at most 1024 are allowed"), "{errors:?}");
    }
}
