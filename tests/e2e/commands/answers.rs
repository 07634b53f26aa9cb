//! Every operation of a running host answers as the OpenAPI document describes, both successes and problems.

use std::fs;

use deed_record::statement::approval::{self, Answer, ApprovalRequest};
use deed_record::statement::resolution::{self, ResolutionVerdict};
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Client;
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::workspace;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, HELPDESK, STRANGER, World, edit, with_operator};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};

use super::document::Document;

const PROPOSE: &str = "post /v1/actions";
const EXPLAIN: &str = "post /v1/explain";
const SHOW: &str = "get /v1/actions/{id}";
const CANCEL: &str = "post /v1/actions/{id}/cancel";
const BUNDLE: &str = "get /v1/actions/{id}/bundle";
const REQUEST: &str = "get /v1/actions/{id}/approval_request";
const ANSWER: &str = "post /v1/actions/{id}/approvals";
const DEFER: &str = "post /v1/actions/{id}/deferral";
const DRAFT: &str = "post /v1/actions/{id}/draft";
const OPEN: &str = "get /v1/actions/{id}/resolution_request";
const RESOLVE: &str = "post /v1/actions/{id}/resolution";
const PAGE: &str = "get /actions/{id}";
const EDIT: &str = "get /actions/{id}/edit";
const PAGES: [&str; 8] = [
    "get /",
    "get /actions",
    "get /agents",
    "get /policies",
    "get /health",
    "get /passkeys",
    "get /passkeys/new",
    "get /sign-in",
];
/// What only a page of the console sends.
const FORMS: [&str; 9] = [
    "post /actions/{id}/statement",
    "post /actions/{id}/answer",
    "post /actions/{id}/deferral",
    "post /actions/{id}/edit",
    "post /sign-in",
    "post /sign-out",
    "post /sign-out-everywhere",
    "post /passkeys/options",
    "post /passkeys/offer",
];
const CHECKPOINT: &str = "get /log/{tenant}/checkpoint";
const TILE: &str = "get /log/{tenant}/tile/{path}";
const METADATA: [&str; 2] =
    ["get /.well-known/oauth-protected-resource", "get /.well-known/oauth-protected-resource/mcp"];

/// An issuer, which the host does not ask in these tests.
const ISSUER: &str = "[issuer.corp]\nurl = \"https://login.example.com\"\njwks = \"https://login.example.com/jwks\"\n\
    audience = \"https://deed.example.com/mcp\"\nscope = \"deed\"\n\n[tenant.acme]\n";

/// A test environment, and the OpenAPI document that its answers are checked against.
struct Trial {
    world: World,
    document: Document,
}

impl Trial {
    fn start() -> Self {
        let text = fs::read_to_string(workspace().join("docs/openapi.json")).unwrap();
        let printed = host::expect(&["openapi"]).unwrap();
        assert!(printed == text, "docs/openapi.json is not what `deed openapi` prints");
        let world = World::with(scim(), "scim", |dir| {
            edit(dir, "contracts/suspend_user.toml", "\"observable\"", "\"opaque\"")?;
            edit(dir, "deed.toml", "[tenant.acme]\n", ISSUER)?;
            with_operator(dir)
        });
        Self { world: world.unwrap(), document: Document::new(&text) }
    }

    /// Calls one operation of the OpenAPI document with `fill` as its path parameter, and checks the answer, whatever
    /// its status.
    fn send(
        &mut self,
        token: &str,
        call: &str,
        fill: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Value) {
        let (method, template) = call.split_once(' ').unwrap();
        let places = ["{id}", "{name}", "{tenant}"];
        let path = places.iter().fold(template.to_owned(), |path, place| path.replace(place, fill));
        let path = path.replace("{path}", "0/000.p/1");
        let client = self.world.client(token);
        let answer = client.send(&method.to_uppercase(), &path, headers, body.to_vec()).unwrap();
        self.document.check(method, template.split('?').next().unwrap(), &answer);
        (answer.status, answer.json())
    }

    fn get(&mut self, token: &str, call: &str, fill: &str) -> (u16, Value) {
        self.send(token, call, fill, &[], b"")
    }

    fn post(&mut self, token: &str, call: &str, fill: &str, body: &Value) -> (u16, Value) {
        self.send(token, call, fill, &[], body.to_string().as_bytes())
    }

    /// Proposes as the helpdesk agent; returns the id of an action that waits for approval.
    fn waiting(&mut self, proposal: &Value) -> String {
        assert!(self.document.fits("Proposal", proposal));
        let body = proposal.to_string();
        let wait = [("prefer", "wait=60")];
        let (status, view) = self.send(HELPDESK, PROPOSE, "", &wait, body.as_bytes());
        assert_eq!((status, &view["status"]), (202, &json!("waiting")), "{view:#}");
        view["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_operation_answers_as_the_document_says() {
    let mut trial = Trial::start();
    reading(&mut trial);
    writing(&mut trial);
    changing(&mut trial);
    resolving(&mut trial);
    looking_around(&mut trial);
    // The tests of the console, of enrolment and of the page that verifies send these.
    let elsewhere = ["get /actions/{id}/state", "get /actions/{id}/bundle", "get /verify"];
    let mut expected = FORMS.to_vec();
    expected.splice(4..4, elsewhere);
    assert_eq!(trial.document.unanswered(), expected);
}

fn reading(trial: &mut Trial) {
    let body = World::proposal("idp.read_user", &user("read", Some(true)));
    assert!(trial.document.fits("Proposal", &body));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("prefer", "wait=60"), ("idempotency-key", "one"), ("traceparent", trace)];
    let body = body.to_string();
    let (status, view) = trial.send(HELPDESK, PROPOSE, "", &headers, body.as_bytes());
    assert_eq!((status, &view["status"]), (200, &json!("verified")), "{view:#}");
    assert!(view["result"]["user"]["active"].is_boolean(), "{view:#}");
    let call = "get /v1/actions?trace=0af7651916cd43dd8448eb211c80319c";
    let (_, list) = trial.get(BOB, call, "");
    assert_eq!(list["actions"][0]["id"], view["id"], "{list:#}");
}

/// Proposes, shows, approves and verifies an action that has every optional field an agent can send.
fn writing(trial: &mut Trial) {
    let mut body = World::proposal("idp.restore_access", &locked_out());
    body["reasoning"] = json!("the ticket says so");
    body["environment"] = json!("production");
    body["expect"] = json!({"/user/active": true});
    body["sources"][0]["sha256"] = json!("0".repeat(64));
    assert_eq!(trial.post(HELPDESK, EXPLAIN, "", &body).0, 200);
    let id = trial.waiting(&body);
    assert_eq!(trial.get(HELPDESK, BUNDLE, &id).0, 409);
    approve(trial, &id);
    let (_, view) = trial.get(BOB, SHOW, &id);
    assert!(!view["calls"].as_array().unwrap().is_empty(), "{view:#}");
    assert!(!view["changes"].as_array().unwrap().is_empty(), "{view:#}");
    assert_eq!(trial.get(HELPDESK, SHOW, &id).0, 200);
    assert_eq!(trial.get(HELPDESK, BUNDLE, &id).0, 200);
    assert_eq!(trial.post(HELPDESK, CANCEL, &id, &Value::Null).0, 409);
    assert_eq!(trial.get(BOB, REQUEST, &id).0, 409);
}

/// Puts a request for approval off, and replaces its action by a changed version.
fn changing(trial: &mut Trial) {
    let id = trial.waiting(&World::proposal("idp.restore_access", &locked_out()));
    let until_ms = trial.get(BOB, SHOW, &id).1["expires_ms"].as_i64().unwrap() - 1;
    let wanted = json!({"reason": "in a meeting", "until_ms": until_ms});
    let draft = json!({"params": {"user_id": locked_out()}, "intent": "another user", "sources": [{"uri": "ticket:4712"}]});
    for (name, call, body) in [("DeferralWanted", DEFER, &wanted), ("DraftWanted", DRAFT, &draft)] {
        assert!(trial.document.fits(name, body), "{body}");
        assert_eq!(trial.post(HELPDESK, call, &id, body).0, 403, "{call}");
        for wrong in [json!({}), json!([body]), json!({"colour": "red"})] {
            assert!(!trial.document.fits(name, &wrong), "{wrong}");
            let status = trial.post(BOB, call, &id, &wrong).0;
            assert!([400, 422].contains(&status), "{call}: {status} for {wrong}");
        }
        assert_eq!(trial.post(BOB, call, &id, body).0, 202, "{call}");
    }
    assert_eq!(trial.world.settled(&id).unwrap()["status"], "denied");
    assert_eq!(trial.get(BOB, SHOW, &id).0, 200);
    assert_eq!(trial.post(BOB, DRAFT, &id, &draft).0, 202, "the same draft is the same action");
    let mut other = draft;
    other["intent"] = json!("one more user");
    for (call, body) in [(DEFER, &wanted), (DRAFT, &other)] {
        assert_eq!(trial.post(BOB, call, &id, body).0, 409, "{call} after its end");
    }
}

/// Signs the approval request for bob without the command line, so that the host's raw answer is checked.
fn approve(trial: &mut Trial, id: &str) {
    let (_, shown) = trial.get(BOB, REQUEST, id);
    let request: ApprovalRequest = serde_json::from_value(shown).unwrap();
    let pem = fs::read_to_string(trial.world.dir.join("approvers/bob.key")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let terms = request.terms(Answer::Approve, "bob", "support-lead").unwrap();
    let signed = approval::sign(request.action.digest().unwrap(), &terms, &key).unwrap();
    let signed = serde_json::to_value(signed).unwrap();
    assert!(trial.document.fits("Envelope", &signed), "{signed:#}");
    assert_eq!(trial.post(HELPDESK, ANSWER, id, &signed).0, 403);
    assert_eq!(trial.post(BOB, ANSWER, id, &json!({})).0, 400);
    assert!(trial.post(BOB, ANSWER, id, &signed).0 < 300);
    assert_eq!(trial.world.settled(id).unwrap()["status"], "verified");
    assert_eq!(trial.post(BOB, ANSWER, id, &signed).0, 409, "it has ended");
}

/// A write is lost, and its action is resolved over HTTP without the command line, so that the host's raw answers are
/// checked.
fn resolving(trial: &mut Trial) {
    let id = trial.waiting(&World::proposal("idp.suspend_user", &user("lost", Some(true))));
    assert_eq!(trial.get(CAROL, OPEN, &id).0, 409, "nothing is open");
    trial.world.proxy.set("PATCH", Fault::DropBefore);
    assert!(trial.world.approve(&id, "bob", BOB).unwrap().0);
    trial.world.proxy.set("PATCH", Fault::None);
    assert_eq!(trial.world.settled(&id).unwrap()["status"], "indeterminate");
    until("it is escalated", || trial.get(CAROL, SHOW, &id).1["escalated"].is_string());
    let (status, shown) = trial.get(CAROL, OPEN, &id);
    assert_eq!((status, shown["look"].is_object()), (200, true), "{shown:#}");
    let request: ResolutionRequest = serde_json::from_value(shown).unwrap();
    let pem = fs::read_to_string(trial.world.dir.join("approvers/carol.key")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&pem).unwrap();
    let now_ms = request.look.as_ref().unwrap().at_ms;
    let word = request.resolved(ResolutionVerdict::NotApplied, "asked", now_ms).unwrap();
    let (action, _) = request.open().unwrap();
    let signed = serde_json::to_value(resolution::sign(action, &word, &key).unwrap()).unwrap();
    assert_eq!(trial.post(HELPDESK, RESOLVE, &id, &signed).0, 403);
    assert_eq!(trial.post(CAROL, RESOLVE, &id, &json!({})).0, 400);
    assert_eq!(trial.post(CAROL, RESOLVE, &id, &signed).0, 200);
    let (_, view) = trial.get(CAROL, SHOW, &id);
    assert_eq!(view["resolution"]["verdict"], "not_applied", "{view:#}");
    assert_eq!(trial.post(CAROL, RESOLVE, &id, &signed).0, 409, "it is settled");
}

fn looking_around(trial: &mut Trial) {
    let id = trial.waiting(&World::proposal("idp.suspend_user", &user("around", Some(true))));
    for page in [PAGE, EDIT] {
        assert_eq!(trial.get(BOB, page, &id).0, 200, "{page}");
    }
    for page in PAGES {
        assert_eq!(trial.get(BOB, page, "").0, 200, "{page}");
    }
    for form in FORMS {
        assert_eq!(trial.post(BOB, form, "", &json!({})).0, 403, "{form} has no `Origin`");
    }
    assert!(trial.post(HELPDESK, CANCEL, &id, &Value::Null).0 < 300);
    let (_, list) = trial.get(BOB, "get /v1/actions?status=cancelled&limit=3", "");
    assert_eq!(list["actions"].as_array().unwrap().len(), 1, "{list:#}");
    trial.get(HELPDESK, "get /v1/contracts", "");
    trial.get(HELPDESK, "get /v1/contracts/{name}", "idp.restore_access");
    for format in ["openai", "gemini", "mcp"] {
        trial.get(HELPDESK, &format!("get /v1/tools?format={format}"), "");
    }
    trial.get(HELPDESK, CHECKPOINT, "acme");
    trial.get(HELPDESK, TILE, "acme");
    for path in METADATA {
        assert_eq!(trial.get("", path, "").0, 200, "{path}");
    }
    let operations = Client::new(&trial.world.host.as_ref().unwrap().operations, "");
    for path in ["/healthz", "/readyz", "/metrics"] {
        trial.document.check("get", path, &operations.get(path).unwrap());
    }
}

#[test]
fn what_the_document_refuses_the_host_refuses() {
    let mut trial = Trial::start();
    let good = World::proposal("idp.read_user", &user("unfit", Some(true)));
    let changes: [fn(&mut Value); 7] = [
        |body| body["colour"] = json!("red"),
        |body| body["intent"] = json!(""),
        |body| body["sources"] = json!([{"url": "x"}]),
        |body| drop(body.as_object_mut().unwrap().remove("params")),
        |body| body["environment"] = json!(7),
        |body| body["on_behalf_of"] = json!(""),
        |body| body["sources"][0]["sha256"] = json!("sha256:00"),
    ];
    for change in changes {
        let mut body = good.clone();
        change(&mut body);
        assert!(!trial.document.fits("Proposal", &body), "{body}");
        assert_eq!(trial.post(HELPDESK, PROPOSE, "", &body).0, 422, "{body}");
        assert_eq!(trial.post(HELPDESK, EXPLAIN, "", &body).0, 422, "{body}");
    }
    for header in [("prefer", "wait=soon"), ("idempotency-key", "two words"), ("traceparent", "1")]
    {
        let body = good.to_string();
        assert_eq!(trial.send(HELPDESK, PROPOSE, "", &[header], body.as_bytes()).0, 400);
    }
}

#[test]
fn problems_are_those_that_the_document_names() {
    let mut trial = Trial::start();
    let good = World::proposal("idp.read_user", &user("problems", Some(true)));
    let foreign = World::proposal("idp.no_such", "42");
    let huge = Value::from(" ".repeat(300 * 1024));
    let unknown = "act_00000000000000000000000000";
    for (token, call, fill, body, status) in [
        ("", PROPOSE, "", &good, 401),
        (BOB, PROPOSE, "", &good, 403),
        (HELPDESK, PROPOSE, "", &foreign, 404),
        (HELPDESK, PROPOSE, "", &huge, 413),
        (BOB, EXPLAIN, "", &good, 403),
        (HELPDESK, EXPLAIN, "", &huge, 413),
        (STRANGER, CANCEL, unknown, &Value::Null, 404),
        (BOB, ANSWER, unknown, &huge, 413),
    ] {
        assert_eq!(trial.post(token, call, fill, body).0, status, "{call}");
    }
    for (token, call, fill, status) in [
        ("", "get /v1/contracts", "", 401),
        (STRANGER, SHOW, unknown, 404),
        (STRANGER, BUNDLE, "no-id", 404),
        (HELPDESK, REQUEST, unknown, 403),
        (BOB, REQUEST, unknown, 404),
        ("deed_wrong", PAGE, unknown, 401),
        (HELPDESK, PAGE, unknown, 403),
        (BOB, PAGE, unknown, 404),
        (BOB, "get /v1/actions?colour=red", "", 400),
        (BOB, "get /v1/contracts/{name}", "idp.no_such", 404),
        (BOB, "get /v1/tools?format=mcp", "", 403),
        (HELPDESK, "get /v1/tools?format=soap", "", 400),
        (STRANGER, CHECKPOINT, "acme", 404),
        (STRANGER, TILE, "acme", 404),
    ] {
        assert_eq!(trial.get(token, call, fill).0, status, "{call}");
    }
    assert_eq!(trial.send(HELPDESK, PROPOSE, "", &[], b"{").0, 400);
    let (key, mut other) = ([("idempotency-key", "k")], good.clone());
    other["intent"] = json!("another");
    trial.send(HELPDESK, PROPOSE, "", &key, good.to_string().as_bytes());
    let again = trial.send(HELPDESK, PROPOSE, "", &key, other.to_string().as_bytes());
    assert_eq!(again.0, 409);
}
