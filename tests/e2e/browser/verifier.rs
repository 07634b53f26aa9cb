//! The page that checks bundles, opened from a file and from a host: each bundle gets the report of `deed-verify`, a
//! hostile name stays a name, and the page reports no violation of its policy and requests nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::host::{self, VERIFIER, verifier};
use deed_tests::services::chromium::{Chromium, DESK, PHONE, Scheme};
use deed_tests::services::workspace;
use deed_tests::world::World;
use serde_json::json;

use super::axe;

/// Vectors with each verdict, and the word that the page shows for it.
const VECTORS: [(&str, &str); 4] = [
    ("good/verified.deed", "✓ Verified"),
    ("good/an-agents-copy.deed", "! Only partly verified"),
    ("bad/bytes-flipped-in-parts--chain.deed", "✕ Failed"),
    ("bad/bytes-cut--container.deed", "✕ Failed"),
];

fn vectors() -> PathBuf {
    workspace().join("tests/vectors")
}

/// What `deed-verify` prints about a bundle.
fn printed(bundle: &Path) -> String {
    let mut command = Command::new(host::binary().unwrap().with_file_name("deed-verify"));
    let output = command.arg(bundle).arg("--trust").arg(vectors().join("trust")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Chooses a file or a directory, as a person does with a button.
fn choose(page: &Chromium, id: &str, path: &Path) {
    page.find(&format!("#{id}")).unwrap().write(path.to_str().unwrap()).unwrap();
}

/// Drops files and directories on the page, as a person does with a mouse.
fn drop_on(page: &Chromium, paths: &[&PathBuf]) {
    let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
    for kind in ["dragEnter", "dragOver", "drop"] {
        let event = json!({"type": kind, "x": 200, "y": 300, "data": data});
        page.cdp("Input.dispatchDragEvent", &event).unwrap();
    }
}

/// Waits until the page says this about the files.
fn says(page: &Chromium, words: &str) {
    let said = "document.getElementById('said').textContent";
    page.wait_until(&format!("{said}.includes('{words}')")).unwrap();
}

/// Chooses a bundle, waits for its verdict, and checks that the page shows the word and what the command prints.
fn check(page: &Chromium, bundle: &Path, word: &str) {
    choose(page, "bundle", bundle);
    page.wait_until(&format!("document.querySelector('#said .word')?.textContent === '{word}'"))
        .unwrap();
    page.wait_until("!document.getElementById('report').hidden").unwrap();
    let text = "return document.getElementById('text').textContent";
    assert_eq!(page.execute(text, &json!([])).unwrap(), json!(printed(bundle)));
    let rows = page.execute("return document.querySelectorAll('#checks tr').length", &json!([]));
    assert!(rows.unwrap().as_u64() > Some(5), "{}", bundle.display());
}

/// Checks that the browser reported nothing, and requested only the page itself. Of a host, a browser also requests an
/// icon, which the host does not have.
fn is_clean(page: &Chromium, address: &str) {
    let mut log = page.log().unwrap();
    log.retain(|entry| !entry.message.contains("/favicon.ico"));
    assert!(log.is_empty(), "{log:#?}");
    let mut requests = page.requests().unwrap();
    requests.retain(|url| !url.ends_with("/favicon.ico"));
    assert_eq!(requests, [address]);
}

/// A directory with the page as `deed verify --html` writes it.
fn written(name: &str) -> PathBuf {
    let name = format!("deed-browser-{name}-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::remove_dir_all(&dir).ok();
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("verify.html");
    let module = verifier();
    let variables = [(VERIFIER, module.to_str().unwrap())];
    let output = host::run_with(&["verify", "--html", file.to_str().unwrap()], &variables, "");
    assert!(output.unwrap().status.success());
    dir
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_page_from_a_file_reports_what_the_command_reports() {
    let dir = written("reports");
    let page = Chromium::start().unwrap();
    let address = format!("file://{}", dir.join("verify.html").display());
    page.goto(&address).unwrap();
    choose(&page, "directory", &vectors().join("trust"));
    for (bundle, word) in VECTORS {
        check(&page, &vectors().join(bundle), word);
    }
    let hostile = dir.join("<img src=x onerror=alert(1)>\u{202e}.deed");
    fs::write(&hostile, "no bundle").unwrap();
    check(&page, &hostile, "✕ Failed");
    let said = page.find("#said").unwrap().text().unwrap();
    assert!(said.contains("FAILED <img src=x onerror=alert(1)>\\u{202e}.deed"), "{said}");
    is_clean(&page, &address);
    choose(&page, "files", &hostile);
    says(&page, "None of the files");
    page.wait_until("document.getElementById('report').hidden").unwrap();
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn files_that_are_dropped_are_checked_as_files_that_are_chosen() {
    let dir = written("drops");
    let page = Chromium::start().unwrap();
    page.goto(&format!("file://{}", dir.join("verify.html").display())).unwrap();
    let (good, bad) = (vectors().join(VECTORS[0].0), vectors().join(VECTORS[2].0));
    let trust = vectors().join("trust");
    let names = ["receipt.pub", "receipt_keys.json", "log.vkey", "approvers.json"];
    let keys: Vec<PathBuf> = names.iter().map(|name| trust.join(name)).collect();
    drop_on(&page, &keys.iter().collect::<Vec<_>>());
    drop_on(&page, &[&good]);
    says(&page, "VERIFIED act_");
    drop_on(&page, &[&bad]);
    says(&page, "FAILED act_");
    drop_on(&page, &[&good, &bad]);
    says(&page, "There are several bundles");
    page.wait_until("document.getElementById('report').hidden").unwrap();
    // From a file, Chromium does not let a page read a directory that is dropped on it. From a host, it does.
    drop_on(&page, &[&good, &trust]);
    says(&page, "does not read this directory");
    let world = World::start(scim()).unwrap();
    page.goto(&format!("{}/verify", world.url())).unwrap();
    drop_on(&page, &[&good, &trust]);
    says(&page, "VERIFIED act_");
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn the_page_of_a_host_has_no_fault_and_no_barrier() {
    let world = World::start(scim()).unwrap();
    let (page, axe) = (Chromium::start().unwrap(), axe::source());
    let address = format!("{}/verify", world.url().replace("127.0.0.1", "localhost"));
    page.goto(&address).unwrap();
    choose(&page, "directory", &vectors().join("trust"));
    let (bundle, word) = VECTORS[0];
    check(&page, &vectors().join(bundle), word);
    is_clean(&page, &address);
    page.open_all().unwrap();
    for (scheme, size) in [(Scheme::Light, DESK), (Scheme::Dark, PHONE)] {
        page.prefers(scheme).unwrap();
        page.size(size).unwrap();
        assert_eq!(page.overflow().unwrap(), 0, "{size:?}");
        let broken = axe.as_deref().map(|axe| axe::broken(&page, axe)).unwrap_or_default();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
