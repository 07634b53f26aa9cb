//! What `deed adapter new` makes.

use std::fs;
use std::path::Path;

use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::workspace;
use serde_json::Value;

use super::{LANGUAGES, Project, deed, parsed, text};

/// Options of `deed adapter new`.
const NONE: &[&str] = &[];
const WASI: &[&str] = &["--wasi"];

/// The files in the table of a README, without the folder's slash.
fn listed(readme: &str) -> Vec<String> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn a_project_has_the_files_that_its_readme_lists() {
    let wasi = ["js", "python"].map(|lang| (lang, WASI));
    for (lang, options) in LANGUAGES.map(|lang| (lang, NONE)).into_iter().chain(wasi) {
        let project = Project::with(lang, options);
        let readme = fs::read_to_string(project.file("README.md")).unwrap();
        let listed = listed(&readme);
        assert!(listed.len() >= 5, "{lang}: {listed:?}");
        for file in listed {
            assert!(project.file(&file).exists(), "{lang} has no `{file}`");
        }
        for command in [
            "adapter build",
            "adapter check",
            "adapter test",
            "contract explain",
            "contract test",
            "pin",
        ] {
            assert!(readme.contains(&format!("deed {command}")), "{lang}: {command}");
        }
    }
}

#[test]
fn only_a_project_that_uses_wasi_has_a_client_for_http_and_says_what_its_grant_needs() {
    for (lang, file) in [("js", "src/client.js"), ("python", "wasi_urllib.py")] {
        for options in [NONE, WASI] {
            let project = Project::with(lang, options);
            assert_eq!(project.file(file).exists(), !options.is_empty(), "{lang} {options:?}");
        }
        let readme = fs::read_to_string(Project::with(lang, WASI).file("README.md")).unwrap();
        assert!(readme.contains("wasi      = true"), "{lang}: {readme}");
    }
    let home = Home::new("project");
    let output =
        deed(&["adapter", "new", "t", "--lang", "rust", "--wasi", "--dir", home.path()], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("leave out --wasi") && !home.dir.exists(), "{}", text(&output));
}

#[test]
fn the_contract_of_a_project_passes_its_test_cases_and_is_explained() {
    let project = Project::new("js");
    let contract = project.file("tickets.toml");
    let said = host::expect(&["contract", "test", contract.to_str().unwrap()]).unwrap();
    assert!(said.ends_with("3 cases, 0 differ\n"), "{said}");
    let explain = ["contract", "explain", contract.to_str().unwrap(), "--param", "ticket=7"];
    assert!(host::expect(&explain).unwrap().contains("PATCH /tickets/7"));
}

#[test]
fn a_new_project_is_reported_with_its_files_and_the_next_command() {
    let home = Home::new("project");
    let args = ["adapter", "new", "it-desk_2", "--lang", "python", "--dir", home.path()];
    let output = deed(&args, &[]);
    let said = text(&output);
    assert!(output.status.success() && said.contains("  app.py\n"), "{said}");
    assert!(said.contains("next: deed adapter build "), "{said}");
    assert!(home.dir.join("it-desk_2.toml").exists());
    let other = Home::new("project");
    let args = ["adapter", "new", "t", "--lang", "rust", "--dir", other.path(), "--json"];
    let report = parsed(&deed(&args, &[]));
    let files = report["files"].as_array().unwrap();
    assert!(files.iter().all(|file| other.dir.join(file.as_str().unwrap()).is_file()), "{files:?}");
    assert_eq!(report["language"], "rust");
}

#[test]
fn a_folder_with_files_and_a_wrong_name_are_refused() {
    let project = Project::new("js");
    let before = fs::read(project.file("package.json")).unwrap();
    let again = deed(&["adapter", "new", "x", "--lang", "rust", "--dir", project.home.path()], &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).contains("is not empty"), "{}", text(&again));
    assert!(!project.file("Cargo.toml").exists());
    assert_eq!(fs::read(project.file("package.json")).unwrap(), before);
    let home = Home::new("project");
    for name in ["Tickets", "../evil", "a.b", "declared", "a b", "\u{1b}[2J"] {
        let output = deed(&["adapter", "new", name, "--lang", "js", "--dir", home.path()], &[]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(!text(&output).contains('\u{1b}') && !home.dir.exists(), "{name}");
    }
}

/// The tests link packages that were installed before, so they must be those that a project wants.
#[test]
fn the_tests_build_with_the_packages_of_the_template() {
    let project = Project::new("js");
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let wanted = read(&project.file("package.json"));
    let installed = read(&workspace().join("tests/services/toolchains/package.json"));
    assert_eq!(wanted["devDependencies"], installed["dependencies"]);
    assert_eq!(wanted["devDependencies"].as_object().unwrap().len(), 3);
    let wasi = read(&Project::with("js", WASI).file("package.json"));
    for (name, version) in wasi["devDependencies"].as_object().unwrap() {
        assert_eq!(&installed["dependencies"][name], version, "{name}");
    }
}
