//! Tests of `deed adapter test --record`: what was recorded from a real server is tested without the server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use deed_test_support::office::Office;
use deed_test_support::shared::{is_active, locked_out, scim};
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::canary::{Canary, Search};
use deed_tests::home::Home;
use deed_tests::services::{ScimServer, free_address, workspace};
use serde_json::{Value, json};

use super::{RESTORE, Said, TAG, component, project, test, test_with};

const READ: &str = "contracts/idp/read_user.toml";

const BEARER: [&str; 2] = ["--bearer-env", "RECORD_READ"];
const TOKEN: [(&str, &str); 1] = [("RECORD_READ", ScimServer::READ_TOKEN)];

/// A file with one case that has no answers.
fn case(name: &str, params: &str, want: &str) -> String {
    format!(
        "format = 1\n\n[[case]]\nname = \"{name}\"\nparams = {{ {params} }}\nwant = \"{want}\"\n"
    )
}

fn user_id(id: &str) -> String {
    format!("user_id = \"{id}\"")
}

const SOMEBODY: &str = "00000000000000000000000000000042";

/// Records the cases of the folder with this credential.
fn record(home: &Home, wasm: &Path, url: &str, more: &[&str], token: &[(&str, &str)]) -> Said {
    let bearer: &[&str] = if token.is_empty() { &[] } else { &BEARER };
    test_with(home, wasm, &[&["--record", "--against", url][..], bearer, more].concat(), token)
}

/// A new file in the folder for the recorded cases.
fn output(home: &Home) -> PathBuf {
    home.dir.join("recorded.cases.toml")
}

/// Changes a text of the answers after the writes, as the author has to.
fn correct(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    let (head, after) = text.split_once("after    = [").unwrap();
    let corrected = after.replacen(from, to, 1);
    assert_ne!(corrected, after, "{text}");
    fs::write(file, format!("{head}after    = [{corrected}")).unwrap();
}

#[test]
fn recorded_reads_pass_without_the_server() {
    let server = ScimServer::start().unwrap();
    let user = server.create_user("recorded@example.com", Some(true)).unwrap();
    let unknown = case("nobody is read", &user_id(SOMEBODY), "failed").replace("format = 1\n", "");
    let home = project(READ, &(case("a user is read", &user_id(&user), "verified") + &unknown));
    let (wasm, url) = (component("scim"), server.base_url());
    let (code, said, errors) = record(&home, &wasm, &url, &["--replace"], &TOKEN);
    assert_eq!(code, 0, "{said}{errors}");
    for wanted in [
        "ok       a user is read: rehearsed, ",
        "ok       nobody is read: failed, ",
        "         recorded: before (1)\n",
        "2 cases recorded in ",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
    let text = fs::read_to_string(home.dir.join("read_user.cases.toml")).unwrap();
    for wanted in [
        "    { request = \"GET /Users/{user_id}\", status = 200, body",
        "    { request = \"GET /Users/{user_id}\", status = 404, body",
        "userName = \"recorded@example.com\"",
    ] {
        assert!(text.contains(wanted), "no `{wanted}` in\n{text}");
    }
    drop(server);
    let (code, said, errors) = test(&home, &wasm, &[]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.ends_with("2 cases, 0 differ\n"), "{said}");
}

#[test]
fn a_recording_sends_no_write_and_its_author_corrects_the_defaults() {
    let user = locked_out();
    let cases = case("access is restored", &user_id(&user), "verified");
    let home = project(RESTORE, &cases);
    let (wasm, file, url) = (component("scim"), output(&home), scim().base_url());
    let new = file.to_str().unwrap();
    let (code, said, errors) = record(&home, &wasm, &url, &["--output", new], &TOKEN);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(!is_active(&user), "the write was sent");
    assert!(said.contains("recorded: before (1); writes and after are defaults\n"), "{said}");
    assert!(errors.contains("`writes` and `after` of 1 case are defaults"), "{errors}");
    assert!(errors.contains(&format!(" --cases {new}\n")), "{errors}");
    let own = fs::read_to_string(home.dir.join("restore_access.cases.toml")).unwrap();
    assert_eq!(own, cases, "the file of the author changes only with --replace");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("{ request = \"PATCH /Users/{user_id}\", status = 200 },\n"), "{text}");
    assert!(text.contains("# Not recorded, because a recording sends no write"), "{text}");
    let (code, said, _) = test(&home, &wasm, &["--cases", new]);
    assert!(code == 1 && said.contains("want = \"verified\""), "{said}");
    correct(&file, "active = false", "active = true");
    let (code, said, errors) = test(&home, &wasm, &["--cases", new]);
    assert_eq!(code, 0, "{said}{errors}");
    // What the author has written about writes stays in a second recording.
    let corrected = fs::read_to_string(&file).unwrap();
    let more = ["--cases", new, "--replace"];
    let (code, said, errors) = record(&home, &wasm, &url, &more, &TOKEN);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(!errors.contains("are defaults"), "{errors}");
    let comment = |line: &&str| !line.starts_with("# Not recorded");
    let lines: Vec<&str> = corrected.lines().filter(comment).collect();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_recording_of_an_open_contract_has_what_the_adapter_computed() {
    let office = Office::open();
    let cases = case("a tag is added", "document = \"d-1\", tag = \"new\"", "verified");
    let home = project(TAG, &cases);
    let (wasm, file) = (component("edits-a-document"), output(&home));
    let url = format!("http://{}", office.upstream.address);
    let new = file.to_str().unwrap();
    let (code, said, errors) = record(&home, &wasm, &url, &["--output", new], &[]);
    assert_eq!(code, 0, "{said}{errors}");
    assert!(office.upstream.writes().is_empty());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("computed = { document = { tags = [\"rules\", \"new\"], "), "{text}");
    assert!(text.contains("{ request = \"PUT /documents/{document}\", status = 200 }"), "{text}");
    assert!(!text.contains("\nreads "), "the read of `perform` is answered in `before`: {text}");
    correct(&file, "tags = [\"rules\"]", "tags = [\"rules\", \"new\"]");
    let (code, said, errors) = test(&home, &wasm, &["--cases", new]);
    assert_eq!(code, 0, "{said}{errors}");
}

/// A value that no output may contain.
const CANARY: &str = "canary-of-a-recording-3f9c1e5b2d48";

/// The upstream repeats the credential, and answers with a text that looks like another case.
#[test]
fn a_state_that_holds_a_secret_is_not_recorded_and_the_secret_is_not_shown() {
    let upstream = Upstream::start(move |request| {
        let sent = request.header("authorization").unwrap_or_default();
        Reply::json(200, json!({"id": "42", "userName": sent, "title": format!("sent {sent}")}))
    });
    let home = project(READ, &case("a user is read", &user_id(SOMEBODY), "verified"));
    let (wasm, file) = (component("scim"), output(&home));
    let url = format!("http://{}", upstream.address);
    let more = ["--output", file.to_str().unwrap()];
    let (code, said, errors) = record(&home, &wasm, &url, &more, &[("RECORD_READ", CANARY)]);
    assert_eq!(code, 1, "{said}{errors}");
    assert!(said.contains("held a secret at `/title`, so state `user` is not known"), "{said}");
    assert!(!file.exists());
    let search = Search::new(&[Canary::new("credential", CANARY.as_bytes())]);
    let find = |text: &str| search.bytes(Path::new("output"), text.as_bytes());
    let sent = upstream.seen()[0].header("authorization").unwrap().to_owned();
    assert!(!find(&sent).is_empty(), "the credential was not sent");
    for output in [&said, &errors] {
        assert_eq!(find(output), [], "{output}");
    }
}

#[test]
fn a_recording_contains_no_text_that_deceives() {
    let hostile = "x\"\n[[case]]\nname = \"evil\"\u{1b}[2K\u{202e}'''";
    let upstream = Upstream::start(move |_| {
        Reply::json(200, json!({"id": "42", "userName": "a", "displayName": hostile}))
    });
    let home = project(READ, &case("a user is read", &user_id(SOMEBODY), "verified"));
    let (wasm, file) = (component("scim"), output(&home));
    let url = format!("http://{}", upstream.address);
    let more = ["--output", file.to_str().unwrap()];
    let (code, said, errors) = record(&home, &wasm, &url, &more, &TOKEN);
    assert_eq!(code, 0, "{said}{errors}");
    let text = fs::read_to_string(&file).unwrap();
    for output in [&text, &said, &errors] {
        assert!(!output.contains(['\u{1b}', '\u{202e}']), "{output}");
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("[[case]]")).count(), 1, "{text}");
    let (code, said, errors) = test(&home, &wasm, &["--cases", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}{errors}");
}

#[test]
fn a_file_that_exists_is_kept_and_nothing_is_sent() {
    let upstream = Upstream::start(|_| Reply::json(200, json!({"id": "42", "userName": "a"})));
    let cases = case("a user is read", &user_id(SOMEBODY), "verified");
    let home = project(READ, &cases);
    let (wasm, url) = (component("scim"), format!("http://{}", upstream.address));
    let (own, link) = (home.dir.join("read_user.cases.toml"), home.dir.join("link.cases.toml"));
    symlink(home.dir.join("nowhere.toml"), &link).unwrap();
    let none: &[&str] = &[];
    let outputs = [["--output", own.to_str().unwrap()], ["--output", link.to_str().unwrap()]];
    for more in [none, &outputs[0], &outputs[1]] {
        let (code, said, errors) = record(&home, &wasm, &url, more, &TOKEN);
        assert_eq!((code, said.as_str()), (1, ""), "{errors}");
        assert!(errors.contains("exists; name a new file with --output, or add"), "{errors}");
    }
    assert!(upstream.seen().is_empty());
    assert_eq!(fs::read_to_string(&own).unwrap(), cases);
    assert!(!home.dir.join("nowhere.toml").exists());
}

#[test]
fn a_case_that_does_not_fit_the_upstream_is_not_recorded() {
    let refusing = Upstream::start(|_| Reply::json(401, json!({"detail": "who\u{1b}[2K"})));
    let refusing = format!("http://{}", refusing.address);
    let absent = format!("http://{}", free_address().unwrap());
    for (url, want, words) in [
        (&refusing, "verified", "want = \"verified\", and the dry run ended as failed"),
        (&refusing, "verified", "give one that may read, with --bearer-env"),
        (&absent, "failed", "nothing was written"),
    ] {
        let home = project(READ, &case("a user is read", &user_id(SOMEBODY), want));
        let (wasm, file) = (component("scim"), output(&home));
        let more = ["--output", file.to_str().unwrap()];
        let (code, said, errors) = record(&home, &wasm, url, &more, &[]);
        assert_eq!(code, 1, "{said}{errors}");
        assert!(said.contains("read_user.cases.toml:3: ") && said.contains(words), "{said}");
        assert!(said.ends_with("1 of 1 cases cannot be recorded; nothing was written\n"), "{said}");
        assert!(!said.contains('\u{1b}') && !file.exists(), "{said}");
    }
}

/// A contract that reads the state with a POST, which could write.
const SEARCHING: &str = r#"format = 2
[action]
name     = "desk.find_account"
version  = "1.0.0"
title    = "Find an account"
verb     = "read"
mode     = "read"
effect   = "idempotent"
resource = "desk/accounts/{id}"
adapter  = "searches"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[a-z0-9]+$" }
[state.account]
from     = "POST /accounts/search"
required = ["name"]
properties.name = { type = "string" }
[[observe.http]]
upstream = "desk"
request  = "POST /accounts/search"
reads    = true
body     = { id = "{id}" }
"#;

#[test]
fn a_post_is_sent_only_if_the_user_permits_it() {
    let upstream = Upstream::start(|_| Reply::json(200, json!({"name": "a"})));
    let home = project(READ, "");
    for name in ["read_user.toml", "read_user.cases.toml"] {
        fs::remove_file(home.dir.join(name)).unwrap();
    }
    fs::write(home.dir.join("find.toml"), SEARCHING).unwrap();
    let cases = case("an account is found", "id = \"a\"", "verified");
    fs::write(home.dir.join("find.cases.toml"), cases).unwrap();
    let declared = workspace().join("adapters/declared/declared.wasm");
    let url = format!("http://{}", upstream.address);
    let (code, said, errors) = record(&home, &declared, &url, &["--replace"], &TOKEN);
    assert_eq!((code, said.as_str()), (2, ""), "{errors}");
    assert!(errors.contains("add --safe 'POST /accounts/search'"), "{errors}");
    assert!(upstream.seen().is_empty(), "a request was sent without a permission");
    let more = ["--replace", "--safe", "POST /accounts/search", "--json"];
    let (code, said, errors) = record(&home, &declared, &url, &more, &TOKEN);
    assert_eq!(code, 0, "{said}{errors}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["cases"][0]["recorded"]["before"], 1, "{report:#}");
    assert_eq!(report["cases"][0]["defaults"], false, "{report:#}");
    assert!(upstream.seen().iter().all(|one| one.is("POST", "/accounts/search")));
    let (code, said, errors) = test(&home, &declared, &[]);
    assert_eq!(code, 0, "{said}{errors}");
}

#[test]
fn options_that_do_not_fit_are_named() {
    let home = project(READ, &case("a user is read", &user_id(SOMEBODY), "verified"));
    let wasm = component("scim");
    let against = ["--against", "http://127.0.0.1:1"];
    for (options, words) in [
        (
            &["--record", "--replace"][..],
            "a recording needs the address of each upstream; add --against idp=URL",
        ),
        (&against[..], "--record"),
        (&["--replace"][..], "--record"),
        (&BEARER[..], "a test without --record sends no credential"),
        (&["--record", "--faults"][..], "cannot be used with"),
        (&["--contract", "other.toml"][..], "`other.toml` is not in"),
    ] {
        let (code, said, errors) = test_with(&home, &wasm, options, &TOKEN);
        assert_eq!((code, said.as_str()), (2, ""), "{options:?}: {errors}");
        assert!(errors.contains(words), "{options:?}: {errors}");
    }
    let home = project(READ, &case("a user is read", &user_id(SOMEBODY), "verified"));
    fs::copy(workspace().join(RESTORE), home.dir.join("restore_access.toml")).unwrap();
    let cases = case("access is restored", &user_id(SOMEBODY), "verified");
    fs::write(home.dir.join("restore_access.cases.toml"), cases).unwrap();
    let (code, said, errors) = test(&home, &wasm, &["--record", against[0], against[1]]);
    assert_eq!((code, said.as_str()), (2, ""), "{errors}");
    assert!(errors.contains("2 contracts have cases; name one with --contract"), "{errors}");
}
