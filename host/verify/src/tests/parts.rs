//! The parts of an example action: contract, policies, proposal, observations and exchanges.

use std::collections::BTreeMap;

use deed_record::action::commitment::PREFIX;
use deed_record::action::id::ActionId;
use deed_record::action::private::Openings;
use deed_record::action::salts::Salts;
use deed_record::action::{Action, Binding, Bound, ContractRef, Proposal, Source, render};
use deed_record::contract::Contract;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::codec::kind::Accepted;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::{Observation, Sight};
use deed_record::policy::{self, ActionShape, Policies, Vocabulary};
use deed_spec::digest::Digest;
use deed_spec::note;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

const CONTRACT: &str = r#"
format = 1
[action]
name = "idp.restore_access"
version = "1.0.0"
title = "Restore"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{user_id}"
adapter = "scim"
[params]
required = ["user_id"]
properties.user_id = { type = "string" }
properties.note = { type = "string", private = true }
[state.user]
required = ["id"]
volatile = ["/meta"]
properties = { id = { type = "string" }, active = { type = "boolean" }, meta = { type = "string" } }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request = "PATCH /Users/{user_id}"
body = { value = true }
guard = "etag"
[verify]
before = ["has(pre.user.active) && !pre.user.active"]
after = ["has(post.user.active) && post.user.active"]
may_change = ["/user/active"]
"#;

const POLICIES: &str = r#"@id("anyone-may-restore")
permit (principal, action == Deed::Action::"idp.restore_access", resource);
@id("restore-needs-lead") @obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"idp.restore_access", resource) when { context.environment == "production" };
"#;

/// The same contract with an adapter that writes a note first, and names it in the change.
const OPEN: &str = r#"[[perform.http]]
upstream = "idp"
request = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request = "POST /Notes"
name = "note"
answer.id = { type = "string", pattern = "^[a-z0-9]{20}$" }
body = { title = { any = { type = "string", maxLength = 20 }, name = "title" } }
[[perform.http]]
upstream = "idp"
request = "PATCH /Users/{user_id}"
body = { value = true, note = "{answer.note.id}" }
[[perform.http]]
upstream = "idp"
request = "POST /Notes/{answer.note.id}/pin"
optional = true
"#;

pub(super) fn open_contract() -> Contract {
    let (head, rest) = CONTRACT.split_once("[[perform.http]]").unwrap();
    let (_, tail) = rest.split_once("[verify]").unwrap();
    let text = format!("{head}{OPEN}[verify]{tail}").replace("format = 1", "format = 2");
    Contract::from_toml("open.toml", &text).unwrap()
}

/// The same contract with an adapter that reads the user first, and computes a part of the guarded write.
pub(super) fn guarded_contract() -> Contract {
    let read = "[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /Users/{user_id}\"\n";
    let part = "body = { value = { any = { type = \"boolean\" }, name = \"value\" } }";
    let text =
        CONTRACT.replace("format = 1", "format = 2").replace("body = { value = true }", part);
    let text = text.replace("[[perform.http]]", &format!("{read}[[perform.http]]"));
    Contract::from_toml("guarded.toml", &text).unwrap()
}

pub(crate) fn contract() -> Contract {
    Contract::from_toml("c.toml", CONTRACT).unwrap()
}

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(super) fn compiled(contract: &Contract) -> Policies {
    compiled_from(contract, POLICIES)
}

pub(super) fn compiled_from(contract: &Contract, text: &str) -> Policies {
    let shape = ActionShape {
        plan: contract.computed(),
        params: contract.params_schema(),
        state: contract.state_schemas(),
    };
    let vocabulary = Vocabulary {
        actions: [("idp.restore_access".to_owned(), shape)].into(),
        roles: ["support".to_owned(), "support-lead".to_owned()].into(),
        attributes: [].into(),
    };
    policy::compile(&[("p.cedar".into(), text.into())], &vocabulary).unwrap()
}

pub(super) type Bindings = BTreeMap<String, Binding>;

pub(super) fn bound(contract: &Contract) -> (Bound, Bindings) {
    let proposal = Proposal {
        dry_run: false,
        contract: "idp.restore_access".into(),
        params: json!({"user_id": "42", "note": format!("{}{}", PREFIX, "5e".repeat(32))}),
        intent: "let them work again".into(),
        reasoning: None,
        on_behalf_of: None,
        sources: vec![Source { uri: "https://tickets.example/1".into(), sha256: None }],
        environment: Some("production".into()),
        expect: [].into(),
    };
    let rendering = render(contract, &proposal, &ActionId::new(1, [0; 10])).unwrap();
    let rules: Vec<Rendered> =
        rendering.observe.iter().chain(&rendering.perform).cloned().collect();
    let binding = Binding {
        headers: BTreeMap::new(),
        accepted: Accepted::default(),
        idempotency: None,
        vault: BTreeMap::new(),
        base_url: "https://idp.example/v2".into(),
        addresses: vec!["public".into()],
        tls_roots: None,
        client_certificate: None,
        client_key: None,
        proxy: None,
        read: None,
        write: None,
        rules,
    };
    let action = Action {
        dry_run: false,
        edit: None,
        v: contract.format,
        id: ActionId::new(1, [0; 10]),
        tenant: "acme".into(),
        environment: "production".into(),
        principal: "helpdesk".into(),
        person: "owner".into(),
        on_behalf_of: None,
        contract: ContractRef {
            name: contract.action.name.clone(),
            version: contract.action.version.clone(),
            digest: contract.digest().unwrap(),
        },
        adapter: Digest::of(b"adapter"),
        resource: rendering.resource,
        params: proposal.params.clone(),
        binding: [("idp".to_owned(), binding.digest().unwrap())].into(),
        nonce: "00".repeat(16),
    };
    let bound = Bound {
        action: action.into(),
        proposal,
        observe: rendering.observe,
        perform: rendering.perform,
        private: Openings::default(),
        salts: Salts::default(),
    };
    (bound, [("idp".to_owned(), binding)].into())
}

pub(super) fn started(phase: Phase) -> Event {
    Event::ObserveStarted { phase }
}

pub(super) fn observed(phase: Phase, observation: &Observation) -> Event {
    Event::Observed { phase, observation: Sight::shared(observation.clone()) }
}

/// An observation of user 42. The contract allows the member `meta` to change at any time.
pub(super) fn look(active: bool, meta: &str, at_ms: i64) -> Observation {
    let user = json!({"id": "42", "active": active, "meta": meta});
    let request = request("GET", "/Users/42");
    Observation {
        state: [("user".to_owned(), user.clone())].into(),
        derived: [].into(),
        exchanges: vec![exchange(&request, 200, Some(user))],
        claim: Some(Claim::Done),
        refused: vec![],
        at_ms,
        problem: None,
    }
}

pub(crate) fn request(method: &str, path: &str) -> Rendered {
    Rendered {
        upstream: "idp".into(),
        method: method.into(),
        path: path.into(),
        calls: 1,
        writes: method != "GET",
        ..Rendered::default()
    }
}

/// The entity tag of every response.
const TAG: &str = "\"1\"";

pub(crate) fn exchange(request: &Rendered, status: u16, response: Option<Value>) -> Exchange {
    Exchange {
        idempotency_key: None,
        carried_from: None,
        retry_after_s: None,
        ordinal: 0,
        request: request.clone(),
        fate: Fate::Answered { status },
        response,
        etag: (request.method == "GET").then(|| TAG.to_owned()),
        if_match: request.guard.map(|_| TAG.to_owned()),
        redacted: vec![],
        problem: None,
        headers: [].into(),
        failure: None,
        secrets: vec![],
        started_ms: 1,
        ended_ms: 2,
        deadline_ms: 3,
    }
}

/// The public key of a log with this name.
pub(super) fn log_of(name: &str, seed: u8) -> note::VerifierKey {
    note::VerifierKey::new(name, key(seed).verifying_key()).unwrap()
}
