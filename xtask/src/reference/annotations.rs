//! The page of annotations and labels, made of the constants that the program uses.

use std::fmt::Write as _;

use anyhow::{Context, ensure};

use super::{MADE, cell};

const SOURCE: &str = include_str!("../../../crates/api/src/annotations.rs");

pub(super) fn page() -> anyhow::Result<String> {
    let mut text = format!(
        "# Annotations and labels\n\nWhat the program reads and writes. {MADE}\n\n| key | what |\n|---|---|\n"
    );
    let mut meaning = String::new();
    let mut count = 0;
    for line in SOURCE.lines() {
        if let Some(words) = line.strip_prefix("///") {
            meaning.push_str(words);
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let (_, value) = constant.split_once(" = \"").context("a constant without its value")?;
            let key = value.trim_end_matches(['"', ';']);
            let _ = writeln!(text, "| `{key}` | {} |", cell(&without_links(&meaning)));
            meaning.clear();
            count += 1;
        }
    }
    ensure!(count > 20, "the constants are written another way than this expects");
    Ok(text)
}

/// Names of Rust items as plain code: a reader of the page cannot follow them.
fn without_links(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`").replace("crate::", "")
}
