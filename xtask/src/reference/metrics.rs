//! The page of metrics, made of what a program shows that has done nothing yet: it shows every value of every
//! label.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, bail};

use super::{MADE, cell};

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn page(exposition: &str) -> anyhow::Result<String> {
    let mut text = format!(
        "# Metrics\n\nOpenMetrics at `/metrics` on the admin port, or the text format of Prometheus for clients that \
         do not accept it. Samples of counters end in `_total`, those of \
         histograms in `_bucket`, `_sum` and `_count`, that of information in `_info`. How to read them: \
         [observability](../observability.md). {MADE}\n"
    );
    for (name, Family { kind, help, labels }) in families(exposition)? {
        let _ = writeln!(text, "\n## `{name}`\n\n{} ({kind}).", cell(help.trim_end_matches('.')));
        let labels: Vec<_> =
            labels.into_iter().filter(|(label, _)| label != "le" && label != "version").collect();
        if !labels.is_empty() {
            text.push_str("\n| label | values |\n|---|---|\n");
        }
        for (label, values) in labels {
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            let _ = writeln!(text, "| `{label}` | {} |", values.join(", "));
        }
    }
    Ok(text)
}

fn families(exposition: &str) -> anyhow::Result<BTreeMap<String, Family>> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    for line in exposition.lines().take_while(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
                bail!("a line of metrics that says nothing: {line}");
            };
            name.clone_into(&mut current);
            let family = families.entry(current.clone()).or_default();
            match what {
                "HELP" => rest.clone_into(&mut family.help),
                "TYPE" => rest.clone_into(&mut family.kind),
                _ => {}
            }
            continue;
        }
        let family = families.get_mut(&current).with_context(|| format!("a sample of no metric: {line}"))?;
        let labels =
            line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
        for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
            family.labels.entry(name.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    Ok(families)
}
