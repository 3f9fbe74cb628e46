//! A graph of references, and a circle in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What refers to what, and in which files.
#[derive(Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    /// Adds a reference that `file` contains.
    pub(crate) fn add(&mut self, from: &str, to: &str, file: &str) {
        let files = self.0.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default();
        files.insert(file.to_owned());
    }

    /// How many edges there are. Several files may hold the same one.
    pub(crate) fn edges(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// The edges of a shortest circle, each with its files; `None` if there is no circle.
    pub(crate) fn circle(&self) -> Option<Vec<String>> {
        let circles = self.0.keys().filter_map(|start| self.circle_through(start));
        let nodes = circles.min_by_key(Vec::len)?;
        let next = nodes.iter().cycle().skip(1);
        let edge = |(from, to): (&&str, &&str)| {
            let files: Vec<_> = self.0[*from][*to].iter().map(String::as_str).collect();
            format!("{from} -> {to} in {}", files.join(", "))
        };
        Some(nodes.iter().zip(next).map(edge).collect())
    }

    /// The nodes of a shortest way from `start` back to it.
    fn circle_through<'a>(&'a self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut reached_from = BTreeMap::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(node) = waiting.pop_front() {
            for next in self.0.get(node).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let before = |node: &&'a str| reached_from.get(node).copied();
                    let mut nodes: Vec<_> = std::iter::successors(Some(node), before).collect();
                    nodes.reverse();
                    return Some(nodes);
                }
                if !reached_from.contains_key(next.as_str()) {
                    reached_from.insert(next.as_str(), node);
                    waiting.push_back(next);
                }
            }
        }
        None
    }
}

#[test]
fn a_shortest_circle_is_found_with_its_files() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("c", "e"), ("e", "f"), ("a", "f")] {
        graph.add(from, to, &format!("{from}.rs"));
    }
    let edges = ["b -> c in b.rs", "c -> d in c.rs", "d -> b in d.rs"];
    assert_eq!(graph.circle(), Some(edges.map(ToOwned::to_owned).to_vec()));
    graph.add("e", "c", "e/x.rs");
    graph.add("e", "c", "e/y.rs");
    let edges = ["c -> e in c.rs", "e -> c in e/x.rs, e/y.rs"];
    assert_eq!(graph.circle(), Some(edges.map(ToOwned::to_owned).to_vec()));
}

#[test]
fn a_graph_without_a_circle_has_none() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")] {
        graph.add(from, to, "x.rs");
    }
    assert_eq!(graph.circle(), None);
}
