//! Resolutions of open actions that must not count: by another party, about another action, malformed, or sent twice.

use std::path::Path;

use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::resolution::{self, REASON_MAX, ResolutionVerdict, Resolved};
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_test_support::authenticator::es256;
use deed_test_support::shared::{locked_out, report, scim};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, STRANGER, World, edit, with_operator};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::forged::{key, read_key};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "resolution-by-the-wrong-person" => wrong_person,
        "resolution-of-something-else" => something_else,
        "resolution-out-of-form" => out_of_form,
        "resolution-sent-by-the-agent" => by_the_agent,
        "resolution-replayed" => replayed,
        "resolution-by-passkey" => by_passkey,
    ]
}

/// An open action that no observation can settle, and the resolution request that carol is shown.
struct Open {
    world: World,
    id: String,
    subject: Digest,
    request: ResolutionRequest,
}

/// In these tests, `carol` is an operator, and so are `alice`, for whom the agent acts, and `dora` of another tenant.
fn people(dir: &Path) -> Result<()> {
    for person in ["alice", "dora"] {
        let key = dir.join(format!("approvers/{person}.key"));
        host::expect(&["key", "new", &key.to_string_lossy()])?;
    }
    for (tenant, person, role) in
        [("acme", "alice", "helpdesk"), ("globex", "dora", "support-lead")]
    {
        let table = format!("[tenant.{tenant}.person.{person}]\n");
        let with = format!("roles = [\"operator\"]\nkeys = [\"approvers/{person}.pub\"]");
        let without = format!("{table}roles = [\"{role}\"]");
        edit(dir, "deed.toml", &without, &format!("{table}{with}"))?;
    }
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    std::fs::write(dir.join("policies/starter.cedar"), permit)?;
    edit(dir, "contracts/restore_access.toml", "\"observable\"", "\"opaque\"")?;
    with_operator(dir)?;
    es256(71).enrol(dir, "carol")
}

fn lost(world: &World) -> (String, ResolutionRequest) {
    world.proxy.set("PATCH", Fault::DropBefore);
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "indeterminate", "{view:#}");
    let id = view["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/actions/{id}/resolution_request");
    let shown = world.client(CAROL).get(&path).unwrap();
    (id, deed_spec::json::from_value(shown.json()).unwrap())
}

fn open() -> Open {
    let world = World::with(scim(), "scim", people).unwrap();
    let (id, request) = lost(&world);
    let (subject, _) = request.open().unwrap();
    Open { world, id, subject, request }
}

impl Open {
    fn word(&self) -> Resolved {
        let now_ms = self.request.look.as_ref().unwrap().at_ms;
        self.request.resolved(ResolutionVerdict::NotApplied, "I asked the owner", now_ms).unwrap()
    }

    fn signed(&self, key: &SigningKey, change: impl FnOnce(&mut Resolved)) -> Envelope {
        let mut word = self.word();
        change(&mut word);
        resolution::sign(self.subject, &word, key).unwrap()
    }

    fn send(&self, token: &str, body: &Value) -> deed_tests::client::Answer {
        let path = format!("/v1/actions/{}/resolution", self.id);
        self.world.client(token).post(&path, body).unwrap()
    }

    /// Checks that the resolution is refused for this reason and that the action is still open.
    fn refused(&self, envelope: &Envelope, reason: &str) {
        let answer = self.send(CAROL, &json!(envelope));
        let problem = (answer.status, answer.content_type.as_str());
        assert_eq!(problem, (409, "application/problem+json"), "{}", answer.json());
        let detail = answer.text("/detail");
        assert!(detail.contains(reason), "`{detail}` does not say `{reason}`");
        self.is_open();
    }

    fn is_open(&self) {
        let view = self.world.show(&self.id).unwrap();
        assert_eq!(view["status"], "indeterminate", "{view:#}");
        assert_eq!(view["resolution"], Value::Null);
    }

    /// Sends the valid resolution after all resolutions that did not count.
    fn still_good(&self) {
        let envelope = self.signed(&key(&self.world, "carol"), |_| ());
        let answer = self.send(CAROL, &json!(envelope));
        assert_eq!(
            (answer.status, answer.text("/status").as_str()),
            (200, "failed"),
            "{}",
            answer.json()
        );
        let report = report(&self.world, &self.id);
        assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
        assert_eq!(self.world.proxy.count("PATCH"), 1);
        unharmed(&self.world);
    }
}

/// A resolution has no text whose digest a passkey could cover, so only key files sign resolutions.
fn by_passkey() {
    let open = open();
    let payload = open.signed(&key(&open.world, "carol"), |_| ()).payload_bytes().unwrap();
    open.refused(&es256(71).sign(&payload, |_| ()), "a passkey cannot sign a resolution");
    open.still_good();
}

fn wrong_person() {
    let open = open();
    let (eve, carol) = (SigningKey::from_bytes(&[66; 32]), key(&open.world, "carol"));
    open.refused(&open.signed(&eve, |_| ()), "not enrolled for a person");
    let mut forged = open.signed(&eve, |_| ());
    forged.signatures[0].keyid.clone_from(&open.signed(&carol, |_| ()).signatures[0].keyid);
    open.refused(&forged, "the signature does not match");
    for name in ["keys/receipt.key", "keys/log.key", "approvers/dora.key"] {
        let own = read_key(&open.world.dir.join(name));
        open.refused(&open.signed(&own, |_| ()), "not enrolled for a person");
    }
    let as_person = |name: &'static str| {
        open.signed(&key(&open.world, name), |word| word.resolution.person = name.into())
    };
    open.refused(&as_person("bob"), "only a person in the role `operator`");
    open.refused(
        &as_person("alice"),
        "`alice` is responsible for the agent that requested this action",
    );
    for person in ["bob", "alice", "Carol", ""] {
        let signed = open.signed(&carol, |word| word.resolution.person = person.into());
        open.refused(&signed, "names a person, but its signing key belongs to another person");
    }
    for role in ["support-lead", "operator ", "Operator", "", "*"] {
        let signed = open.signed(&carol, |word| word.resolution.role = role.into());
        open.refused(&signed, "only a person in the role `operator`");
    }
    open.still_good();
}

fn something_else() {
    let open = open();
    let carol = key(&open.world, "carol");
    let (_, other) = lost(&open.world);
    let now_ms = other.look.as_ref().unwrap().at_ms;
    let word = other.resolved(ResolutionVerdict::NotApplied, "I asked", now_ms).unwrap();
    let (subject, _) = other.open().unwrap();
    for (subject, word) in [(subject, &word), (open.subject, &word), (subject, &open.word())] {
        let signed = resolution::sign(subject, word, &carol).unwrap();
        open.refused(&signed, "for another action or receipt");
    }
    let nonce = open.signed(&carol, |word| word.resolution.nonce = "0".repeat(32));
    open.refused(&nonce, "another request");
    for away in [-86_400_000, 3_600_000] {
        let signed = open.signed(&carol, |word| word.resolution.signed_ms += away);
        open.refused(&signed, "the signing time of the resolution");
    }
    let predicate = serde_json::to_value(open.word()).unwrap();
    for kind in [Kind::Approval, Kind::Receipt] {
        let statement = Statement { kind, action: open.subject, predicate: predicate.clone() };
        open.refused(&statement.sign(&carol).unwrap(), "the signed statement is not a resolution");
    }
    // The action is still open after all refused resolutions, and the valid resolution sends no second write.
    open.world.proxy.forget();
    let answer = open.send(CAROL, &json!(open.signed(&carol, |_| ())));
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(open.world.proxy.count("PATCH"), 0);
    unharmed(&open.world);
}

fn out_of_form() {
    let open = open();
    let carol = key(&open.world, "carol");
    for (reason, refusal) in [
        (String::new(), "reason is empty"),
        (" \n\t".into(), "reason is empty"),
        ("x".repeat(REASON_MAX + 1), "1001 bytes"),
    ] {
        let signed = open.signed(&carol, |word| word.resolution.reason = reason);
        open.refused(&signed, refusal);
    }
    let good = serde_json::to_value(open.word()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut predicate = good.clone();
        let (place, name) = pointer.rsplit_once('/').unwrap();
        predicate.pointer_mut(place).unwrap()[name] = value;
        predicate
    };
    let mut less = good.clone();
    less["resolution"].as_object_mut().unwrap().remove("nonce");
    let host = json!({"receipt_sha256": good["receipt_sha256"], "outcome": "verified", "reason": "r",
        "changes": [], "unexpected": [], "checks": [], "settled_ms": 1});
    for predicate in [
        with("/outcome", json!("verified")),
        with("/resolution/outcome", json!("verified")),
        with("/resolution/verdict", json!("verified")),
        with("/resolution/verdict", json!("APPLIED")),
        with("/resolution/signed_ms", json!("1")),
        less,
        host,
        json!(null),
    ] {
        let statement = Statement { kind: Kind::Reconciliation, action: open.subject, predicate };
        open.refused(&statement.sign(&carol).unwrap(), "the signed statement is not a resolution");
    }
    let envelope = open.signed(&carol, |_| ());
    let mut more = json!(envelope);
    more["verdict"] = json!("applied");
    for body in [more, json!([envelope]), json!({}), json!("applied")] {
        assert_eq!(open.send(CAROL, &body).status, 400);
        open.is_open();
    }
    open.still_good();
}

/// An agent that has obtained a validly signed resolution cannot send it, because only a person may send a resolution.
/// The resolution request is shown to people only.
fn by_the_agent() {
    let open = open();
    let body = json!(open.signed(&key(&open.world, "carol"), |_| ()));
    let shown = format!("/v1/actions/{}/resolution_request", open.id);
    for (token, status) in [(HELPDESK, 403), (STRANGER, 403), ("wrong", 401)] {
        assert_eq!(open.send(token, &body).status, status);
        assert_eq!(open.world.client(token).get(&shown).unwrap().status, status);
        open.is_open();
    }
    // Another person of the tenant may send the signed resolution.
    assert_eq!(open.world.client(BOB).get(&shown).unwrap().status, 200);
    open.still_good();
}

fn replayed() {
    let open = open();
    let carol = key(&open.world, "carol");
    let envelope = open.signed(&carol, |_| ());
    open.still_good();
    let before = open.world.bundle(&open.id).unwrap();
    let again = open.signed(&carol, |word| word.resolution.verdict = ResolutionVerdict::Applied);
    for envelope in [envelope, again] {
        let answer = open.send(CAROL, &json!(envelope));
        assert_eq!(answer.status, 409, "{}", answer.json());
        assert!(answer.text("/detail").contains("no open outcome"), "{}", answer.json());
    }
    assert_eq!(open.world.bundle(&open.id).unwrap(), before);
    // An action that was never open cannot be resolved.
    let seen = open.world.run(&World::proposal("idp.read_user", &locked_out())).unwrap();
    let id = seen["id"].as_str().unwrap();
    let path = format!("/v1/actions/{id}/resolution_request");
    assert_eq!(open.world.client(CAROL).get(&path).unwrap().status, 409);
    unharmed(&open.world);
}
