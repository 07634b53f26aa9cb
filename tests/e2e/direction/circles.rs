//! Forbids import cycles of three or more files. Code that two files need from each other belongs in a third file that
//! imports neither.

use std::collections::{BTreeMap, BTreeSet};

use deed_tests::services::workspace;

use super::paths::{Module, imports_of_product};
use super::visit;

const CRATES: [&str; 8] =
    ["spec", "record", "verify", "system", "store", "sandbox", "author", "runtime"];

/// The imports between the files of one crate. Cargo itself refuses cycles between crates.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The files of one crate by module path, without tests.
fn sources(folder: &str) -> BTreeMap<Vec<String>, String> {
    let src = workspace().join("host").join(folder).join("src");
    let mut sources = BTreeMap::new();
    visit(&src, &mut |path, text| {
        let module = Module::of(path.strip_prefix(&src).unwrap());
        if !module.0.iter().any(|name| name == "tests") {
            sources.insert(module.0, text.to_owned());
        }
    });
    sources
}

pub(super) fn graph(sources: &BTreeMap<Vec<String>, String>) -> Graph {
    let mut graph = Graph::new();
    for (module, text) in sources {
        let found = imports_of_product(&Module(module.clone()), text).unwrap();
        // A path that begins with the name of a child module refers to that child module.
        let children = found.outer.iter().map(|path| [module.as_slice(), path].concat());
        let mut named = BTreeSet::new();
        for path in found.inner.iter().cloned().chain(children) {
            let file = (0..=path.len()).rev().find_map(|n| sources.get_key_value(path.get(..n)?));
            // A module and the folder of its children are one unit: a child module's use of its parent file is not an
            // import.
            if let Some((file, _)) = file
                && !module.starts_with(file)
            {
                named.insert(name(file));
            }
        }
        graph.insert(name(module), named);
    }
    graph
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

/// Groups of files in which each file imports all others, directly or indirectly.
pub(super) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|file| (file, reachable(graph, file))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (file, to) in &reached {
        let back = |other: &&String| reached.get(*other).is_some_and(|from| from.contains(*file));
        let circle: BTreeSet<String> = to.iter().filter(back).cloned().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(file) = ahead.pop() {
        for next in graph.get(file).into_iter().flatten() {
            if seen.insert(next.clone()) {
                ahead.push(next);
            }
        }
    }
    seen
}

#[test]
fn no_three_files_import_each_other_in_a_circle() {
    let mut large = Vec::new();
    for folder in CRATES {
        let circles = circles(&graph(&sources(folder)));
        large.extend(circles.into_iter().filter(|circle| circle.len() > 2).map(|circle| {
            let files: Vec<String> = circle.into_iter().collect();
            format!("{folder}: {} files: {}", files.len(), files.join(", "))
        }));
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let files = [
        (vec![], "mod a; mod b; mod c;"),
        (vec!["a"], "use crate::b::B;"),
        (vec!["b"], "fn f() { super::c::g() }"),
        (vec!["c"], "use crate::{a::{self, A}};"),
    ];
    let sources = files.map(|(module, text)| {
        (module.into_iter().map(str::to_owned).collect::<Vec<_>>(), text.to_owned())
    });
    let circles = circles(&graph(&BTreeMap::from(sources)));
    assert_eq!(circles, [BTreeSet::from(["a", "b", "c"].map(str::to_owned))]);
}
