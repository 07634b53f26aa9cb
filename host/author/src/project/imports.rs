//! Where the imports of a component come from: which feature of a language's toolchain adds an interface of WASI, and
//! how to build without the feature.

use super::language::Language;

/// Why a component has an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The part of the toolchain that adds the import.
    pub feature: &'static str,
    /// What to write to build without the import.
    pub remove: &'static str,
}

/// What a host checks before it accepts any import of WASI.
pub const GRANT_LINE: &str = "wasi = true";

const CPYTHON: &str = "CPython's standard library";
const STUB: &str = "no file `wit/wasi.wit`; `deed adapter build` then uses `--stub-wasi`";
const URLLIB: &str = "`urllib.request` over wasi:http";
const NO_URLLIB: &str =
    "no file `wit/wasi.wit`, and `deed:adapter/http` in place of `urllib.request`";
const RUST_STD: &str = "Rust's standard library for a WASI target";
const RUST_TARGET: &str = "build for the target `wasm32-unknown-unknown`";

/// The interfaces of WASI by the beginnings of their names, and the feature of componentize-js that adds each. The
/// other two toolchains have one switch for all interfaces.
const OF_JAVASCRIPT: [(&str, Origin); 6] = [
    ("wasi:http/", off("`fetch`", "'http' and 'fetch-event' in disableFeatures of build.mjs")),
    ("wasi:random/", off("`Math.random` and `crypto`", "'random' in disableFeatures of build.mjs")),
    ("wasi:clocks/", off("`Date` and timers", "'clocks' in disableFeatures of build.mjs")),
    ("wasi:cli/", off("`console`", "'stdio' in disableFeatures of build.mjs")),
    (
        "wasi:io/",
        off(
            "streams of `console`, timers and `fetch`",
            "'stdio', 'clocks', 'http' and 'fetch-event' in disableFeatures of build.mjs",
        ),
    ),
    (
        "wasi:filesystem/",
        off("the files of the engine", "all five names in disableFeatures of build.mjs"),
    ),
];

const fn off(feature: &'static str, remove: &'static str) -> Origin {
    Origin { feature, remove }
}

/// Whether this is an interface that every adapter may import.
pub fn is_own(import: &str) -> bool {
    import.starts_with("deed:adapter/")
}

/// The packages of WASI that a host links if the grant has [`GRANT_LINE`], in the versions 0.2.
const LINKED: [&str; 7] = ["io", "clocks", "random", "cli", "filesystem", "sockets", "http"];

/// Whether a host links this interface if the grant has [`GRANT_LINE`].
pub fn is_linked(import: &str) -> bool {
    let name = import.strip_prefix("wasi:").and_then(|rest| rest.split_once('/'));
    name.is_some_and(|(package, interface)| {
        let version = interface.split_once('@').map(|(_, version)| version);
        LINKED.contains(&package) && version.is_some_and(|version| version.starts_with("0.2."))
    })
}

/// Where an import of a component in this language comes from; `None` if the toolchain is not known to add it, or if no
/// host links it.
pub fn origin(import: &str, language: Language) -> Option<Origin> {
    if !is_linked(import) {
        return None;
    }
    match language {
        Language::Rust => Some(off(RUST_STD, RUST_TARGET)),
        Language::Python if import.starts_with("wasi:http/") => Some(off(URLLIB, NO_URLLIB)),
        Language::Python => Some(off(CPYTHON, STUB)),
        Language::JavaScript => {
            let of = |(start, _): &&(&str, Origin)| import.starts_with(*start);
            OF_JAVASCRIPT.iter().find(of).map(|(_, origin)| *origin)
        }
    }
}

/// Why the grant of a component needs [`GRANT_LINE`]; `None` if it needs none.
pub fn why_wasi(imports: &[String], language: Option<Language>) -> Option<&'static str> {
    if imports.iter().any(|import| is_linked(import)) {
        return Some("the component imports interfaces of WASI");
    }
    // componentize-py links CPython and its extensions as separate core modules, more than a strict grant allows.
    (language == Some(Language::Python)).then_some("a Python component has about 40 core modules")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the toolchains add if no feature is switched off.
    const SEEN: [&str; 14] = [
        "wasi:io/poll@0.2.12",
        "wasi:io/error@0.2.12",
        "wasi:io/streams@0.2.12",
        "wasi:clocks/monotonic-clock@0.2.12",
        "wasi:clocks/wall-clock@0.2.12",
        "wasi:http/types@0.2.10",
        "wasi:http/outgoing-handler@0.2.10",
        "wasi:cli/stdin@0.2.12",
        "wasi:cli/stderr@0.2.12",
        "wasi:cli/terminal-stdout@0.2.12",
        "wasi:filesystem/types@0.2.12",
        "wasi:filesystem/preopens@0.2.12",
        "wasi:random/random@0.2.12",
        "wasi:cli/environment@0.2.9",
    ];

    /// What no toolchain adds, and no host links.
    const OTHERS: [&str; 6] = [
        "evil:thing/http",
        "wasi:nn/inference@0.2.0",
        "wasi:cli/run@0.3.0",
        "wasi:cli/run",
        "wasi:clifford/run@0.2.0",
        "wasi:http",
    ];

    #[test]
    fn a_host_links_the_packages_of_wasi_0_2() {
        assert!(SEEN.into_iter().chain(["wasi:sockets/tcp@0.2.0"]).all(is_linked));
        assert!(!OTHERS.into_iter().any(is_linked));
        for other in OTHERS {
            assert_eq!(why_wasi(&[other.to_owned()], Some(Language::Rust)), None, "{other}");
        }
    }

    #[test]
    fn every_import_that_a_toolchain_adds_has_an_origin() {
        for language in Language::ALL {
            for import in SEEN {
                assert!(origin(import, language).is_some(), "{import} in {}", language.name());
            }
            assert_eq!(origin("deed:adapter/http@0.2.0", language), None);
            for other in OTHERS {
                assert_eq!(origin(other, language), None, "{other}");
            }
        }
        let clock = origin("wasi:clocks/wall-clock@0.2.12", Language::JavaScript).unwrap();
        assert!(clock.remove.contains("'clocks'"), "{clock:?}");
    }

    #[test]
    fn a_grant_needs_wasi_for_its_interfaces_and_for_python() {
        let (own, wasi) =
            ("deed:adapter/http@0.2.0".to_owned(), "wasi:cli/stderr@0.2.3".to_owned());
        for language in [None, Some(Language::Rust), Some(Language::JavaScript)] {
            assert_eq!(why_wasi(std::slice::from_ref(&own), language), None);
            assert!(why_wasi(&[own.clone(), wasi.clone()], language).is_some());
        }
        assert!(why_wasi(&[own], Some(Language::Python)).is_some());
    }
}
