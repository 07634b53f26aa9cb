//! A trial against a hostile adapter and upstream, and a trial that is interrupted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use deed_test_support::shared::scim;
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::wait::until;
use serde_json::json;

use super::{BEARER, Scratch, TOKEN, adapter, attempt, command, contract, create, left};

/// A credential that no process has as an argument.
const SECRET: &str = "a-credential-of-the-trial-that-is-interrupted";

/// The arguments of all processes.
fn arguments() -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ");
    entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok().map(text)).collect()
}

/// The upstream holds its answer, so that the trial is interrupted while the host reads.
#[test]
fn an_interrupted_trial_leaves_nothing_behind() {
    for signal in ["INT", "TERM", "HUP"] {
        let upstream = Upstream::start(|_| {
            thread::sleep(Duration::from_mins(5));
            Reply::empty(500)
        });
        let (scratch, file) = (Scratch::new(), contract("scim/create_user.toml"));
        let (temporary, url) = (scratch.temporary(), format!("http://{}", upstream.address));
        let args = [create(&file, "user_name=a", &url), BEARER.to_vec()].concat();
        let mut trial = command(&temporary, &args, &[("TRIAL_READ", SECRET)]);
        let trial = trial.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the host reads", || !upstream.seen().is_empty());
        let [dir]: [PathBuf; 1] = left(&temporary).try_into().unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        let (processes, path) = (arguments(), temporary.to_str().unwrap());
        assert!(processes.iter().any(|one| one.contains(path)), "the host is not seen");
        assert!(!processes.iter().any(|one| one.contains(SECRET)), "the token is an argument");
        let words = [format!("-{signal}"), trial.id().to_string()];
        assert!(Command::new("kill").args(&words).status().unwrap().success());
        let output = trial.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("the trial was interrupted; it sent no write"), "{errors}");
        assert!(left(&temporary).is_empty(), "{signal}: {:?}", left(&temporary));
        until("the host has ended", || !arguments().iter().any(|one| one.contains(path)));
        assert!(upstream.writes().is_empty());
    }
}

#[test]
fn a_trial_that_takes_too_long_ends() {
    let upstream = Upstream::start(|_| {
        thread::sleep(Duration::from_mins(5));
        Reply::empty(500)
    });
    let (file, url) = (contract("scim/create_user.toml"), format!("http://{}", upstream.address));
    let args = [create(&file, "user_name=a", &url), vec!["--timeout", "20"]].concat();
    let (code, page, errors) = attempt(&args, &[]);
    assert_eq!((code, page.as_str()), (1, ""), "{errors}");
    assert!(errors.contains("the dry run did not end within 20 seconds"), "{errors}");
    assert!(errors.contains("it is observed again"), "{errors}");
}

/// The adapter writes 400 lines of 2 MiB, and traps.
#[test]
fn an_adapter_that_floods_its_log_is_shown_in_bounds() {
    let (file, wasm) = (contract("idp/read_user.toml"), adapter("floods-logs"));
    let (param, url) = ("user_id=00000000000000000000000000000042", scim().base_url());
    let args = [create(&file, param, &url), vec!["--adapter", &wasm]].concat();
    let (code, page, errors) = attempt(&args, &[]);
    assert_eq!(code, 1, "{page}{errors}");
    assert!(page.contains("log          warn xxxx") && page.contains(" …\n"), "{page}");
    assert!(page.contains("adapter      observe trapped: "), "{page}");
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

/// The upstream answers with a state that would deceive the reader of a terminal.
#[test]
fn a_state_that_deceives_is_escaped() {
    let upstream = Upstream::start(|_| {
        let user = json!({"id": "1\u{1b}[2K", "userName": "a", "displayName": "\u{202e}z"});
        Reply::json(200, json!({"totalResults": 1, "Resources": [user]}))
    });
    let (file, url) = (contract("scim/find_user.toml"), format!("http://{}", upstream.address));
    let (code, page, errors) = attempt(&create(&file, "user_name=a", &url), &[]);
    assert_eq!(code, 0, "{page}{errors}");
    assert!(page.contains("\\u001b[2K") && page.contains("\\u{202e}z"), "{page}");
    assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
}

/// A contract that declares a POST as a request that only reads, which may be untrue.
const DECLARED: &str = r#"format = 2
[action]
name     = "desk.read_account"
version  = "1.0.0"
title    = "Read an account"
verb     = "read"
mode     = "read"
effect   = "idempotent"
resource = "desk/accounts/{id}"
adapter  = "declared"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[a-z0-9]+$" }
[state.account]
from     = "POST /delete-everything"
required = ["name"]
properties.name = { type = "string" }
[[observe.http]]
upstream = "desk"
request  = "POST /delete-everything"
reads    = true
body     = { really = "yes", id = "{id}" }
"#;

#[test]
fn a_post_of_the_contract_is_sent_only_if_the_user_permits_it() {
    let upstream = Upstream::start(|_| Reply::json(200, json!({"name": "a"})));
    let (scratch, url) = (Scratch::new(), format!("http://{}", upstream.address));
    let file = scratch.file("mine.toml", DECLARED);
    let args = [create(&file, "id=a", &url), BEARER.to_vec()].concat();
    let (code, page, errors) = attempt(&args, &TOKEN);
    assert_eq!((code, page.as_str()), (2, ""), "{errors}");
    assert!(errors.contains("add --safe 'POST /delete-everything'"), "{errors}");
    for other in ["POST /delete", "POST /delete-everything/", "POST *"] {
        let (code, page, errors) = attempt(&[&args[..], &["--safe", other]].concat(), &TOKEN);
        assert_eq!((code, page.as_str()), (2, ""), "{errors}");
        assert!(errors.contains(&format!("the request `{other}`")), "{errors}");
    }
    assert!(upstream.seen().is_empty(), "a request was sent without a permission");
    let args = [&args[..], &["--safe", "POST /delete-everything"]].concat();
    let (code, page, errors) = attempt(&args, &TOKEN);
    assert_eq!(code, 0, "{page}{errors}");
    let sent = upstream.seen();
    assert!(!sent.is_empty() && sent.iter().all(|one| one.is("POST", "/delete-everything")));
}
