//! The part of docs/conformance.md about Tekton's listeners, which is made of the records.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{Named, records};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
const HEADING: &str = "## Listeners of Tekton Triggers\n";

/// The part of the page.
fn section() -> String {
    let records = records();
    let exchanges: usize = records.iter().map(|named| named.record.exchanges.len()).sum();
    let differing = records.iter().filter(|named| named.record.differs.is_some()).count();
    let mut text = format!(
        "{HEADING}\nTekton's own listener (v0.37) was given objects and requests, and what it did was recorded: {} records \
         with {exchanges} requests, of which two follow from its source. `every_record_is_played_as_it_says` plays each \
         through the parts of this program: the inventory of listeners, interceptors, parameters, templates and answers. \
         {differing} differ on purpose. What the API server refuses is part of a record; a delivery that is known already \
         does not come so far. The records are in `crates/rules/tests/conformance/records`; this part of the page is made \
         of them.\n",
        records.len(),
    );
    let mut subjects: BTreeMap<&str, Vec<(&str, &Named)>> = BTreeMap::new();
    for named in &records {
        let (subject, name) = named.name.split_once('/').unwrap();
        subjects.entry(subject).or_default().push((name, named));
    }
    for (subject, records) in subjects {
        let _ = write!(text, "\n### {subject}\n\n| record | Tekton's listener | here |\n|---|---|---|\n");
        for (name, Named { record, .. }) in records {
            let statement = record.statement.replace('|', "\\|");
            let unvalidated =
                if record.unvalidated { " (objects stored without Tekton's admission)" } else { "" };
            let here = record.differs.as_deref().unwrap_or("the same");
            let _ = writeln!(text, "| {name} | {statement}{unvalidated} | {here} |");
        }
    }
    text
}

#[test]
fn the_page_is_made_of_the_records() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let start = page.find(HEADING).unwrap_or(page.len());
    let (before, found) = page.split_at(start);
    let section = section();
    if std::env::var_os("WRITE_CONFORMANCE_PAGE").is_some() {
        std::fs::write(PAGE, format!("{}\n\n{section}", before.trim_end())).unwrap();
        return;
    }
    assert!(
        found == section,
        "run this test with WRITE_CONFORMANCE_PAGE=1, which writes that part of the page"
    );
}
