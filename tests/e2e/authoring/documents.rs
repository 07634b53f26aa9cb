//! `deed contract new` on OpenAPI documents of five authors. A draft is refused while a question is open, and passes
//! `deed check` once an operator has answered its questions.

mod answers;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::fractal::FractalServer;
use deed_tests::services::workspace;

use self::answers::Operation;

/// How long one draft may take, also from the largest document.
const PATIENCE: Duration = Duration::from_mins(1);

/// A served directory with the grants of these contracts, which all have one upstream.
fn served(operations: &[Operation]) -> Home {
    let home = Home::new("documents");
    host::expect(&["init", "--example", "empty", home.path()]).unwrap();
    let upstream = operations[0].action.split('.').next().unwrap();
    let mut more = format!(
        "\n[tenant.main.upstream.{upstream}]\nbase_url  = \"http://127.0.0.1:8000\"\naddresses = [\"loopback\"]\n\
         read      = {{ secret = \"read\", slot = \"bearer\" }}\nwrite     = {{ secret = \"write\", slot = \"bearer\" }}\n"
    );
    for name in ["read", "write"] {
        writeln!(more, "\n[tenant.main.secret.{name}]\nfile = \"secrets/{name}\"").unwrap();
    }
    for one in operations {
        let grant = format!("[tenant.main.grant.\"{}\"]", one.action);
        writeln!(more, "\n{grant}\nupstreams = [\"{upstream}\"]").unwrap();
    }
    let file = OpenOptions::new().append(true).open(home.dir.join("deed.toml"));
    file.unwrap().write_all(more.as_bytes()).unwrap();
    for name in ["read", "write"] {
        let value = format!("{name}-token-of-the-test-harness");
        let stored = host::run(&["secret", "set", home.path(), name], &value).unwrap();
        assert!(stored.status.success(), "{stored:?}");
    }
    home
}

/// Prints a line that is shown if the test fails, or with `--nocapture`.
#[expect(clippy::print_stderr, reason = "how long a draft takes is a result of this test")]
fn tell(line: &str) {
    eprintln!("{line}");
}

/// Drafts a contract into the served directory. The note at the end names each question with its place.
fn drafted(home: &Home, document: &Path, operation: &Operation) -> String {
    let from = format!("{}#{}", document.display(), operation.name);
    let path = home.dir.join(operation.file());
    let output = path.to_str().unwrap();
    let mut args = vec!["contract", "new", &operation.action, "--from", &from, "--output", output];
    args.extend(operation.look.iter().flat_map(|look| ["--look", look.as_str()]));
    let started = Instant::now();
    // A draft that takes longer has no output.
    let done = host::run_within(&args, PATIENCE).unwrap().unwrap();
    tell(&format!("{} in {:.2} s", operation.name, started.elapsed().as_secs_f64()));
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{}: {said}", operation.name);
    let draft = fs::read_to_string(&path).unwrap();
    let asked = operation.asked(&draft);
    assert!(!asked.is_empty(), "{}: nothing to answer", operation.name);
    for (line, answer) in asked {
        let told = format!("{output}:{line}: {}", answer.question);
        assert!(said.contains(&told), "{}: no `{told}` in: {said}", operation.name);
    }
    draft
}

/// The check names each open question of each draft.
fn is_refused(home: &Home, operations: &[Operation], drafts: &[String]) {
    let refused = host::complaint(&["check", home.path()]).unwrap().unwrap();
    for (operation, draft) in operations.iter().zip(drafts) {
        for (line, answer) in operation.asked(draft) {
            let question = &answer.question;
            let told = format!("{}:{line}: question not answered: {question}", operation.file());
            assert!(refused.contains(&told), "no `{told}` in: {refused}");
        }
    }
}

/// Drafts the operations of a document, answers the questions, and checks the contracts.
fn examine(name: &str, document: &Path) {
    let operations = answers::of(name);
    let home = served(&operations);
    let drafts: Vec<String> = operations.iter().map(|one| drafted(&home, document, one)).collect();
    is_refused(&home, &operations, &drafts);
    for (operation, draft) in operations.iter().zip(&drafts) {
        fs::write(home.dir.join(operation.file()), operation.answered(draft)).unwrap();
    }
    assert_eq!(host::complaint(&["pin", home.path()]).unwrap(), None);
    assert_eq!(host::complaint(&["check", home.path()]).unwrap(), None);
}

/// A file below `target/` that `make counterparts` installs; `None`, with a report, if it is not there.
fn installed(file: &str, what: &str) -> Option<PathBuf> {
    let path = workspace().join("target").join(file);
    if !path.exists() {
        let text = format!("NOT CHECKED: drafts from {what}; run `make counterparts`\n");
        io::stderr().write_all(text.as_bytes()).unwrap();
        return None;
    }
    Some(path)
}

#[test]
fn drafts_from_the_document_of_the_host_pass_the_check_once_answered() {
    examine("deed", &workspace().join("docs/openapi.json"));
}

#[test]
fn drafts_from_the_document_of_jupyterhub_pass_the_check_once_answered() {
    examine("jupyterhub", &workspace().join("tests/data/openapi/jupyterhub/rest-api.yml"));
}

#[test]
fn drafts_from_the_document_scalar_galaxy_pass_the_check_once_answered() {
    examine("galaxy", &workspace().join("tests/data/openapi/galaxy/openapi.yaml"));
}

#[test]
fn drafts_from_the_document_of_github_pass_the_check_once_answered() {
    if let Some(document) = installed("github/api.github.com.json", "GitHub's OpenAPI document") {
        examine("github", &document);
    }
}

#[test]
fn drafts_from_the_document_of_a_fastapi_server_pass_the_check_once_answered() {
    if installed("fractal/.stamp", "a server on FastAPI").is_none() {
        return;
    }
    let text = FractalServer::start().unwrap().document().unwrap();
    assert!(text.starts_with("{\"openapi\":\"3.1."), "{text}");
    let home = Home::new("fastapi");
    fs::create_dir_all(&home.dir).unwrap();
    let document = home.dir.join("openapi.json");
    fs::write(&document, text).unwrap();
    examine("fractal", &document);
}

#[test]
#[should_panic(expected = "is not in this draft once")]
fn an_answer_that_does_not_fit_the_draft_is_refused() {
    let operation = &answers::of("galaxy")[0];
    operation.answered("#? If the answer to this write is lost\n");
}
