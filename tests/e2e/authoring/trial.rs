//! Tests of `deed contract try`. After each trial, the directory for temporary files is empty, and the upstream is read
//! over a connection of the test's own.

mod attacks;
mod faults;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use deed_test_support::office::Office;
use deed_test_support::shared::{fresh_name, is_active, locked_out, scim};
use deed_tests::compiled::{CACHE, cache};
use deed_tests::host::binary;
use deed_tests::services::kinto::Kinto;
use deed_tests::services::{ScimServer, workspace};
use serde_json::{Value, json};

/// A directory for the temporary files of one command. Dropping the value removes it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("deed-trial-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file of the author, outside of the directory for temporary files.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn temporary(&self) -> PathBuf {
        let path = self.0.join("tmp");
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Exit code, stdout and stderr.
type Said = (i32, String, String);

fn command(temporary: &Path, args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary().unwrap());
    command
        .args(["contract", "try"])
        .args(args)
        .env("TMPDIR", temporary)
        .env(CACHE, cache().unwrap())
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

/// Makes a trial, and checks that nothing of it stays in the directory for temporary files.
fn attempt(args: &[&str], variables: &[(&str, &str)]) -> Said {
    let scratch = Scratch::new();
    let temporary = scratch.temporary();
    let output = command(&temporary, args, variables).output().unwrap();
    assert!(left(&temporary).is_empty(), "{args:?}: {:?}", left(&temporary));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn left(temporary: &Path) -> Vec<PathBuf> {
    fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn contract(name: &str) -> String {
    workspace().join("contracts").join(name).to_str().unwrap().to_owned()
}

fn adapter(name: &str) -> String {
    workspace().join(format!("target/adapters/{name}.wasm")).to_str().unwrap().to_owned()
}

/// The arguments of a trial of `scim.create_user`.
fn create<'a>(file: &'a str, param: &'a str, url: &'a str) -> Vec<&'a str> {
    vec![file, "--param", param, "--against", url]
}

const BEARER: [&str; 2] = ["--bearer-env", "TRIAL_READ"];
const TOKEN: [(&str, &str); 1] = [("TRIAL_READ", ScimServer::READ_TOKEN)];

#[test]
fn a_trial_reads_the_state_and_writes_nothing() {
    let (file, name) = (contract("scim/create_user.toml"), fresh_name());
    let (param, url) = (format!("user_name={name}"), scim().base_url());
    let args = [create(&file, &param, &url), BEARER.to_vec()].concat();
    let (code, page, notes) = attempt(&args, &TOKEN);
    assert_eq!(code, 0, "{page}{notes}");
    for wanted in [
        "  rehearsed\n",
        "in development\n",
        "not sent     idp POST /Users\n",
        "policy would allow the action",
        "state before the action\n  user\n    null\n",
        "only if      pre.user == null: holds\n",
    ] {
        assert!(page.contains(wanted), "`{wanted}` is missing in\n{page}");
    }
    let next = format!(
        "next: copy {file} to DIR/contracts/, add [tenant.NAME.grant.\"scim.create_user\"]"
    );
    assert!(notes.contains(&next) && notes.contains("`deed pin DIR`"), "{notes}");
    assert!(scim().users_named(&name).unwrap().is_empty(), "the user was created");
    for said in [&page, &notes] {
        assert!(!said.contains(ScimServer::READ_TOKEN), "{said}");
    }
}

#[test]
fn a_trial_with_an_adapter_shows_what_the_contract_keeps() {
    let (file, wasm, user) = (contract("idp/restore_access.toml"), adapter("scim"), locked_out());
    let (param, url) = (format!("user_id={user}"), scim().base_url());
    let more = ["--adapter", &wasm, "--json"];
    let args = [create(&file, &param, &url), BEARER.to_vec(), more.to_vec()].concat();
    let (code, report, notes) = attempt(&args, &TOKEN);
    assert_eq!(code, 0, "{report}{notes}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["action"]["outcome"], "rehearsed", "{report:#}");
    assert_eq!(report["state"]["user"]["active"], false, "{report:#}");
    assert_eq!(report["before"][0]["holds"], true, "{report:#}");
    assert_eq!(report["action"]["writes"][0]["method"], "PATCH", "{report:#}");
    assert!(!notes.contains("next:"), "{notes}");
    assert!(!is_active(&user));
}

#[test]
fn a_trial_of_an_open_contract_shows_its_plan() {
    let office = Office::open();
    let file = workspace().join("tests/support/src/office/tag_document.toml");
    let (file, wasm) = (file.to_str().unwrap(), adapter("edits-a-document"));
    let url = format!("http://{}", office.upstream.address);
    let args = [file, "--adapter", &wasm, "--against", &url];
    let params = ["--param", "document=d-1", "--param", "tag=tried-out"];
    let (code, page, notes) = attempt(&[&args[..], &params[..]].concat(), &[]);
    assert_eq!(code, 0, "{page}{notes}");
    for wanted in ["the plan has 1 write", "office PUT /documents/d-1", "tried-out"] {
        assert!(page.contains(wanted), "`{wanted}` is missing in\n{page}");
    }
    assert_eq!(office.upstream.writes().len(), 0);
    assert!(office.reads("/documents/d-1") > 0);
}

#[test]
fn a_trial_reads_with_a_user_and_a_password() {
    let kinto = Kinto::start().unwrap();
    let pair = format!("{}:{}", Kinto::READER, Kinto::READ_PASSWORD);
    let (file, url) = (contract("kinto/create_record.toml"), kinto.base_url());
    let names = ["bucket=deed", "collection=notes", "id=tried", "title=one"];
    let params: Vec<&str> = names.iter().flat_map(|one| ["--param", *one]).collect();
    let against = [file.as_str(), "--against", &url, "--basic-env", "TRIAL_PAIR"];
    let args = [&against[..], &params[..]].concat();
    let (code, page, notes) = attempt(&args, &[("TRIAL_PAIR", pair.as_str())]);
    assert_eq!(code, 0, "{page}{notes}");
    assert!(page.contains("  record\n    null\n"), "{page}");
    assert_eq!(kinto.record("tried").unwrap(), None);
    for said in [&page, &notes] {
        assert!(!said.contains(Kinto::READ_PASSWORD), "{said}");
    }
    kinto.put("tried", &json!({"title": "mine"})).unwrap();
    let (code, page, _) = attempt(&args, &[("TRIAL_PAIR", pair.as_str())]);
    assert_eq!(code, 1, "{page}");
    assert!(page.contains("precondition `pre.record == null`"), "{page}");
    assert!(page.contains("\"title\": \"mine\""), "{page}");
}

#[test]
fn the_policies_of_the_author_decide() {
    let scratch = Scratch::new();
    let policy = scratch.file(
        "own.cedar",
        "@id(\"own\") permit (principal, action == Deed::Action::\"scim.create_user\", resource)\n\
         when { principal.roles.contains(\"helpdesk\") };\n\
         @id(\"own-asks\") @obligation(\"approve:2:team-lead\")\n\
         forbid (principal, action == Deed::Action::\"scim.create_user\", resource);\n",
    );
    let (file, param) = (contract("scim/create_user.toml"), format!("user_name={}", fresh_name()));
    let url = scim().base_url();
    let args = [create(&file, &param, &url), BEARER.to_vec(), vec!["--policy", &policy]].concat();
    let (code, page, notes) = attempt(&[&args[..], &["--role", "helpdesk"]].concat(), &TOKEN);
    assert_eq!(code, 0, "{page}{notes}");
    assert!(page.contains("2 × `team-lead` (policy `own-asks`)"), "{page}");
    let (code, page, _) = attempt(&args, &TOKEN);
    assert!(code == 1 && page.contains("  denied\n"), "{page}");
}
