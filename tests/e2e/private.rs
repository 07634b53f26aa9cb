//! Tests of private parameters and `expose`. The guest, the policy, the approver and the upstream receive the value;
//! the host stores and reports only a commitment to the value. At the end of each test, all files of the host are
//! searched for the private values.

use std::fs;
use std::path::Path;

use deed_record::bundle;
use deed_test_support::shared::{ended, look, report, scim, user};
use deed_tests::host;
use deed_tests::private::{ERIN, OTHER, proposal, world};
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, HELPDESK, World, edit, with_operator};
use deed_verify::Status;
use serde_json::{Value, json};

const WORD: &str = "private:hmac-sha256:";
const ALLOWED: &str = "allowed by what the note says";
const ASKED: &str = "to be seen by a lead first";

fn start(values: &[&str]) -> (World, String) {
    (world(scim(), values, |_| Ok(())).unwrap(), user("private", Some(false)))
}

fn title(user: &str) -> Value {
    scim().get_user(user).unwrap()["title"].clone()
}

/// A file of a bundle as JSON. Agents and persons get different copies of a bundle.
fn file(world: &World, token: &str, view: &Value, name: &str) -> Option<Value> {
    let path = format!("/v1/actions/{}/bundle", view["id"].as_str().unwrap());
    let bundle = world.client(token).get(&path).unwrap().bytes;
    let files = bundle::read(&bundle).unwrap();
    files.get(name).map(|bytes| serde_json::from_slice(bytes).unwrap())
}

#[test]
fn the_value_goes_out_and_a_word_is_recorded() {
    let (world, user) = start(&[ASKED]);
    let view = world.run(&proposal(&user, ASKED, "honestly")).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(title(&user), ASKED);
    let action = file(&world, BOB, &view, bundle::ACTION).unwrap();
    assert!(action["params"]["note"].as_str().unwrap().starts_with(WORD), "{action:#}");
    let sent = world.proxy.requests();
    let patch = sent.iter().find(|request| request.method == "PATCH").unwrap();
    assert!(patch.body.contains(ASKED), "{patch:?}");
    let attempts = file(&world, BOB, &view, bundle::EXCHANGES).unwrap();
    let recorded = &attempts[0]["exchanges"][0];
    let value = &recorded["request"]["body"]["Operations"][1]["value"];
    assert_eq!(value, &action["params"]["note"]);
    assert_eq!(file(&world, HELPDESK, &view, bundle::EXCHANGES), None);
    assert_eq!(file(&world, HELPDESK, &view, bundle::ACTION).unwrap(), action);
}

#[test]
fn a_guest_sees_what_is_exposed_and_the_record_has_no_more() {
    let (world, user) = start(&[ASKED]);
    let view = world.run(&proposal(&user, ASKED, "honestly")).unwrap();
    ended(&world, &view, "verified", "");
    for name in ["pre", "post"] {
        let answer = look(&world, &view, name)["exchanges"][0]["response"].clone();
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members, ["active", "id", "meta", "userName"], "{answer:#}");
        assert_eq!(answer["meta"].as_object().unwrap().len(), 1, "{answer:#}");
    }
    // Without `expose`, the recorded answer contains the private title, and the host does not use an observation that
    // contains a private value.
    let everything = |dir: &Path| {
        with_operator(dir)?;
        edit(
            dir,
            "contracts/note.toml",
            "expose   = [\"/id\", \"/userName\", \"/active\", \"/meta/version\"]\n",
            "",
        )
    };
    let world = deed_tests::private::world(scim(), &[ALLOWED], everything).unwrap();
    let user = self::user("private", Some(false));
    let view = world.run(&proposal(&user, ALLOWED, "honestly")).unwrap();
    ended(&world, &view, "indeterminate", "`/title` held a secret and was redacted");
    assert_eq!(title(&user), ALLOWED);
    // The host also records the reason that a person gives for a resolution.
    let id = view["id"].as_str().unwrap();
    let (done, said) = world.resolve(id, "applied", &format!("the title is {ALLOWED}")).unwrap();
    assert!(!done && said.contains("contains the value of the private parameter `note`"), "{said}");
    let (done, said) = world.resolve(id, "applied", "the title is what was asked for").unwrap();
    assert!(done, "{said}");
    assert_eq!(world.show(id).unwrap()["status"], "mismatch");
    assert_eq!(report(&world, id).verdict, deed_verify::Verdict::Verified);
}

#[test]
fn state_outside_of_what_is_exposed_is_not_there() {
    let hide = |dir: &Path| edit(dir, "contracts/note.toml", "\"/userName\", ", "");
    let world = world(scim(), &[ALLOWED], hide).unwrap();
    let view = world.run(&proposal(&user("private", Some(false)), ALLOWED, "honestly")).unwrap();
    ended(&world, &view, "failed", "/user/userName` is missing");
}

#[test]
fn policy_has_the_value_and_says_that_it_rests_on_it() {
    let never = "never to be written down";
    let breaks = "breaks what reads it";
    let (world, user) = start(&[ALLOWED, never, breaks, ASKED]);
    let cases = [
        (ALLOWED, "verified", "", true),
        (never, "denied", "forbidden by `note-never`", true),
        (breaks, "denied", "an error denies", true),
        (ASKED, "verified", "", false),
    ];
    for (note, outcome, reason, rests) in cases {
        let view = world.run(&proposal(&user, note, "honestly")).unwrap();
        let receipt = ended(&world, &view, outcome, reason);
        assert_eq!(receipt["decision"]["rests_on_private"] == true, rests, "{receipt:#}");
        let quoted = receipt["decision"]["errors"].to_string();
        let wanted = "a policy could not be evaluated with the private parameters";
        assert_eq!(quoted.contains(wanted), note == breaks, "{quoted}");
        let report = report(&world, view["id"].as_str().unwrap());
        let line = report.checks.iter().find(|line| line.name == "decision").unwrap();
        let status = if rests { Status::Skip } else { Status::Pass };
        assert_eq!(line.status, status, "{line:?}");
        assert_eq!(line.detail.contains("depends on private parameters"), rests, "{line:?}");
        scim().patch(&user, &json!([{"op": "replace", "path": "active", "value": false}])).unwrap();
    }
}

#[test]
fn only_who_may_approve_is_shown_the_value() {
    let (world, user) = start(&[ASKED]);
    let answer = world.propose(&proposal(&user, ASKED, "honestly")).unwrap();
    assert_eq!(answer.text("/status"), "waiting");
    let (id, path) = (answer.text("/id"), format!("/v1/actions/{}", answer.text("/id")));
    let asked = format!("{path}/approval_request");
    let get = |token: &str, path: &str| {
        let answer = world.client(token).get(path).unwrap();
        (answer.status, String::from_utf8_lossy(&answer.bytes).into_owned())
    };
    assert!(get(BOB, &asked).1.contains(ASKED));
    let (status, seen) = get(ERIN, &asked);
    assert_eq!((status, seen.contains(WORD), seen.contains(ASKED)), (200, true, false));
    assert_eq!(get(HELPDESK, &asked).0, 403);
    assert_eq!(get(OTHER, &asked).0, 403);
    for token in [BOB, ERIN, HELPDESK] {
        let (status, seen) = get(token, &path);
        assert!(status < 300 && !seen.contains(ASKED), "{seen}");
    }
    assert_eq!(get(OTHER, &path).0, 404);
    // That the value is not shown is no sign of a changed request.
    let page = format!("/actions/{id}");
    let (alarm, withheld) = ("Do not approve it", "Only people who may answer see this request");
    let (status, seen) = get(ERIN, &page);
    assert_eq!(
        (status, seen.contains(alarm), seen.contains(withheld)),
        (200, false, true),
        "{seen}"
    );
    assert!(!seen.contains(ASKED), "{seen}");
    let (status, seen) = get(BOB, &page);
    assert_eq!((status, seen.contains(alarm), seen.contains(ASKED)), (200, false, true), "{seen}");
    let key = world.dir.join("approvers/bob.key");
    let to = ["--url", world.url(), "--token", ERIN, "--key", key.to_str().unwrap(), "--yes"];
    let who = ["--person", "erin", "--role", "auditor"];
    let output = host::run(&[&["approve", &id], &to[..], &who[..]].concat(), "").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("only people who may answer see this request"), "{said}");
    assert!(!output.status.success() && !said.contains("report this error"), "{said}");
    let (signed, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(signed, "{said}");
    assert!(said.contains("private, shown only to approvers"), "{said}");
    assert!(said.contains(&format!("note: \"{ASKED}\"")), "{said}");
    assert_eq!(said.matches(ASKED).count(), 2, "also in the body that would leave: {said}");
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
}

#[test]
fn an_approver_is_not_shown_another_value_than_the_action_names() {
    use deed_record::statement::approval::{Answer, ApprovalRequest};

    let (world, user) = start(&[ASKED]);
    let id = world.propose(&proposal(&user, ASKED, "honestly")).unwrap().text("/id");
    let path = format!("/v1/actions/{id}/approval_request");
    let honest = world.client(BOB).get(&path).unwrap().json();
    let refused = |change: fn(&mut Value)| {
        let mut shown = honest.clone();
        change(&mut shown);
        let request: ApprovalRequest = serde_json::from_value(shown).unwrap();
        request.terms(Answer::Approve, "bob", "support-lead").is_err()
    };
    assert!(!refused(|_| {}));
    assert!(refused(|shown| shown["private"]["note"]["value"] = json!("something harmless")));
    assert!(refused(|shown| shown["private"]["note"]["salt"] = json!("0".repeat(64))));
    assert!(refused(|shown| shown["private"] = json!({})));
    assert!(refused(|shown| shown["private"]["how"] = shown["private"]["note"].clone()));
    assert!(refused(|shown| shown["proposal"]["params"]["note"] = json!(ASKED)));
}

#[test]
fn the_journal_keeps_it_over_a_crash() {
    let (mut world, user) = start(&[ASKED]);
    let id = world.propose(&proposal(&user, ASKED, "honestly")).unwrap().text("/id");
    world.host.take().unwrap().kill().unwrap();
    world.serve().unwrap();
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(title(&user), ASKED);
    world.restart().unwrap();
    assert_eq!(world.show(&id).unwrap()["status"], "verified");
    // The answer to the write is lost, so the host decides by an observation. The recorded intent contains the
    // commitment instead of the value.
    let user = self::user("private", Some(false));
    world.proxy.set("PATCH", Fault::DropAfter);
    let view = world.run(&proposal(&user, ASKED, "honestly")).unwrap();
    ended(&world, &view, "verified", "");
    let journal = fs::read_dir(world.dir.join("state/segments")).unwrap();
    let journal: Vec<u8> =
        journal.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(String::from_utf8_lossy(&journal).contains(ASKED), "the search would see it");
}

#[test]
fn a_word_is_no_value_and_no_fault_tells_one() {
    let (world, user) = start(&[ASKED]);
    let refuse = |change: &dyn Fn(&mut Value), pointer: &str| {
        let mut proposal = proposal(&user, ASKED, "honestly");
        change(&mut proposal);
        let answer = world.propose(&proposal).unwrap();
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!(
            (answer.status, answer.text("/errors/0/pointer").as_str()),
            (422, pointer),
            "{said}"
        );
        assert!(!said.contains("by a lead"), "{said}");
    };
    let word = format!("{WORD}{}", "0".repeat(64));
    refuse(&|proposal| proposal["params"]["note"] = json!(word), "/params/note");
    refuse(&|proposal| proposal["params"]["user_id"] = json!(word), "/params/user_id");
    refuse(&|proposal| proposal["params"]["note"] = json!([ASKED]), "/params/note");
    refuse(&|proposal| proposal["params"]["note"] = json!(ASKED.repeat(9)), "/params/note");
    refuse(&|proposal| proposal["intent"] = json!(format!("as agreed: {ASKED}.")), "/intent");
    refuse(
        &|proposal| proposal["sources"][0]["uri"] = json!(format!("x:{ASKED}")),
        "/sources/0/uri",
    );
    let note = "a-note-without-spaces";
    let proposal = proposal(&user, note, "honestly");
    let key = [("idempotency-key", note)];
    let answer = world.client(HELPDESK).propose(&proposal, &key).unwrap();
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(world.client(BOB).get("/v1/actions").unwrap().json()["actions"], json!([]));
}

#[test]
fn explaining_shows_words_and_writes_nothing_down() {
    let (world, user) = start(&[ALLOWED]);
    let body = proposal(&user, ALLOWED, "honestly").to_string().into_bytes();
    let said = world.client(HELPDESK).send("POST", "/v1/explain", &[], body).unwrap();
    assert_eq!(said.json()["decision"]["verdict"], "allow", "{said:?}");
    let text = String::from_utf8_lossy(&said.bytes).into_owned();
    assert!(text.contains(WORD) && !text.contains(ALLOWED), "{text}");
}

#[test]
fn contracts_that_cannot_keep_a_secret_are_refused() {
    let refused = |from: &str, to: &str| {
        let text = deed_tests::private::CONTRACT;
        assert!(text.contains(from), "`{from}` is not there");
        let fault =
            deed_record::contract::Contract::from_toml("note.toml", &text.replace(from, to));
        fault.err().map(|fault| fault.to_string()).unwrap_or_default()
    };
    let private = "maxLength = 100, private = true";
    let table = [
        ("format = 1", "format = 1", ""),
        ("idp/users/{user_id}", "idp/users/{note}", "note.toml:10: `/action/resource`"),
        (
            private,
            "enum = [\"a\"], private = true",
            "note.toml:16: `/params/properties/note/private`: a value from",
        ),
        (private, "const = \"four\", private = true", "can be guessed"),
        (
            "type = \"string\", minLength = 4, maxLength = 100, private",
            "type = \"integer\", private",
            "it belongs to a string",
        ),
        (
            "userName = { type = \"string\" }",
            "userName = { type = \"string\", private = true }",
            "`/state/user/properties/userName/private`",
        ),
        ("has(pre.user.active) && !pre", "params.note == '' && !pre", "`params.note` is private"),
        ("has(pre.user.active) && !pre", "size(params) == 3 && !pre", "`params` as a whole"),
        ("expose   = []", "expose   = [\"id\"]", "is not a JSON pointer"),
        ("\"/userName\", ", "\"/id/x\", ", "is covered by another"),
    ];
    for (from, to, why) in table {
        let said = refused(from, to);
        assert!(said.contains(why) && said.is_empty() == why.is_empty(), "`{to}`: `{said}`");
    }
}
