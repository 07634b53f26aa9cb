//! Tests of the page that checks bundles in a browser: the commands that write it, the host that serves it, and the
//! bundle that a person downloads for it. `browser::verifier` opens the page in a browser.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::Browser;
use deed_tests::host::{self, VERIFIER, verifier};
use deed_tests::services::workspace;
use deed_tests::world::{BOB, World};
use flate2::read::GzDecoder;

use super::proof;

/// The commands that write the page.
const COMMANDS: [(&str, &[&str]); 2] =
    [("deed", &["verify", "--html"]), ("deed-verify", &["--html"])];

/// The module that a command gets by the variable.
enum Module {
    Built,
    Nowhere,
    Unset,
}

/// Runs a command that writes the page to this file. Returns the exit code and all output.
fn write((name, args): (&str, &[&str]), file: &Path, module: &Module) -> (i32, String) {
    let mut args: Vec<OsString> = args.iter().map(OsString::from).collect();
    args.push(file.into());
    run(name, &args, module)
}

fn run(name: &str, args: &[OsString], module: &Module) -> (i32, String) {
    let module = match module {
        Module::Built => Some(verifier()),
        Module::Nowhere => Some(PathBuf::from("/nowhere/module.wasm.gz")),
        Module::Unset => None,
    };
    let mut command = Command::new(host::binary().unwrap().with_file_name(name));
    command.args(args).env_remove(VERIFIER).envs(module.map(|path| (VERIFIER, path)));
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// The text of the page between these two.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    page.split_once(start).and_then(|(_, rest)| rest.split_once(end)).unwrap().0
}

/// An empty directory.
fn directory(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("deed-page-{}-{name}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn the_commands_write_the_page_that_the_host_serves() {
    let world = World::start(scim()).unwrap();
    let served = Browser::new(world.url()).get("/verify").unwrap();
    assert_eq!(served.status, 200, "it needs no session");
    assert!(served.html.len() <= 4_000_000, "{} bytes", served.html.len());
    for command in COMMANDS {
        let file = world.dir.join(format!("{}.html", command.0));
        let (code, said) = write(command, &file, &Module::Built);
        assert_eq!(code, 0, "{said}");
        assert!(fs::read_to_string(&file).unwrap() == served.html, "{command:?}");
    }
    let policy = between(&served.html, "Content-Security-Policy\" content=\"", "\"");
    let header = served.header("content-security-policy").unwrap();
    assert_eq!(header, format!("{policy}; frame-ancestors 'none'"));
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert_eq!(served.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(served.header("set-cookie"), None);
}

#[test]
fn the_page_has_the_module_that_the_clients_use() {
    let dir = directory("module");
    let file = dir.join("verify.html");
    let (code, said) = write(COMMANDS[0], &file, &Module::Built);
    assert_eq!(code, 0, "{said}");
    let page = fs::read_to_string(&file).unwrap();
    let packed = STANDARD.decode(between(&page, "id=\"module\">", "</script>")).unwrap();
    let mut module = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut module).unwrap();
    let built = fs::read(workspace().join("target/adapters/deed-verify.wasm")).unwrap();
    assert!(module == built, "the modules have {} and {} bytes", module.len(), built.len());
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_page_is_not_written_over_a_file_and_not_without_a_verifier() {
    let dir = directory("refused");
    let file = dir.join("verify.html");
    for command in COMMANDS {
        for (module, why) in [
            (Module::Nowhere, "DEED_VERIFIER_MODULE names `/nowhere/module.wasm.gz`"),
            (Module::Unset, "this build has no verifier for browsers"),
        ] {
            let (code, said) = write(command, &file, &module);
            assert!(code == 2 && said.contains(why), "{code}: {said}");
        }
        assert!(!file.exists(), "a page that cannot be made leaves no file");
        fs::write(&file, "mine").unwrap();
        let (code, said) = write(command, &file, &Module::Built);
        assert!(code == 2 && said.contains("exists, and the page is not written over"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(dir.join("elsewhere"), &file).unwrap();
        assert_eq!(write(command, &file, &Module::Built).0, 2, "a link is a file, too");
        assert!(!dir.join("elsewhere").exists());
        fs::remove_file(&file).unwrap();
    }
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_page_is_written_instead_of_a_verification() {
    for args in [
        &["verify", "--html", "verify.html", "proof.deed"][..],
        &["verify", "--html", "verify.html", "--json"],
        &["verify", "--html", "verify.html", "--trust", "trust"],
        &["verify"],
    ] {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        for (name, args) in [("deed", &args[..]), ("deed-verify", &args[1..])] {
            let (code, said) = run(name, args, &Module::Built);
            assert!(code == 2 && said.contains("Usage: "), "{args:?}: {said}");
        }
    }
}

#[test]
fn a_person_downloads_the_bundle_of_an_ended_action() {
    let proof = proof("download@example.com");
    let (world, path) = (&proof.world, format!("/actions/{}/bundle", proof.id));
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let (head, bundle) = bob.download(&path).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && bundle == proof.bundle, "{head}");
    let head = head.to_ascii_lowercase();
    let name = format!("content-disposition: attachment; filename=\"{}.deed\"", proof.id);
    for line in [name.as_str(), "content-type: application/zip", "cache-control: no-store"] {
        assert!(head.lines().any(|found| found == line), "{line} is missing in {head}");
    }
    let page = bob.get(&format!("/actions/{}", proof.id)).unwrap().html;
    for place in [path.as_str(), "/verify"] {
        assert!(page.contains(&format!("<a href=\"{place}\">")), "{place}: {page}");
    }
    let (head, _) = Browser::new(world.url()).download(&path).unwrap();
    assert!(head.starts_with("HTTP/1.1 303 "), "nobody is signed in: {head}");
    let waits = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let early = bob.get(&format!("/actions/{}/bundle", waits.text("/id"))).unwrap();
    assert!(early.status == 409 && early.text().contains("has ended"), "{early:?}");
    let unknown = bob.get("/actions/act_00000000000000000000000000/bundle").unwrap();
    assert_eq!(unknown.status, 404, "{unknown:?}");
}
