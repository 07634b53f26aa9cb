//! Tests of `deed init --example`: `deed check` accepts each directory, and an action runs in the one that has contracts
//! and no adapter file.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_test_support::shared::{fresh_name, scim};
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::{ScimServer, workspace};
use deed_tests::world::{edit, store};
use serde_json::Value;

/// Exit code, stdout and stderr.
fn deed(args: &[&str]) -> (i32, String, String) {
    let output = host::run(args, "").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A directory of this example, and the report of `deed init`.
fn made(example: &str) -> (Home, Value) {
    let home = Home::new("example");
    let report = host::expect(&["init", home.path(), "--example", example, "--json"]).unwrap();
    (home, serde_json::from_str(&report).unwrap())
}

/// Uncomments a line of `deed.toml`.
fn uncomment(dir: &Path, start: &str) {
    edit(dir, "deed.toml", &format!("\n# {start}"), &format!("\n{start}")).unwrap();
}

#[test]
fn an_example_without_an_adapter_file_is_accepted_at_once() {
    for (example, grants) in [
        ("declared", "grants     scim.create_user, scim.delete_user, scim.find_user\n"),
        ("empty", "grants     none\n"),
    ] {
        let home = Home::new("example");
        let (code, said, notes) = deed(&["init", home.path(), "--example", example]);
        assert_eq!(code, 0, "{notes}");
        assert!(said.contains("  3. ") && !said.contains("  4. "), "three commands follow: {said}");
        let next = format!("next: deed check {}\n", home.path());
        assert!(notes.ends_with(&next), "{notes}");
        let (code, said, errors) = deed(&["check", home.path()]);
        assert_eq!(code, 0, "{said}{errors}");
        assert!(said.starts_with("no faults;") && said.contains(grants), "{said}");
    }
}

#[test]
fn only_the_example_with_an_adapter_takes_one() {
    let adapter = workspace().join("target/adapters/scim.wasm").to_str().unwrap().to_owned();
    for example in ["declared", "empty"] {
        let home = Home::new("example");
        let args = ["init", home.path(), "--example", example, "--adapter", &adapter];
        let (code, said, errors) = deed(&args);
        assert_eq!((code, said.as_str()), (2, ""), "{errors}");
        assert!(errors.contains("only the example `scim` has an adapter file"), "{errors}");
        assert!(!home.dir.exists(), "an incomplete directory is left");
    }
    let home = Home::new("example");
    let (code, _, errors) = deed(&["init", home.path(), "--example", "nothing"]);
    assert!(code == 2 && errors.contains("declared"), "{errors}");
}

#[test]
fn the_default_example_is_scim() {
    let (plain, named) = (Home::new("example"), Home::new("example"));
    for args in [&["init", plain.path()][..], &["init", named.path(), "--example", "scim"][..]] {
        host::expect(args).unwrap();
    }
    for file in ["contracts/idp.restore_access.toml", "policies/starter.cedar"] {
        let read = |home: &Home| fs::read_to_string(home.dir.join(file)).unwrap();
        assert_eq!(read(&plain), read(&named), "{file}");
    }
}

/// A comment after a table header must not move digests from one grant to another.
#[test]
fn a_grant_whose_header_has_a_comment_is_pinned() {
    let (home, _) = made("declared");
    let file = home.dir.join("deed.toml");
    let text = fs::read_to_string(&file).unwrap();
    let is_grant = |line: &str| line.starts_with("[tenant.main.grant.");
    let lines = text.lines().map(|line| {
        let comment = if is_grant(line) { "  # reviewed" } else { "" };
        format!("{line}{comment}\n")
    });
    let text: String = lines.collect();
    assert_eq!(text.matches("# reviewed").count(), 3, "{text}");
    fs::write(&file, &text).unwrap();
    host::expect(&["pin", home.path()]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "nothing has changed");
    edit(&home.dir, "contracts/scim.delete_user.toml", "\"1.0.0\"", "\"1.0.1\"").unwrap();
    host::expect(&["pin", home.path()]).unwrap();
    let pinned = fs::read_to_string(&file).unwrap();
    let differ = pinned.lines().zip(text.lines()).filter(|(new, old)| new != old).count();
    assert_eq!((differ, pinned.lines().count()), (1, text.lines().count()), "{pinned}");
    host::expect(&["check", home.path()]).unwrap();
}

#[test]
fn a_failed_init_leaves_no_directory_whose_tokens_nobody_has_seen() {
    let (fresh, empty) = (Home::new("example"), Home::new("example"));
    fs::create_dir(&empty.dir).unwrap();
    for home in [&fresh, &empty] {
        let init = |variables: &[(&str, &str)]| {
            let mut command = Command::new(host::binary().unwrap());
            command.args(["init", home.path(), "--example", "declared"]);
            command.envs(variables.iter().copied()).output().unwrap()
        };
        // The adapters are checked with a temporary cache, because there is no other one, and it cannot be made here.
        let nowhere =
            [("DEED_CACHE", ""), ("XDG_CACHE_HOME", "/dev/null"), ("TMPDIR", "/dev/null")];
        let output = init(&nowhere);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(output.stdout.is_empty() && errors.contains("/dev/null"), "{errors}");
        let left = fs::read_dir(&home.dir).map_or(0, Iterator::count);
        assert_eq!((left, home.dir.exists()), (0, home.dir == empty.dir));
        assert!(init(&[]).status.success(), "the command can be repeated");
    }
}

#[test]
fn an_action_of_the_example_without_an_adapter_file_runs() {
    let (mut home, report) = made("declared");
    let dir = home.dir.clone();
    for name in ["read", "write"] {
        uncomment(&dir, &format!("{name:<5} = {{ secret"));
        uncomment(&dir, &format!("[tenant.main.secret.idp-{name}]"));
        uncomment(&dir, &format!("file = \"secrets/idp-{name}\""));
    }
    store(&dir, "idp-read", ScimServer::READ_TOKEN).unwrap();
    store(&dir, "idp-write", ScimServer::WRITE_TOKEN).unwrap();
    edit(&dir, "deed.toml", "http://127.0.0.1:8000/v2", &scim().base_url()).unwrap();
    edit(&dir, "deed.toml", "\"127.0.0.1:7117\"", "\"127.0.0.1:0\"").unwrap();
    edit(&dir, "deed.toml", "\"127.0.0.1:7118\"", "\"127.0.0.1:0\"").unwrap();
    let (code, said, errors) = deed(&["check", home.path()]);
    assert_eq!(code, 0, "{said}{errors}");
    home.serve().unwrap();
    let token = |name: &str| report["tokens"][name].as_str().unwrap().to_owned();
    let (helpdesk, bob, name) = (token("helpdesk"), token("bob"), fresh_name());
    let act = |contract: &str| -> Value {
        let param = format!("user_name={name}");
        let args = ["act", contract, "--param", &param, "--intent", "try it out", "--json"];
        let to = ["--url", home.url(), "--token", &helpdesk];
        let (_, said, errors) = deed(&[&args[..], &to[..]].concat());
        assert!(!said.is_empty(), "{errors}");
        serde_json::from_str(&said).unwrap()
    };
    assert_eq!(act("scim.find_user")["status"], "verified");
    let view = act("scim.create_user");
    assert_eq!(view["status"], "waiting", "{view:#}");
    let key = dir.join("approvers/bob.key").to_str().unwrap().to_owned();
    let id = view["id"].as_str().unwrap();
    let who = ["--person", "bob", "--role", "support-lead", "--yes"];
    let to = ["approve", id, "--key", &key, "--url", home.url(), "--token", &bob];
    let (code, said, errors) = deed(&[&to[..], &who[..]].concat());
    assert_eq!(code, 0, "{said}{errors}");
    let ended = home.client(&bob).rests(id, 60).unwrap().json();
    assert_eq!(ended["status"], "verified", "{ended:#}");
    assert_eq!(scim().users_named(&name).unwrap().len(), 1);
}
