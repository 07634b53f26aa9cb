//! Tests of outcomes that no observation can settle: the host notifies an operator, the operator states what happened,
//! and the host concludes the action. Until an open action is concluded, no other action writes to its resource.

mod held;
mod told;

use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::statement::resolution::{self, ResolutionVerdict as Said};
use deed_record::statement::resolution_request::{ResolutionRequest, ShownError};
use deed_spec::json::to_canonical;
use deed_test_support::shared::{ended, is_active, locked_out, report, scim, statements};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit, with_operator};
use deed_verify::Verdict;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};

const REASON: &str = "the directory's own audit trail says so";

/// Changes the directory so that no approval is needed and an observation without an effect proves nothing.
fn opaque(dir: &Path) -> Result<()> {
    with_effect(dir, "opaque")
}

fn with_effect(dir: &Path, effect: &str) -> Result<()> {
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    std::fs::write(dir.join("policies/starter.cedar"), permit)?;
    let file = "contracts/restore_access.toml";
    edit(dir, file, "\"observable\"", &format!("\"{effect}\""))?;
    with_operator(dir)
}

/// Runs an action whose write may or may not have arrived and whose observations show no effect.
fn lost(world: &World, user: &str) -> String {
    world.proxy.set("PATCH", Fault::DropBefore);
    let view = world.run(&World::proposal("idp.restore_access", user)).unwrap();
    world.proxy.set("PATCH", Fault::None);
    ended(world, &view, "indeterminate", "there was no definite answer");
    view["id"].as_str().unwrap().to_owned()
}

/// Runs an action whose write takes effect, after which no observation is usable.
fn unseen(world: &World, user: &str) -> String {
    world.proxy.set("PATCH", Fault::Delay { ms: 500 });
    let view = thread::scope(|scope| {
        let running = scope.spawn(|| world.run(&World::proposal("idp.restore_access", user)));
        wait::until("it writes", || world.proxy.count("PATCH") > 0 || running.is_finished());
        world.proxy.set("GET", Fault::DropBefore);
        running.join().unwrap().unwrap()
    });
    ended(world, &view, "indeterminate", "the result could not be observed");
    view["id"].as_str().unwrap().to_owned()
}

/// Waits until the action's view satisfies the condition, and returns the view.
fn until(world: &World, id: &str, so: impl Fn(&Value) -> bool) -> Value {
    world.until(id, so).unwrap()
}

fn escalated(world: &World, id: &str) -> Value {
    until(world, id, |view| view["escalated"].is_string())
}

/// The resolution request that the host sends to carol.
fn request(world: &World, id: &str) -> ResolutionRequest {
    let path = format!("/v1/actions/{id}/resolution_request");
    let answer = world.client(CAROL).get(&path).unwrap();
    deed_spec::json::from_value(answer.json()).unwrap()
}

/// A receipt in another form than the one in which it is written is not shown to a person.
fn refuses_other_forms(shown: &ResolutionRequest) {
    let payload = STANDARD.decode(&shown.receipt.payload).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    assert!(statement["predicate"].get("cancelled_by").is_none(), "{statement:#}");
    statement["predicate"]["cancelled_by"] = Value::Null;
    let mut shown = shown.clone();
    shown.receipt.payload = STANDARD.encode(to_canonical(&statement).unwrap());
    assert!(matches!(shown.open(), Err(ShownError::Shape(_))), "{statement:#}");
}

/// Carol's signed resolution for the current resolution request.
fn signed(world: &World, id: &str, verdict: Said) -> Value {
    let shown = request(world, id);
    refuses_other_forms(&shown);
    let now_ms = shown.look.as_ref().unwrap().at_ms;
    let word = shown.resolved(verdict, REASON, now_ms).unwrap();
    let pem = std::fs::read_to_string(world.dir.join("approvers/carol.key")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let (action, _) = shown.open().unwrap();
    json!(resolution::sign(action, &word, &key).unwrap())
}

fn post(world: &World, id: &str, body: &Value) -> deed_tests::client::Answer {
    let path = format!("/v1/actions/{id}/resolution");
    loop {
        let answer = world.client(CAROL).post(&path, body).unwrap();
        // A host that has just started waits for the full write deadline again.
        if answer.status != 409 || !answer.text("/detail").contains("may still land") {
            return answer;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Checks the record of an action that a person resolved; returns its view.
fn settled(world: &World, id: &str, outcome: Outcome, reason: &str) -> Value {
    let view = until(world, id, |view| view["status"] != "indeterminate");
    assert_eq!(view["status"], outcome.as_str(), "{view:#}");
    assert_eq!(view["outcome"], outcome.as_str(), "{view:#}");
    assert!(view["reason"].as_str().unwrap().contains(reason), "{view:#}");
    assert_eq!(view["resolution"]["person"], "carol");
    assert!(view["reconciliation"]["index"].as_u64() > view["receipt"]["index"].as_u64());
    let found = report(world, id);
    assert_eq!(found.verdict, Verdict::Verified, "{found:#?}");
    assert_eq!((found.outcome, found.settled), (Some(Outcome::Indeterminate), Some(outcome)));
    let all = statements(world, &view);
    let [receipt, word, conclusion] = all.last_chunk().unwrap();
    assert_eq!(receipt["predicateType"], "urn:deed:receipt:v1");
    for one in [word, conclusion] {
        assert_eq!(one["predicateType"], "urn:deed:reconciliation:v1");
    }
    assert_eq!(word["predicate"]["resolution"]["reason"], REASON);
    assert_eq!(conclusion["predicate"]["outcome"], outcome.as_str());
    assert!(conclusion["predicate"]["resolved_by"].is_string());
    other_verifier(world, id);
    let bundle = world.bundle(id).unwrap();
    assert_eq!(world.bundle(id).unwrap(), bundle, "and now it rests");
    view
}

/// The verifier that is built from third-party libraries reports the same result.
fn other_verifier(world: &World, id: &str) {
    let file = world.dir.join(format!("{id}.deed"));
    std::fs::write(&file, world.bundle(id).unwrap()).unwrap();
    let script = deed_tests::services::workspace().join("tests/oracle/verify.py");
    let mut python = std::process::Command::new(deed_tests::services::venv().join("bin/python"));
    let output = python.arg(script).arg(&file).arg(world.dir.join("trust")).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("carol"), "{said}");
}

#[test]
fn an_operator_settles_what_no_look_can() {
    let world = World::with(scim(), "scim", opaque).unwrap();
    let cases = [("applied", Outcome::Mismatch), ("not-applied", Outcome::Failed)];
    for (verdict, outcome) in cases {
        let user = locked_out();
        world.proxy.forget();
        let id = lost(&world, &user);
        let view = escalated(&world, &id);
        assert_eq!(view["status"], "indeterminate");
        assert_eq!(view["obligations"], json!(["resolve:1:operator"]));
        let shown = host::expect(&["show", &id, "--url", world.url(), "--token", BOB]).unwrap();
        let command = format!("deed resolve {id} applied|not-applied|retry");
        assert!(shown.contains(&command), "{shown}");
        let (done, said) = world.resolve(&id, verdict, REASON).unwrap();
        assert!(done, "{said}");
        for wanted in ["was sent, and may have taken effect", "got no answer", REASON, "you sign: "]
        {
            assert!(said.contains(wanted), "`{wanted}` is not in: {said}");
        }
        let reason = format!("carol (operator) says that it was {}", verdict.replace('-', " "));
        settled(&world, &id, outcome, &reason);
        assert_eq!(
            (world.proxy.count("PATCH"), is_active(&user)),
            (1, false),
            "nothing is sent again"
        );
        let (done, said) = world.resolve(&id, verdict, REASON).unwrap();
        assert!(!done && said.contains("does not wait for a resolution"), "{said}");
    }
}

#[test]
fn a_look_after_the_word_counts_and_a_word_after_that_look_does_not() {
    let world = World::with(scim(), "scim", |dir| with_effect(dir, "observable")).unwrap();
    let user = locked_out();
    let id = &unseen(&world, &user);
    // An observation has just failed, and the next scheduled observation is seconds away.
    let looks = world.proxy.count("GET");
    wait::until("it is looked at again and again", || world.proxy.count("GET") >= looks + 3);
    world.proxy.set("GET", Fault::None);
    let word = signed(&world, id, Said::NotApplied);
    let answer = post(&world, id, &word);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let view = settled(&world, id, Outcome::Verified, "every expectation holds");
    assert!(is_active(&user));
    assert_eq!(view["resolution"]["verdict"], "not_applied", "the word stands there all the same");
    let answer = post(&world, id, &word);
    assert_eq!(answer.status, 409);
    assert!(answer.text("/detail").contains("no open outcome"), "{}", answer.json());
}

#[test]
fn a_word_that_was_asked_for_before_a_restart_counts_and_one_under_way_is_concluded() {
    let mut world = World::with(scim(), "scim", opaque).unwrap();
    let id = lost(&world, &locked_out());
    escalated(&world, &id);
    let word = signed(&world, &id, Said::Applied);
    world.restart().unwrap();
    // The host accepts the resolution and is killed during the observation that follows.
    world.proxy.set("GET", Fault::Delay { ms: 2_000 });
    let looks = world.proxy.count("GET");
    let took = |view: &Value| view["resolution"].is_object();
    thread::scope(|scope| {
        // The host dies during the request, so no answer arrives.
        scope.spawn(|| {
            let path = format!("/v1/actions/{id}/resolution");
            while let Ok(answer) = world.client(CAROL).post(&path, &word) {
                if answer.status != 409 {
                    break;
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        until(&world, &id, took);
        wait::until("it looks", || world.proxy.count("GET") > looks);
        world.host.as_ref().unwrap().signal("KILL").unwrap();
    });
    world.host = None;
    world.proxy.set("GET", Fault::None);
    world.serve().unwrap();
    settled(&world, &id, Outcome::Mismatch, "carol (operator) says that it was applied");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn of_two_words_that_race_one_counts() {
    let world = World::with(scim(), "scim", opaque).unwrap();
    for _ in 0..3 {
        let id = lost(&world, &locked_out());
        escalated(&world, &id);
        let words = [Said::Applied, Said::NotApplied].map(|verdict| signed(&world, &id, verdict));
        let answers = thread::scope(|scope| {
            let sending = [&words[0], &words[1]].map(|word| {
                let (world, id) = (&world, &id);
                scope.spawn(move || post(world, id, word).status)
            });
            sending.map(|one| one.join().unwrap())
        });
        let outcome = match answers {
            [409, _] => Outcome::Failed,
            [_, 409] => Outcome::Mismatch,
            other => panic!("{other:?}"),
        };
        settled(&world, &id, outcome, "carol (operator) says");
    }
}

#[test]
fn without_a_grant_nobody_can_look_and_the_word_alone_settles_it() {
    let mut world = World::with(scim(), "scim", opaque).unwrap();
    let id = lost(&world, &locked_out());
    world.host = None;
    let file = world.dir.join("deed.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, grant) = text.split_once("[tenant.acme.grant.\"idp.restore_access\"]").unwrap();
    let (_, after) = grant.split_once("\n[").unwrap();
    std::fs::write(&file, format!("{before}[{after}")).unwrap();
    world.serve().unwrap();
    let view = escalated(&world, &id);
    assert!(!view["escalated"].as_str().unwrap().is_empty());
    let looks = world.proxy.count("GET");
    let (done, said) = world.resolve(&id, "not-applied", REASON).unwrap();
    assert!(done, "{said}");
    settled(&world, &id, Outcome::Failed, "the host could not look again");
    assert_eq!(world.proxy.count("GET"), looks);
    // The agent can still fetch its copy of the bundle.
    let copy = world.client(HELPDESK).get(&format!("/v1/actions/{id}/bundle")).unwrap();
    assert_eq!(copy.status, 200);
}

#[test]
fn a_retry_is_a_new_action_with_gates_of_its_own() {
    let world = World::with(scim(), "scim", opaque).unwrap();
    let user = locked_out();
    let id = lost(&world, &user);
    escalated(&world, &id);
    let (done, said) = world.resolve(&id, "retry", REASON).unwrap();
    assert!(done && said.contains("is to be PROPOSED AGAIN"), "{said}");
    let view = settled(&world, &id, Outcome::Failed, "proposed again as act_");
    let reason = view["reason"].as_str().unwrap();
    let (_, again) = reason.rsplit_once(' ').unwrap();
    let view = world.settled(again).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let sources = receipt["sources"].as_array().unwrap();
    assert_eq!(sources.last().unwrap()["uri"], format!("deed:{id}"), "it names what it repeats");
    assert!(is_active(&user));
    assert_eq!(world.proxy.count("PATCH"), 2);
}

/// The host crashes after the new action is on disk and before the resolution is concluded.
#[test]
fn a_retry_that_was_proposed_before_a_crash_is_the_one_whatever_is_configured_then() {
    let mut world = World::with(scim(), "scim", opaque).unwrap();
    let id = lost(&world, &locked_out());
    escalated(&world, &id);
    assert!(world.host.take().unwrap().stop().unwrap());
    world.serve_with(&[("DEED_FAILPOINT", "journal.index.after/proposed:1")]).unwrap();
    world.resolve(&id, "retry", REASON).ok();
    assert!(world.ends_within(wait::PATIENCE).unwrap(), "it does not die");
    world.host = None;
    edit(&world.dir, "deed.toml", "agent.helpdesk]", "agent.successor]").unwrap();
    world.serve().unwrap();
    let view = until(&world, &id, |view| view["status"] != "indeterminate");
    let reason = view["reason"].as_str().unwrap();
    assert!(view["status"] == "failed" && reason.contains("; proposed again as act_"), "{view:#}");
}
