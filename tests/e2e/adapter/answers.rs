//! Tests of failed observations: the reason names the party at fault, and never says that an observation sent a write.

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::hostile::{Script, Step, answer, does, json, says};
use deed_tests::proxy::Fault;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::{RESTORE, Stage, USER};

fn refuses(status: &str, body: &Value) -> Script {
    says(answer(&format!("{status}\r\ncontent-type: application/json"), body.to_string()))
}

/// Returns the reason of a failed read. The reason neither blames the adapter nor mentions writes.
fn reason(stage: &Stage, script: Script, part: &str) -> String {
    let view = stage.read(script);
    ended(&stage.world, &view, "failed", part);
    let reason = view["reason"].as_str().unwrap().to_owned();
    assert!(!reason.contains("may have landed"), "{reason}");
    reason
}

#[test]
fn a_failed_look_is_not_a_write_that_may_have_landed() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    world.proxy.set("GET", Fault::Refuse { status: 503 });
    let view = world.propose(&World::proposal(RESTORE, &user)).unwrap().json();
    let why = "nothing was sent: upstream `idp` could not be read: the upstream answered 503";
    ended(&world, &view, "failed", why);
    assert!(!view.to_string().contains("may have landed"), "{view:#}");
    let stage = Stage::new("staging");
    let down = refuses("503 Service Unavailable", &json!({"message": "maintenance"}));
    let why = "upstream `idp` could not be read: the upstream answered 503: maintenance";
    reason(&stage, down, why);
    reason(&stage, refuses("429 Too Many Requests", &json!({})), "`idp` could not be read");
    reason(&stage, does(vec![Step::Cut]), "upstream `idp` could not be read: ");
}

#[test]
fn an_upstreams_reason_is_told_wherever_it_stands() {
    let stage = Stage::new("staging");
    for (body, said) in [
        (json!({"title": "Out of credit", "status": 403}), "403: Out of credit"),
        (json!({"message": "Bad credentials", "documentation_url": "x"}), "403: Bad credentials"),
        (json!({"error": {"code": 403, "message": "no scope"}}), "403: no scope"),
        (json!({"errors": [{"message": "first"}]}), "403: first"),
        (json!({"fault": {"faultstring": "Rate limit quota violation"}}), "403: Rate limit quota"),
        (json!({"code": 7, "record": {"ssn": "078-05-1120"}}), "403: members: code, record"),
        (json!("078-05-1120"), "403 without a detail"),
        (json!([["078-05-1120"]]), "403 without a detail"),
    ] {
        let reason = reason(&stage, refuses("403 Forbidden", &body), said);
        assert!(reason.contains("the upstream refused") && !reason.contains("078"), "{reason}");
    }
}

#[test]
fn an_answer_that_does_not_fit_the_contract_is_the_upstreams() {
    let stage = Stage::new("staging");
    let its = format!("the answer of upstream `idp` to `GET /Users/{USER}`");
    let scim = "200 OK\r\ncontent-type: application/scim+json";
    let user = |active: Value| json(&json!({"id": USER, "userName": "u", "active": active}));
    let zipped = answer(&format!("{scim}\r\ncontent-encoding: gzip"), [0x1f, 0x8b, 8, 0]);
    for (bytes, fault) in [
        (
            user(json!("False")),
            "does not fit `[state.user]` of the contract: at `/active`: `\"False\"` is not a boolean",
        ),
        (
            user(json!(0)),
            "does not fit `[state.user]` of the contract: at `/active`: `0` is not a boolean",
        ),
        (json(&json!([{"id": USER}])), "does not fit `[state.user]` of the contract: `["),
        (
            answer("200 OK\r\ncontent-type: text/html", "<html>"),
            "cannot be used: the answer is not application/json",
        ),
        (answer(scim, "{"), "cannot be used: the answer is not strict JSON"),
        (answer(scim, "\u{feff}{}"), "cannot be used: the answer begins with a byte order mark"),
        (answer(scim, ""), "cannot be used: the answer has no body"),
        (zipped, "cannot be used: the answer is compressed"),
    ] {
        let reason = reason(&stage, says(bytes), &format!("{its} {fault}"));
        assert!(!reason.contains("adapter"), "{reason}");
    }
}
