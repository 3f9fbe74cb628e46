//! The sources of the workspace that go into a program, and the rules on names in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its tests.
pub(crate) struct Source {
    /// The path below the root of the repository.
    pub(crate) path: PathBuf,
    /// The text up to the first module of tests.
    pub(crate) text: String,
}

impl Source {
    /// The lines that are not only a comment.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

/// The sources in `folder`. Files and folders called `tests`, and modules that only tests have, are left out.
pub(crate) fn sources_in(folder: &Path) -> Vec<Source> {
    let (mut sources, mut only_in_tests) = (Vec::new(), Vec::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if stem == "tests" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let (text, test_modules) = without_tests(&text);
                let is_root = matches!(stem, "mod" | "lib" | "main");
                let children = if is_root { path.with_file_name("") } else { path.with_extension("") };
                only_in_tests.extend(test_modules.iter().map(|name| children.join(name)));
                sources.push(Source { path, text });
            }
        }
    }
    let is_test = |path: &Path| {
        only_in_tests.iter().any(|module| path.with_extension("") == *module || path.starts_with(module))
    };
    sources.retain(|source| !is_test(&source.path));
    let root = root();
    for source in &mut sources {
        source.path = source.path.strip_prefix(&root).unwrap().to_owned();
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The text of a file up to its first inline module of tests, and the names of the modules of tests in other files.
/// Clippy holds that a module of tests is the last item.
fn without_tests(text: &str) -> (String, Vec<&str>) {
    let (mut program, mut names) = (String::new(), Vec::new());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_for_tests = line.starts_with("#[cfg(") && line.contains("test");
        match lines.peek().and_then(|next| module_of(next)).filter(|_| is_for_tests) {
            Some(module) => match module.strip_suffix(';') {
                Some(name) => {
                    names.push(name);
                    lines.next();
                }
                None => break,
            },
            None => program.extend([line, "\n"]),
        }
    }
    (program, names)
}

/// The text behind `mod` in the first line of a module.
fn module_of(line: &str) -> Option<&str> {
    line.strip_prefix("mod ").or_else(|| Some(line.strip_prefix("pub")?.split_once(" mod ")?.1))
}

/// The sources of all crates.
fn all_sources() -> Vec<Source> {
    let root = root();
    let groups = ["crates", "dev", "."].map(|group| fs::read_dir(root.join(group)).unwrap());
    let folders = groups.into_iter().flatten().map(|entry| entry.unwrap().path().join("src"));
    let sources: Vec<_> =
        folders.filter(|folder| folder.is_dir()).flat_map(|folder| sources_in(&folder)).collect();
    assert!(sources.len() > 200, "{} sources", sources.len());
    sources
}

/// The folder of a provider, the file of Tekton's interceptor for it and the one with the names of all, and the lines that
/// may name it elsewhere: those of the tables and of their lists of modules.
const GITLAB: [&str; 4] = [
    "crates/providers/src/gitlab",
    "crates/rules/src/interceptors/kinds/gitlab.rs",
    "crates/api/src/triggers/core_interceptors.rs",
    // Attackers try every sender.
    "xtask/src/hostile",
];
const LINES_THAT_NAME_GITLAB: [(&str, &str); 7] = [
    (
        "crates/app/src/manifests.rs",
        r#"("examples/listeners/gitlab.yaml", include_str!("../../../examples/listeners/gitlab.yaml")),"#,
    ),
    ("crates/providers/src/lib.rs", "mod gitlab;"),
    ("crates/providers/src/lib.rs", "pub use gitlab::GitLab;"),
    ("crates/providers/src/registry.rs", "use crate::gitlab::GitLab;"),
    ("crates/providers/src/registry.rs", "&GitLab,"),
    ("crates/rules/src/interceptors/kinds/mod.rs", "mod gitlab;"),
    ("crates/rules/src/interceptors/kinds/mod.rs", "&gitlab::GitLab,"),
];

#[test]
fn only_its_folder_and_the_table_name_gitlab() {
    let sources = all_sources();
    let is_home = |source: &&Source| GITLAB.iter().any(|home| source.path.starts_with(home));
    let elsewhere = sources.iter().filter(|source| !is_home(source));
    let lines = elsewhere.flat_map(|Source { path, text }| {
        text.lines().map(move |line| (path.to_str().unwrap(), line.trim()))
    });
    let named: BTreeSet<_> = lines.filter(|(_, line)| line.to_ascii_lowercase().contains("gitlab")).collect();
    assert_eq!(named, BTreeSet::from(LINES_THAT_NAME_GITLAB));
}

#[test]
fn only_the_wiring_gives_out_the_rights_to_observe_and_to_accept() {
    let sources = all_sources();
    for right in ["Observer::new", "ListenerGate::new"] {
        let callers = sources.iter().filter(|source| source.code().any(|line| line.contains(right)));
        let callers: Vec<_> = callers.map(|source| source.path.to_str().unwrap()).collect();
        assert_eq!(callers, ["crates/app/src/program/wiring.rs"], "{right}");
    }
}

#[test]
fn tests_are_no_part_of_a_source() {
    let text = "#[cfg(test)]\nmod fixtures;\nmod a;\n\n#[cfg(all(test, unix))]\npub(crate) mod testing {\n    use x;\n}\n";
    assert_eq!(without_tests(text), ("mod a;\n\n".to_owned(), vec!["fixtures"]));
}
