//! The page of reasons for which rules do not fire.

use std::fmt::Write as _;

use trigger_rules::Reason;

use super::{MADE, cell};

pub(super) fn page() -> String {
    let mut text = format!(
        "# Reasons\n\nWhy a rule does not fire: what `explain`, `deliveries show`, the API and the metric \
         `shipwright_trigger_decisions_total` call it, and the sentence for people. EXPECTED is what the rule \
         wants, FOUND what the event has. {MADE}\n\n| reason | sentence |\n|---|---|\n"
    );
    for reason in Reason::all() {
        let sentence = reason.sentence("EXPECTED", "FOUND");
        let _ = writeln!(text, "| `{}` | {} |", reason.name(), cell(&sentence));
    }
    text
}
