//! The formats of `/metrics`: OpenMetrics, and the text format of Prometheus for clients that do not ask for it.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    Text,
}

const OPEN_METRICS: &str = "application/openmetrics-text";
/// The parts of an `Accept` header that are read. Prometheus sends five.
const MAX_PARTS: usize = 16;

impl Exposition {
    /// The format that a client prefers. One that prefers neither gets text: browsers and `curl` show it.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut quality = [0_u16; 2];
        for part in values.flat_map(|value| value.split(',')).take(MAX_PARTS) {
            let (media, parameters) = part.split_once(';').unwrap_or((part, ""));
            let [open_metrics, text] = &mut quality;
            let of = match media.trim().to_ascii_lowercase().as_str() {
                OPEN_METRICS => open_metrics,
                "text/plain" | "text/*" | "*/*" => text,
                _ => continue,
            };
            *of = (*of).max(thousandths(parameters));
        }
        let [open_metrics, text] = quality;
        if open_metrics > 0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// The media type.
    pub(super) fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        })
    }

    /// Metrics in this format, which are written as OpenMetrics.
    pub(super) fn write(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => as_text(&open_metrics),
        }
    }
}

/// The quality in the parameters of a media type, in thousandths. Without one it is 1.
fn thousandths(parameters: &str) -> u16 {
    let quality = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(quality) = quality else { return 1000 };
    let (whole, digits) = quality.split_once('.').unwrap_or((quality, ""));
    let digits: String = digits.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(thousandths)) => thousandths,
        ("1", _) => 1000,
        _ => 0,
    }
}

/// The text format has no units and no end, and names the samples of counters and of information in full.
fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), rest) => help = Some((name, rest.unwrap_or_default())),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some((_, about)) = help.take().filter(|(of, _)| *of == name) {
                    text.extend(["# HELP ", name, suffix, " ", &unescaped(about), "\n"]);
                }
                text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
            }
            (Some("#"), ..) => {}
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

/// OpenMetrics escapes quotation marks in a description, the text format does not.
fn unescaped(help: &str) -> Cow<'_, str> {
    if help.contains("\\\"") { help.replace("\\\"", "\"").into() } else { help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_what_the_client_accepts() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
                          version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            (Some(prometheus), Exposition::OpenMetrics),
            (Some("application/openmetrics-text"), Exposition::OpenMetrics),
            (Some("Application/OpenMetrics-Text; version=1.0.0, */*"), Exposition::OpenMetrics),
            (Some("text/plain;q=0.9, application/openmetrics-text;q=0.8"), Exposition::Text),
            (Some("application/openmetrics-text;q=0"), Exposition::Text),
            (Some("application/openmetrics-text;q=x"), Exposition::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Exposition::Text),
            (Some("*/*"), Exposition::Text),
            (Some(""), Exposition::Text),
            (None, Exposition::Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|accept| (header::ACCEPT, accept.parse::<HeaderValue>().unwrap())));
            assert_eq!(Exposition::accepted(&headers), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_text_format_names_samples_in_full() {
        let open_metrics = "# HELP a_build The \\\"version\\\".\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                            # HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                            a_seconds_total 1.5\n# HELP g Now.\n# TYPE g gauge\ng{x=\"# HELP\"} 2\n# EOF\n";
        let text = "# HELP a_build_info The \"version\".\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                    # HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n\
                    # HELP g Now.\n# TYPE g gauge\ng{x=\"# HELP\"} 2\n";
        assert_eq!(Exposition::Text.write(open_metrics.to_owned()), text);
        assert_eq!(Exposition::OpenMetrics.write(open_metrics.to_owned()), open_metrics);
    }
}
