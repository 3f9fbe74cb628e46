//! The top modules of a crate, which are the files and folders under its `src`, form no circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::circles::Graph;
use crate::metadata;
use crate::sources::{root, sources_in};

/// The words, the `::` and every other character of Rust code but blanks.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let length = match rest.find(|c| !is_part(c)) {
            Some(0) if rest.starts_with("::") => 2,
            Some(0) => first.len_utf8(),
            Some(length) => length,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Reads a path or a tree of paths at the start of `tokens`, and returns the tokens behind it. The tree
/// `a::{b, c::d as e}` has the paths `[a, b]` and `[a, c, d, e]`.
fn read_paths<'t, 'a>(
    mut tokens: &'t [&'a str],
    before: &[&'a str],
    paths: &mut Vec<Vec<&'a str>>,
) -> &'t [&'a str] {
    let mut path = before.to_vec();
    loop {
        match tokens {
            ["{", rest @ ..] => {
                tokens = rest;
                while let [first, rest @ ..] = tokens {
                    match *first {
                        "}" => return rest,
                        word if is_word(word) => tokens = read_paths(tokens, &path, paths),
                        _ => tokens = rest,
                    }
                }
                return tokens;
            }
            [word, "::", rest @ ..] if is_word(word) => {
                path.push(word);
                tokens = rest;
            }
            [word, "as", alias, rest @ ..] if is_word(word) => {
                path.extend([word, alias]);
                tokens = rest;
                break;
            }
            [word, rest @ ..] if is_word(word) || *word == "*" => {
                path.push(word);
                tokens = rest;
                break;
            }
            // The arguments of a type, for example.
            _ => break,
        }
    }
    paths.push(path);
    tokens
}

/// The paths from the root of the crate that a file names, whose own module is `depth` below the root.
fn paths_from_root<'a>(tokens: &[&'a str], depth: usize) -> Vec<Vec<&'a str>> {
    let mut paths = Vec::new();
    let to_root = ["super", "::"].repeat(depth);
    for at in 0..tokens.len() {
        let rest = &tokens[at..];
        let behind_root =
            rest.strip_prefix(&["crate", "::"]).or_else(|| rest.strip_prefix(to_root.as_slice()));
        if let Some(rest) = behind_root {
            read_paths(rest, &[], &mut paths);
        }
    }
    paths
}

/// The names in the root of a crate that come from its modules, with their modules.
fn exports<'a>(root: &[&'a str], modules: &BTreeSet<&str>) -> BTreeMap<&'a str, &'a str> {
    let mut paths = Vec::new();
    for at in (0..root.len()).filter(|at| root[*at] == "use") {
        read_paths(&root[at + 1..], &[], &mut paths);
    }
    let mut exports = BTreeMap::new();
    for path in &paths {
        let path = path.strip_prefix(&["self"]).or_else(|| path.strip_prefix(&["crate"])).unwrap_or(path);
        if let [module, .., name] = path
            && modules.contains(module)
        {
            assert_ne!(*name, "*", "the root of the crate must not hide the names of `{module}`");
            exports.insert(*name, *module);
        }
    }
    exports
}

/// A source file of a crate.
struct File<'a> {
    /// The path below `src`.
    path: &'a str,
    /// The top module.
    top: &'a str,
    /// How far its own module is below the root.
    depth: usize,
    tokens: Vec<&'a str>,
}

impl<'a> File<'a> {
    fn new(path: &'a str, code: &'a str) -> Self {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let top = module.split('/').next().unwrap_or_default();
        Self { path, top, depth: module.split('/').count(), tokens: tokens(code) }
    }

    fn is_root(&self) -> bool {
        matches!(self.path, "lib.rs" | "main.rs")
    }
}

/// Which top module of a crate names which. `sources` are paths below `src` and code.
fn references(sources: &[(&str, &str)]) -> Graph {
    let files = sources.iter().map(|(path, code)| File::new(path, code));
    let (roots, files): (Vec<_>, Vec<_>) = files.partition(File::is_root);
    let modules = files.iter().map(|file| file.top).collect();
    let exports: BTreeMap<_, _> = roots.iter().flat_map(|root| exports(&root.tokens, &modules)).collect();
    let mut graph = Graph::default();
    for File { path, top, depth, tokens } in &files {
        for named in paths_from_root(tokens, *depth) {
            let Some(name) = named.first() else { continue };
            let module = modules.get(name).or_else(|| exports.get(name));
            if let Some(module) = module.filter(|module| *module != top) {
                graph.add(top, module, path);
            }
        }
    }
    graph
}

#[test]
fn top_modules_form_no_circle() {
    let root = root();
    let mut edges = 0;
    let mut circles = BTreeMap::new();
    for package in metadata().packages {
        let folder = package.manifest_path.with_file_name("src");
        let below = folder.as_std_path().canonicalize().unwrap().strip_prefix(&root).unwrap().to_owned();
        let sources = sources_in(&root.join(&below));
        let code: Vec<_> =
            sources.iter().map(|source| source.code().collect::<Vec<_>>().join("\n")).collect();
        let paths = sources.iter().map(|source| source.path.strip_prefix(&below).unwrap().to_str().unwrap());
        let graph = references(&paths.zip(code.iter().map(String::as_str)).collect::<Vec<_>>());
        edges += graph.edges();
        if let Some(circle) = graph.circle() {
            circles.insert(package.name.to_string(), circle);
        }
    }
    assert!(edges > 200, "{edges} edges");
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_reference_is_found_in_every_form() {
    let root = "pub mod a;\nmod b;\npub use self::b::{c::{D, E as F}, G};\nuse std::fmt;";
    for (path, code, expected) in [
        ("x.rs", "use crate::a;", Some("a")),
        ("x.rs", "use crate::a::{self, H};", Some("a")),
        ("x.rs", "use crate::{x, a::H};", Some("a")),
        ("x.rs", "use crate::{\n    I, a,\n};", Some("a")),
        ("x.rs", "fn f() -> crate::a::H<u8> {}", Some("a")),
        ("x.rs", "use crate::{D, I};", Some("b")),
        ("x.rs", "use crate::F;", Some("b")),
        ("x.rs", "use crate::G as I;", Some("b")),
        ("x.rs", "use super::a;", Some("a")),
        ("x.rs", "use super::{I, G};", Some("b")),
        ("x/mod.rs", "use super::a::H;", Some("a")),
        ("x/y.rs", "use super::super::a::H;", Some("a")),
        ("x/y/mod.rs", "use super::super::a::H;", Some("a")),
        ("x/y.rs", "use super::a::H;", None),
        ("x.rs", "use crate::E;", None),
        ("x.rs", "use crate::x::a;", None),
        ("x.rs", "use std::{a, b};", None),
        ("x.rs", "pub(crate) fn a(self) { a::b() }", None),
    ] {
        let sources = [("lib.rs", root), ("a.rs", "use crate::x;"), ("b.rs", "use crate::x;"), (path, code)];
        let circle = references(&sources).circle();
        let expected =
            expected.map(|to| vec![format!("{to} -> x in {to}.rs"), format!("x -> {to} in {path}")]);
        assert_eq!(circle, expected, "{code}");
    }
}
