//! What an author is told when a trial cannot be made: with the author's own file and line, or with the option to give.

use std::fs;

use deed_test_support::shared::{fresh_name, scim};
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::services::free_address;
use serde_json::json;

use super::{BEARER, Scratch, TOKEN, adapter, attempt, contract, create};

/// An upstream that refuses every request, with control characters in its answer.
fn refusing(status: u16) -> Upstream {
    let body = json!({"detail": "the token\u{1b}[2K has expired", "code": 7});
    Upstream::start(move |_| Reply::json(status, body.clone()))
}

fn url(upstream: &Upstream) -> String {
    format!("http://{}", upstream.address)
}

#[test]
fn a_contract_with_a_mistake_is_named_with_file_and_line() {
    let scratch = Scratch::new();
    let text = fs::read_to_string(contract("scim/create_user.toml")).unwrap();
    let text = text.replace("only     = \"/Resources\"", "single   = \"/Resources\"");
    let line = text.lines().position(|line| line.starts_with("single")).unwrap() + 1;
    let file = scratch.file("mine.toml", &text);
    let (code, said, errors) = attempt(&create(&file, "user_name=a", &scim().base_url()), &[]);
    assert_eq!((code, said.as_str()), (1, ""), "{errors}");
    assert!(errors.contains(&format!("{file}:{line}: ")), "{errors}");
}

#[test]
fn a_policy_with_a_mistake_is_named_with_the_authors_file() {
    let scratch = Scratch::new();
    let other =
        "@id(\"x\")\npermit (principal, action == Deed::Action::\"scim.nothing\", resource);\n";
    let policy = scratch.file("mine.cedar", other);
    let (file, url) = (contract("scim/create_user.toml"), scim().base_url());
    let args = [create(&file, "user_name=a", &url), vec!["--policy", &policy]].concat();
    let (code, said, errors) = attempt(&args, &[]);
    assert_eq!((code, said.as_str()), (1, ""), "{errors}");
    assert!(errors.contains(&format!("{policy}:")) && errors.contains("scim.nothing"), "{errors}");
    assert!(!errors.contains("deed-contract-try") && !errors.contains("trial-0"), "{errors}");
}

#[test]
fn an_adapter_that_a_host_refuses_is_named_with_the_authors_file() {
    let scratch = Scratch::new();
    let (file, wasm) = (contract("idp/read_user.toml"), scratch.file("mine.wasm", "no component"));
    let param = "user_id=00000000000000000000000000000042";
    let url = scim().base_url();
    let args = [create(&file, param, &url), vec!["--adapter", &wasm]].concat();
    let (code, said, errors) = attempt(&args, &[]);
    assert_eq!((code, said.as_str()), (1, ""), "{errors}");
    assert!(errors.contains(&format!("{wasm}: ")), "{errors}");
}

#[test]
fn a_credential_that_is_missing_or_wrong_is_told_with_its_option() {
    let (file, name) = (contract("scim/create_user.toml"), fresh_name());
    let param = format!("user_name={name}");
    for status in [401, 403] {
        let upstream = refusing(status);
        let url = url(&upstream);
        let args = create(&file, &param, &url);
        let (code, page, errors) = attempt(&args, &[]);
        assert_eq!(code, 1, "{page}{errors}");
        let told = format!("answered {status}, and the trial sent no credential");
        for wanted in [told.as_str(), "--bearer-env VARIABLE", "--header-env", "has expired"] {
            assert!(page.contains(wanted), "`{wanted}` is missing in\n{page}");
        }
        assert!(!page.contains('\u{1b}'), "the upstream's text is not escaped:\n{page}");
        let (code, page, _) = attempt(&[args, BEARER.to_vec()].concat(), &TOKEN);
        let told = format!("answered {status} to the credential of --bearer-env TRIAL_READ");
        assert!(code == 1 && page.contains(&told), "{page}");
        let seen = upstream.seen();
        let sent = format!("Bearer {}", TOKEN[0].1);
        assert_eq!(seen.last().unwrap().header("authorization"), Some(sent.as_str()));
        assert!(upstream.writes().is_empty());
    }
}

/// A wrong parameter and a wrong base URL are answered alike.
#[test]
fn a_path_that_does_not_exist_may_be_that_of_a_wrong_base_url() {
    let (file, wasm) = (contract("idp/restore_access.toml"), adapter("scim"));
    let id = "user_id=00000000000000000000000000000042";
    for (status, is_told) in [(404, true), (410, false)] {
        let upstream = refusing(status);
        let url = url(&upstream);
        let args = [create(&file, id, &url), vec!["--adapter", &wasm]].concat();
        let (code, page, errors) = attempt(&args, &[]);
        assert_eq!(code, 1, "{page}{errors}");
        let told = format!("upstream `idp` at {url} answered 404 to every request");
        assert_eq!(page.contains(&told), is_told, "{page}");
        assert_eq!(page.contains("all paths of the API have in common"), is_told, "{page}");
    }
}

#[test]
fn an_error_that_is_text_reaches_the_author() {
    let text = "no such tenant\u{1b}[2K: ask the team of the desk";
    let upstream = Upstream::start(move |_| Reply::bytes("text/plain", text).with(400));
    let (file, url) = (contract("scim/create_user.toml"), url(&upstream));
    let (code, page, _) = attempt(&create(&file, "user_name=a", &url), &[]);
    assert!(code == 1 && page.contains("ask the team of the desk"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
}

#[test]
fn an_upstream_that_is_not_there_is_said_plainly() {
    let url = format!("http://{}", free_address().unwrap());
    let file = contract("scim/create_user.toml");
    let args = [create(&file, "user_name=a", &url), vec!["--timeout", "120"]].concat();
    let (code, page, errors) = attempt(&args, &[]);
    assert_eq!(code, 1, "{page}{errors}");
    let told = format!("upstream `idp` at {url} cannot be used: ");
    assert!(page.contains(&told) && page.contains("correct --against"), "{page}");
}

#[test]
fn what_a_trial_needs_is_named_before_anything_starts() {
    let (file, idp) = (contract("scim/create_user.toml"), contract("idp/read_user.toml"));
    let (scim, param) = (scim().base_url(), "user_name=a");
    let (wasm, id) = (adapter("scim"), "user_id=00000000000000000000000000000042");
    let good = create(&file, param, &scim);
    let with = |more: &[&'static str]| [good.clone(), more.to_vec()].concat();
    for (args, words) in [
        (vec![file.as_str(), "--param", param], "`deed contract explain "),
        (vec![file.as_str(), "--against", &scim], "add --param user_name=VALUE"),
        (create(&file, param, "http://alice:password@127.0.0.1:1"), "has an `@`"),
        (create(&file, param, "http://169.254.169.254"), "no address that a host connects to"),
        (create(&file, param, "http://no-such-host.invalid"), "has no address"),
        ([good.clone(), vec!["--adapter", &wasm]].concat(), "leave out --adapter"),
        (create(&idp, id, &scim), "give its component with --adapter FILE.wasm"),
        (with(&["--bearer-env", "NO_SUCH_VARIABLE"]), "--bearer-env: environment variable"),
        (with(&["--basic-env", "NO_COLON"]), "set it to user:password"),
        (with(&["--against", "http://127.0.0.1:1"]), "twice; keep one"),
        // A trial cannot be pointed at a host that somebody runs.
        (with(&["--url", "http://127.0.0.1:1"]), "unexpected argument '--url'"),
        (with(&["--token", "deed_token"]), "unexpected argument '--token'"),
    ] {
        let (code, said, errors) = attempt(&args, &[("NO_COLON", "0123456789abcdef-0123")]);
        assert_eq!((code, said.as_str()), (2, ""), "{args:?}: {errors}");
        assert!(errors.contains(words), "{args:?}: no `{words}` in {errors}");
        assert!(!errors.contains("0123456789abcdef"), "{errors}");
    }
    let (code, _, errors) = attempt(&with(&BEARER), &[("TRIAL_READ", "short")]);
    assert!(code == 1 && errors.contains("shorter than 16 bytes"), "{errors}");
}
