//! The pages about the code itself: what they name exists, decisions are listed, and the map stays short.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The pages about the code itself, from the root of the repository: each file, or each page of a folder.
const MAPS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/contributing", "docs/decisions"];
/// The folders that a path in backquotes may begin with.
const TOP: [&str; 9] =
    [".ci/", "crates/", "deploy/", "dev/", "docs/", "examples/", "fuzz/", "xtask/", ".cargo/"];
/// Five minutes of reading.
const MAP_WORDS: usize = 1200;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn maps() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for map in MAPS {
        let path = root().join(map);
        if path.is_dir() {
            pages.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            pages.push(path);
        }
    }
    pages.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_path_and_link_of_the_maps_leads_somewhere() {
    let (mut found, mut missing) = (0, Vec::new());
    for (page, text) in maps() {
        let quoted = text.split('`').skip(1).step_by(2);
        let paths = quoted.filter(|word| TOP.iter().any(|top| word.starts_with(top)) && !word.contains(' '));
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| !link.contains("://")).filter_map(|link| link.split('#').next());
        let paths = paths.map(|path| root().join(path));
        for path in paths.chain(links.map(|link| page.parent().unwrap().join(link))) {
            found += 1;
            if !path.exists() {
                missing.push(format!("{}: {}", page.display(), path.display()));
            }
        }
    }
    assert!(found > 150, "{found}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_decision_is_in_the_index_under_its_title() {
    let folder = root().join("docs/decisions");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let listed: BTreeSet<_> = index.lines().filter(|line| line.starts_with("- [")).collect();
    let pages = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut wanted = BTreeSet::new();
    for page in pages.filter(|page| !page.ends_with("README.md")) {
        let text = fs::read_to_string(&page).unwrap();
        let file = page.file_name().unwrap().to_string_lossy().into_owned();
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        wanted.insert(format!("- [{}]({file}) {title}", &file[..4]));
        for part in ["**Context.** ", "**Decision.** ", "**Consequence.** "] {
            assert_eq!(text.matches(part).count(), 1, "{file}");
        }
    }
    assert_eq!(listed, wanted.iter().map(String::as_str).collect());
}

#[test]
fn the_map_is_read_in_five_minutes() {
    let words = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().split_whitespace().count();
    assert!(words <= MAP_WORDS, "{words} words");
}

#[test]
fn every_test_that_the_maps_name_exists() {
    let sources = super::rust_sources();
    let is_sentence = |word: &str| {
        word.matches('_').count() > 2 && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    let pages = maps();
    let words = pages.iter().flat_map(|(_, text)| text.split('`').skip(1).step_by(2));
    let names: BTreeSet<_> = words.filter(|word| is_sentence(word)).collect();
    assert!(names.len() > 4, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
