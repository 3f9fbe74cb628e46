//! The page that publishes the numbers.

use std::fs;

use anyhow::{Context, ensure};

const PAGE: &str = "docs/benchmarks.md";
/// Behind every table.
const END: &str = "<!-- end -->";

/// Puts a table in the place of the one that this command, such as `bench listeners`, has written before.
pub(super) fn write(command: &str, table: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(PAGE).context("run this in the repository's own folder")?;
    fs::write(PAGE, replaced(&page, command, table)?)?;
    anstream::eprintln!("written to {PAGE}");
    Ok(())
}

fn replaced(page: &str, command: &str, table: &str) -> anyhow::Result<String> {
    ensure!(!table.contains(END), "the table would end its own place");
    let begin = format!("<!-- begin: cargo xtask {command} --write -->\n");
    let (before, rest) = page.split_once(&begin).context("the page has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the place for the table has no end")?;
    Ok(format!("{before}{begin}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_its_own_command_only() {
        let place = |command: &str, table: &str| {
            format!("<!-- begin: cargo xtask {command} --write -->\n\n{table}\n<!-- end -->\n")
        };
        let page = |first, second| format!("# Title\n{}Text\n{}", place("a", first), place("a b", second));
        assert_eq!(replaced(&page("old", "old"), "a b", "new").unwrap(), page("old", "new"));
        assert_eq!(replaced(&page("old", "old"), "a", "new").unwrap(), page("new", "old"));
        assert!(replaced(&page("old", "old"), "c", "new").is_err());
    }

    #[test]
    fn the_page_has_a_place_for_every_command_that_writes() {
        let page = include_str!("../../../docs/benchmarks.md");
        for command in ["bench", "bench listeners"] {
            assert!(replaced(page, command, "new").is_ok(), "{command}");
        }
    }
}
