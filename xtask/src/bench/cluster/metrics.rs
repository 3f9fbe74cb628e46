//! What an API server counts of its requests, in the text format of Prometheus.

const REQUESTS: &str = "apiserver_request_total{";

/// The requests that an API server has answered so far.
pub(super) struct Requests<'a>(Vec<(Vec<(&'a str, &'a str)>, u64)>);

impl<'a> Requests<'a> {
    /// Reads the page at `/metrics`.
    pub(super) fn read(page: &'a str) -> Self {
        Self(page.lines().filter_map(sample).collect())
    }

    /// How many there were with all of these labels.
    pub(super) fn count(&self, wanted: &[(&str, &str)]) -> u64 {
        let has = |labels: &[(&str, &str)]| wanted.iter().all(|label| labels.contains(label));
        self.0.iter().filter(|(labels, _)| has(labels)).map(|(_, count)| count).sum()
    }
}

/// Labels and value. None of the labels of this metric has a comma or a quotation mark in its value.
fn sample(line: &str) -> Option<(Vec<(&str, &str)>, u64)> {
    let (labels, value) = line.strip_prefix(REQUESTS)?.split_once("} ")?;
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(name, value)| (name, value.trim_matches('"'))).collect();
    // Large numbers are written as 1.234567e+06.
    let value: f64 = value.trim().parse().ok()?;
    Some((labels, value as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# TYPE apiserver_request_total counter
apiserver_request_total{code="200",resource="secrets",subresource="",verb="GET"} 7
apiserver_request_total{code="200",contentType="application/json;stream=watch",resource="secrets",verb="WATCH"} 1
apiserver_request_total{code="201",resource="buildruns",verb="POST"} 1.234567e+06
apiserver_request_total{code="404",resource="secrets",subresource="",verb="GET"} 2
apiserver_request_duration_seconds_count{code="200",resource="secrets",verb="GET"} 99
"#;

    #[test]
    fn requests_are_counted_by_labels() {
        let requests = Requests::read(PAGE);
        assert_eq!(requests.count(&[("verb", "GET"), ("resource", "secrets")]), 9);
        assert_eq!(requests.count(&[("verb", "GET"), ("code", "404")]), 2);
        assert_eq!(requests.count(&[("verb", "POST"), ("resource", "buildruns")]), 1_234_567);
        assert_eq!(requests.count(&[("code", "429")]), 0);
    }
}
