//! The files of a new project. Each project holds a copy of the WIT files of this release and, for Rust, of the SDK, so
//! that it builds without this repository and does not change with it.

use std::path::{Path, PathBuf};

use super::files::write_new;
use super::language::{Client, Language};
use super::{ProjectError, check_name};

/// One file of a project: its path in the folder, and its text before the name of the adapter is written into it.
type Template = (&'static str, &'static str);

/// Stands in a template for the name of the adapter.
const NAME: &str = "@NAME@";

/// The package `deed:adapter` of this release.
pub(super) const WIT: [Template; 5] = [
    ("wit/adapter.wit", include_str!("../../../../wit/0.2/adapter.wit")),
    ("wit/http.wit", include_str!("../../../../wit/0.2/http.wit")),
    ("wit/log.wit", include_str!("../../../../wit/0.2/log.wit")),
    ("wit/state.wit", include_str!("../../../../wit/0.2/state.wit")),
    ("wit/types.wit", include_str!("../../../../wit/0.2/types.wit")),
];

/// The contract and its test cases, which are the same for each language.
const CONTRACT: [Template; 2] = [
    ("@NAME@.toml", include_str!("../../templates/contract.toml")),
    ("@NAME@.cases.toml", include_str!("../../templates/cases.toml")),
];

const RUST: [Template; 5] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.tmpl")),
    ("src/lib.rs", include_str!("../../templates/rust/lib.rs.tmpl")),
    ("sdk/Cargo.toml", include_str!("../../templates/rust/sdk.toml.tmpl")),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", "/target/\n/@NAME@.wasm\n"),
];

const JAVASCRIPT: [Template; 7] = [
    ("package.json", include_str!("../../templates/js/package.json.tmpl")),
    ("build.mjs", include_str!("../../templates/js/build.mjs")),
    ("src/adapter.js", include_str!("../../templates/js/adapter.js")),
    ("src/deed.js", include_str!("../../templates/js/deed.js")),
    ("test/adapter.test.js", include_str!("../../templates/js/adapter.test.js")),
    ("README.md", include_str!("../../templates/js/README.md")),
    (".gitignore", "/node_modules/\n/target/\n/@NAME@.wasm\n"),
];

const PYTHON: [Template; 6] = [
    ("requirements.txt", include_str!("../../templates/python/requirements.txt")),
    ("app.py", include_str!("../../templates/python/app.py")),
    ("deed.py", include_str!("../../templates/python/deed.py")),
    ("test_app.py", include_str!("../../templates/python/test_app.py")),
    ("README.md", include_str!("../../templates/python/README.md")),
    (".gitignore", "/.venv/\n/target/\n__pycache__/\n/@NAME@.wasm\n"),
];

/// JavaScript with `fetch`.
const JAVASCRIPT_WASI: [Template; 8] = [
    ("package.json", include_str!("../../templates/js-wasi/package.json.tmpl")),
    ("build.mjs", include_str!("../../templates/js-wasi/build.mjs")),
    ("src/adapter.js", include_str!("../../templates/js-wasi/adapter.js")),
    ("src/client.js", include_str!("../../templates/js-wasi/client.js")),
    ("src/deed.js", include_str!("../../templates/js/deed.js")),
    ("test/adapter.test.js", include_str!("../../templates/js-wasi/adapter.test.js")),
    ("README.md", include_str!("../../templates/js-wasi/README.md")),
    (".gitignore", "/node_modules/\n/target/\n/@NAME@.wasm\n"),
];

/// Python with `urllib.request`, and the interfaces of WASI that its handler uses.
const PYTHON_WASI: [Template; 12] = [
    ("requirements.txt", include_str!("../../templates/python/requirements.txt")),
    ("app.py", include_str!("../../templates/python-wasi/app.py")),
    ("deed.py", include_str!("../../templates/python/deed.py")),
    ("wasi_urllib.py", include_str!("../../templates/python-wasi/wasi_urllib.py")),
    ("test_app.py", include_str!("../../templates/python-wasi/test_app.py")),
    ("README.md", include_str!("../../templates/python-wasi/README.md")),
    (".gitignore", "/.venv/\n/target/\n__pycache__/\n/@NAME@.wasm\n"),
    ("wit/wasi.wit", include_str!("../../templates/python-wasi/wasi.wit")),
    ("wit/deps/clocks.wit", include_str!("../../../../wit/wasi/clocks.wit")),
    ("wit/deps/io.wit", include_str!("../../../../wit/wasi/io.wit")),
    ("wit/deps/http/handler.wit", include_str!("../../../../wit/wasi/http/handler.wit")),
    ("wit/deps/http/types.wit", include_str!("../../../../wit/wasi/http/types.wit")),
];

macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        [$((concat!("sdk/src/", $file), include_str!(concat!("../../../../adapters/sdk/src/", $file)))),*]
    };
}

/// The SDK for Rust, with its tests.
const SDK: [Template; 20] = sdk![
    "answers.rs",
    "bindings.rs",
    "http.rs",
    "http/detail.rs",
    "http/tests.rs",
    "lib.rs",
    "log.rs",
    "merge_patch.rs",
    "paging.rs",
    "paging/tests.rs",
    "panic.rs",
    "path.rs",
    "quote.rs",
    "quote/graphql.rs",
    "quote/jql.rs",
    "quote/odata.rs",
    "quote/scim_filter.rs",
    "requests.rs",
    "state.rs",
    "tests.rs",
];

/// Where the SDK finds the WIT files in this repository, and in a project.
const SDK_WIT: [&str; 2] = ["path: \"../../wit/0.2\"", "path: \"../wit\""];

/// The files of a project in this language, with their paths in its folder.
///
/// # Errors
///
/// Fails when the name is not that of an adapter, or the language has no template with this client.
pub fn files(
    language: Language,
    client: Client,
    name: &str,
) -> Result<Vec<(PathBuf, String)>, ProjectError> {
    check_name(name)?;
    let own: &[Template] = match (language, client) {
        (Language::Rust, Client::Adapter) => &RUST,
        (Language::Rust, Client::Wasi) => return Err(ProjectError::NoWasi),
        (Language::JavaScript, Client::Adapter) => &JAVASCRIPT,
        (Language::JavaScript, Client::Wasi) => &JAVASCRIPT_WASI,
        (Language::Python, Client::Adapter) => &PYTHON,
        (Language::Python, Client::Wasi) => &PYTHON_WASI,
    };
    let named = own.iter().chain(&CONTRACT);
    let named = named.map(|(path, text)| (path.replace(NAME, name), text.replace(NAME, name)));
    let [in_repository, in_project] = SDK_WIT;
    let sdk: &[Template] = if language == Language::Rust { &SDK } else { &[] };
    let copied = WIT.iter().chain(sdk);
    let copied =
        copied.map(|(path, text)| ((*path).to_owned(), text.replace(in_repository, in_project)));
    Ok(named.chain(copied).map(|(path, text)| (PathBuf::from(path), text)).collect())
}

/// Writes the files of a new project, and returns their paths in its folder. No file is replaced.
///
/// # Errors
///
/// Fails when the name is not that of an adapter, when the language has no template with this client, or when a file
/// exists or cannot be written.
pub fn create(
    dir: &Path,
    language: Language,
    client: Client,
    name: &str,
) -> Result<Vec<PathBuf>, ProjectError> {
    let files = files(language, client, name)?;
    for (path, text) in &files {
        write_new(&dir.join(path), text)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use deed_record::contract::Contract;

    use super::*;

    const ALL: [(Language, Client); 5] = [
        (Language::Rust, Client::Adapter),
        (Language::JavaScript, Client::Adapter),
        (Language::JavaScript, Client::Wasi),
        (Language::Python, Client::Adapter),
        (Language::Python, Client::Wasi),
    ];

    fn text(language: Language, path: &str) -> String {
        let all = files(language, Client::Adapter, "tickets").unwrap();
        all.into_iter().find(|(one, _)| one == Path::new(path)).unwrap().1
    }

    #[test]
    fn no_placeholder_is_left_and_no_path_leaves_the_folder() {
        for (language, client) in ALL {
            let all = files(language, client, "tickets").unwrap();
            let paths: BTreeSet<&PathBuf> = all.iter().map(|(path, _)| path).collect();
            assert_eq!(paths.len(), all.len());
            for (path, text) in &all {
                assert!(!text.contains(NAME) && !text.is_empty(), "{}", path.display());
                assert!(path.is_relative() && !path.to_string_lossy().contains(".."));
            }
            for path in ["README.md", ".gitignore", "tickets.toml", "tickets.cases.toml"] {
                assert!(paths.contains(&PathBuf::from(path)), "{path} in {language:?}, {client:?}");
            }
        }
    }

    #[test]
    fn only_javascript_and_python_have_a_template_for_wasi() {
        for language in Language::ALL {
            let is_there = Client::of(language, true).is_ok();
            assert_eq!(is_there, language != Language::Rust);
            assert_eq!(is_there, ALL.contains(&(language, Client::Wasi)));
            assert_eq!(files(language, Client::Wasi, "tickets").is_ok(), is_there);
            assert_eq!(Client::of(language, false).unwrap(), Client::Adapter);
        }
    }

    #[test]
    fn the_contract_is_valid_and_names_the_adapter() {
        let contract = text(Language::Python, "tickets.toml");
        let contract = Contract::from_toml("tickets.toml", &contract).unwrap();
        assert_eq!(contract.action.adapter, "tickets");
        assert_eq!(contract.format, 2);
    }

    #[test]
    fn the_sdk_of_a_project_has_every_file_and_its_own_wit() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/sdk/src");
        let mut folders = vec![sdk.clone()];
        let mut there = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    there.insert(Path::new("sdk/src").join(path.strip_prefix(&sdk).unwrap()));
                }
            }
        }
        let all = files(Language::Rust, Client::Adapter, "tickets").unwrap();
        let all = all.into_iter().map(|(path, _)| path);
        let copied: BTreeSet<PathBuf> = all.filter(|path| path.starts_with("sdk/src")).collect();
        assert_eq!(copied, there);
        assert!(text(Language::Rust, "sdk/src/bindings.rs").contains("path: \"../wit\""));
    }

    #[test]
    fn the_sdk_of_a_project_has_the_versions_of_this_repository() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let workspace = std::fs::read_to_string(workspace).unwrap();
        let bindgen = workspace.lines().find(|line| line.starts_with("wit-bindgen = ")).unwrap();
        assert!(text(Language::Rust, "sdk/Cargo.toml").contains(bindgen), "{bindgen}");
    }
}
