//! Creates the parts of the events of a race: a contract for each effect, an action of this contract, observations,
//! decisions and exchanges.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::private::Openings;
use deed_record::action::salts::Salts;
use deed_record::action::{self, Action, Binding, Bound, ContractRef, Idempotency, Proposal};
use deed_record::contract::{Contract, Effect};
use deed_record::exchange::codec::kind::Accepted;
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::event::{Event, GrantRecord};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Decision, Facts, Verdict};
use deed_record::statement::envelope::Signed;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use serde_json::json;

use super::lines::{Sent, Write};

pub(super) fn exchange(story: &Story, write: &Write) -> Exchange {
    Exchange {
        ordinal: write.ordinal.into(),
        request: story.bound.perform[usize::from(write.ordinal)].clone(),
        fate: match write.sent {
            Sent::Unsent => Fate::NotSent,
            Sent::NoAnswer => Fate::NoAnswer,
            Sent::Done => Fate::Answered { status: 201 },
        },
        response: None,
        etag: None,
        if_match: None,
        idempotency_key: key(write.ordinal),
        carried_from: write.carried_from,
        redacted: vec![],
        problem: None,
        headers: [].into(),
        failure: None,
        secrets: vec![],
        retry_after_s: None,
        started_ms: 0,
        ended_ms: 0,
        deadline_ms: write.deadline,
    }
}

/// The idempotency key of a write, which is the same in every attempt.
#[expect(clippy::unnecessary_wraps, reason = "the form of the records")]
pub(super) fn key(ordinal: u8) -> Option<String> {
    Some(format!("key-{ordinal}"))
}

pub(super) fn contract(effect: Effect, writes: usize) -> Contract {
    let effect = format!("{effect:?}").to_lowercase();
    let after = ["post.item.one == 1", "post.item.two == 1"].get(..writes).unwrap();
    let rule = |slot: &&str| {
        format!("[[perform.http]]\nupstream = \"shop\"\nrequest = \"POST /items/{{id}}/{slot}\"\n")
    };
    let perform = ["one", "two"].iter().take(writes).map(rule).collect::<Vec<_>>().concat();
    let text = format!(
        r#"format = 1
[action]
name = "race.run"
version = "1.0.0"
title = "Race"
verb = "update"
mode = "write"
effect = "{effect}"
resource = "items/{{id}}"
adapter = "race"
[params]
required = ["id"]
properties.id = {{ type = "string" }}
[state.item]
required = ["one", "two"]
properties = {{ one = {{ type = "integer" }}, two = {{ type = "integer" }} }}
[[observe.http]]
upstream = "shop"
request = "GET /items/{{id}}"
{perform}
[verify]
before = ["pre.item.one == 0"]
after = {after:?}
may_change = ["/item/one", "/item/two"]
[limits]
timeout = "1s"
attempts = 2
"#
    );
    Contract::from_toml("race.toml", &text).unwrap()
}

pub(super) fn bound(contract: &Contract) -> (Bound, BTreeMap<String, Binding>) {
    let proposal = Proposal {
        dry_run: false,
        contract: "race.run".into(),
        params: json!({"id": "1"}),
        intent: "to race".into(),
        reasoning: None,
        on_behalf_of: None,
        sources: vec![],
        environment: None,
        expect: [].into(),
    };
    let rendering = action::render(contract, &proposal, &ActionId::new(1, [0; 10])).unwrap();
    let binding = Binding {
        base_url: "https://shop.example".into(),
        addresses: vec![],
        tls_roots: None,
        client_certificate: None,
        client_key: None,
        proxy: None,
        read: None,
        write: None,
        headers: BTreeMap::new(),
        accepted: Accepted::default(),
        idempotency: Some(Idempotency { header: "idempotency-key".into(), window_ms: 3_600_000 }),
        vault: BTreeMap::new(),
        rules: vec![],
    };
    let action = Action {
        dry_run: false,
        edit: None,
        v: 1,
        id: ActionId::new(1, [0; 10]),
        tenant: "acme".into(),
        environment: "test".into(),
        principal: "helpdesk".into(),
        person: "owner".into(),
        on_behalf_of: None,
        contract: ContractRef {
            name: "race.run".into(),
            version: "1.0.0".into(),
            digest: contract.digest().unwrap(),
        },
        adapter: Digest::of(b"adapter"),
        resource: rendering.resource,
        params: proposal.params.clone(),
        binding: [].into(),
        nonce: "00".repeat(16),
    };
    let (observe, perform) = (rendering.observe, rendering.perform);
    let (private, salts) = (Openings::default(), Salts::default());
    (
        Bound { action: action.into(), proposal, observe, perform, private, salts },
        [("shop".to_owned(), binding)].into(),
    )
}

pub(super) fn look(began: i64, shown: [u8; 2]) -> Observation {
    let item = json!({"one": shown[0], "two": shown[1]});
    Observation {
        state: [("item".to_owned(), item)].into(),
        derived: [].into(),
        exchanges: vec![],
        claim: None,
        refused: vec![],
        at_ms: began,
        problem: None,
    }
}

pub(super) fn decided(gate: bool) -> Event {
    let decision = Decision {
        verdict: Verdict::Allow,
        obligations: vec![],
        determining: vec![],
        not_applied: vec![],
        errors: vec![],
        policy_set: Digest::of(b"policies"),
        reason: None,
        rests_on_private: false,
    };
    let word = |text: &str| text.to_owned();
    let facts = Facts {
        plan: None,
        agent: word("helpdesk"),
        person: word("owner"),
        roles: [].into(),
        tenant: word("acme"),
        contract: word("race.run"),
        verb: word("update"),
        mode: word("write"),
        resource: word("items/1"),
        attributes: [].into(),
        params: json!({"id": "1"}),
        environment: word("test"),
        on_behalf_of: None,
        sources: vec![],
        time_s: 0,
        approvals: [].into(),
        pre: None,
    };
    let (decision, facts) = (Arc::new(decision), Arc::new(facts));
    Event::Decided { gate, decision, facts, activated: Digest::of(b"activated") }
}

pub(super) fn cleared(story: &Story) -> Event {
    let grant = GrantRecord {
        contract: story.bound.action.contract.digest,
        adapter: story.bound.action.adapter,
        upstreams: Arc::default(),
        timeout_ms: 1,
        exchange_timeout_ms: 1,
    };
    Event::Cleared { grant: Arc::new(grant) }
}

pub(super) fn envelope() -> Arc<Signed> {
    let (payload, payload_type) = (String::new(), String::new());
    Signed::shared(Envelope { payload, payload_type, signatures: vec![] })
}
