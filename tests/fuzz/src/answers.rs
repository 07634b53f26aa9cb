//! Fuzz target for signed answers of approvers. The target checks that an answer counts only if it is bob's answer to
//! the pending request.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_host::config::{self, Config};
use deed_host::stage::{approval, contract};
use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::Story;
use deed_record::policy::Obligation;
use deed_record::statement::approval::{Answer, ApprovalRequest, Ask, Terms, sign};
use deed_spec::digest::Digest;
use deed_spec::dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, key_id};
use deed_spec::json;
use ed25519_dalek::Signer as _;

use crate::served;

const NOW_MS: i64 = 1_000_000;

/// A fixture with one action that waits for bob's answer.
struct Asked {
    config: Config,
    story: Story,
}

/// The input is an envelope as received over HTTP or, after a `+`, any payload, which is then signed by bob. Only bob's
/// answer to the pending request counts.
pub(crate) fn run(data: &[u8]) {
    let envelope = match data.split_first() {
        Some((b'+', payload)) => Some(signed(payload)),
        _ => json::parse(data).ok().and_then(|value| json::from_value(value).ok()),
    };
    let Some(envelope) = envelope else { return };
    let asked = asked();
    let tenant = &asked.config.tenants["acme"];
    let received = approval::receive(tenant, &asked.story, envelope.clone(), NOW_MS, unshown);
    let Ok(answer) = received else { return };
    assert_eq!((answer.person.as_str(), answer.role.as_str()), ("bob", "support-lead"));
    let bob = served::bob().verifying_key().into();
    let (action, said) = deed_record::statement::approval::open(&envelope, &bob).unwrap();
    assert_eq!(answer.approves, said.decision == Answer::Approve);
    // An answer that counts can be rebuilt from the request and the fields that the signer chooses.
    let own = terms(&asked.story, said.decision, said.reason);
    assert_eq!(sign(action, &own, &served::bob()).unwrap(), envelope);
    assert_eq!(action, asked.story.bound.action.digest().unwrap());
}

/// Bob has no passkey, so the text that he is shown is never compared.
fn unshown(_: &ApprovalRequest, _: &str) -> Result<Digest, String> {
    Err("no text".to_owned())
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let story = &asked().story;
    let action = story.bound.action.digest().unwrap();
    let mut seeds = Vec::new();
    for decision in [Answer::Approve, Answer::Deny] {
        let envelope = sign(action, &terms(story, decision, None), &served::bob()).unwrap();
        let tenant = &asked().config.tenants["acme"];
        let received = approval::receive(tenant, story, envelope.clone(), NOW_MS, unshown);
        assert!(received.is_ok());
        seeds.push([b"+".to_vec(), envelope.payload_bytes().unwrap()].concat());
        seeds.push(json::to_canonical(&envelope).unwrap());
    }
    seeds
}

fn asked() -> &'static Asked {
    static ASKED: OnceLock<Asked> = OnceLock::new();
    ASKED.get_or_init(|| {
        let toml = served::toml("starter", served::STARTER);
        let config = config::load(&served::make("approval", &toml)).unwrap();
        let story = story(&config);
        Asked { config, story }
    })
}

fn story(config: &Config) -> Story {
    let (tenant, environment) = (config.tenants["acme"].as_ref(), config.environment.as_str());
    let (agent, person) = ("helpdesk", "alice");
    let (party, access) = (contract::Party::Proposal, contract::Access::Tested);
    let caller = contract::Caller { tenant, environment, agent, person, party, access };
    let proposal = br#"{"contract":"idp.restore_access","params":{"user_id":"0123456789abcdef0123456789abcdef"},"intent":"i"}"#;
    let proposal = contract::parse(proposal).unwrap();
    let id = ActionId::new(1, [0; 10]);
    let fresh = contract::bind(caller, proposal, id, "0".repeat(32), || None).unwrap();
    let (bound, bindings) = (Arc::new(fresh.bound), fresh.bindings);
    let event = Event::Proposed { bound, bindings, trace: None };
    let mut story = Story::fold(&[Entry { at_ms: 1, event }]).unwrap();
    let (role, policy) = ("support-lead".to_owned(), "restore-needs-lead".to_owned());
    story.ask = Some(Arc::new(Ask {
        plan: None,
        nonce: "1".repeat(32),
        expires_ms: 2 * NOW_MS,
        pre_state: Digest::of(b"pre"),
        policy_set: Digest::of(b"policies"),
        obligations: vec![Obligation { count: 1, role, policy }],
    }));
    story
}

fn terms(story: &Story, decision: Answer, reason: Option<String>) -> Terms {
    let (action, ask) = (&story.bound.action, story.ask.as_ref().unwrap());
    Terms {
        plan: None,
        contract: action.contract.digest,
        adapter: action.adapter,
        binding: action.binding.clone(),
        pre_state: ask.pre_state,
        policy_set: ask.policy_set,
        decision,
        person: "bob".into(),
        role: "support-lead".into(),
        nonce: ask.nonce.clone(),
        expires_ms: ask.expires_ms,
        reason,
        shown: None,
    }
}

/// Bob's signature over any payload (DSSE v1.0.2 pre-authentication encoding).
pub(crate) fn signed(payload: &[u8]) -> Envelope {
    let (key, head) =
        (served::bob(), format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()));
    let signature = key.sign(&[head.as_bytes(), payload].concat());
    let keyid = key_id(&key.verifying_key()).unwrap();
    let sig = STANDARD.encode(signature.to_bytes());
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.into(),
        signatures: vec![EnvelopeSignature { keyid, sig, webauthn: None }],
    }
}
