//! The stage of the attempts: an action of the agent that waits for a person, actions of other agents, and bodies that
//! would decide if a person sent them.

use std::path::Path;

use deed_record::statement::resolution::{self, ROLE, Resolution, ResolutionVerdict, Resolved};
use deed_spec::digest::Digest;
use deed_test_support::shared::{is_active, locked_out, scim, user};
use deed_tests::client::{Answer, Client};
use deed_tests::services::Result;
use deed_tests::wait;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, with_operator};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::callers::approvals::with_alice;
use crate::callers::forged::{Asked, asked, key};
use crate::callers::overload::{OTHERS, ask, prepare, read};
use crate::callers::unharmed;

/// What an agent attempts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// To approve its action with an answer that its own person signed.
    ApproveOwn,
    /// To approve it with an answer of another person: a valid one, one with another key, one without a signature.
    ApproveOther,
    /// To change the parameters of the waiting action.
    Edit,
    /// To resolve it with a statement of an operator.
    Resolve,
    /// To stop other actions.
    Freeze,
    /// To read an action of another agent of the tenant, and one of another tenant.
    Read,
}

impl Attempt {
    pub(super) const ALL: [Self; 6] =
        [Self::ApproveOwn, Self::ApproveOther, Self::Edit, Self::Resolve, Self::Freeze, Self::Read];
}

/// One attempt: the action that it is about, the tenant of that action, and a body.
pub(super) struct Payload {
    pub(super) id: String,
    pub(super) tenant: &'static str,
    pub(super) body: Value,
}

/// An action of another agent, with its tenant and its user.
struct Foreign {
    id: String,
    tenant: &'static str,
    user: String,
}

pub(super) struct Stage {
    pub(super) world: World,
    own: Asked,
    user: String,
    foreign: [Foreign; 2],
}

fn people(dir: &Path) -> Result<()> {
    with_alice(dir)?;
    with_operator(dir)?;
    prepare(dir, "")
}

impl Stage {
    pub(super) fn open() -> Self {
        let (world, own_user) = (World::with(scim(), "scim", people).unwrap(), locked_out());
        let own = asked(&world, &own_user);
        let (beside, elsewhere) = (locked_out(), user("elsewhere", Some(true)));
        let proposal = World::proposal("idp.restore_access", &beside);
        let waits = ask(&world, OTHERS[0], &proposal, "wait=60");
        assert_eq!(waits.text("/status"), "waiting", "{}", waits.json());
        let ended = ask(&world, STRANGER, &read(&elsewhere), "wait=60");
        assert_eq!(ended.text("/status"), "verified", "{}", ended.json());
        let foreign = [
            Foreign { id: waits.text("/id"), tenant: "acme", user: beside },
            Foreign { id: ended.text("/id"), tenant: "globex", user: elsewhere },
        ];
        Self { world, own, user: own_user, foreign }
    }

    /// The agent whose token every attempt has.
    pub(super) fn agent(&self) -> Client {
        self.world.client(HELPDESK)
    }

    pub(super) fn payloads(&self, attempt: Attempt) -> Vec<Payload> {
        let own = |body| Payload { id: self.own.id.clone(), tenant: "acme", body };
        match attempt {
            Attempt::ApproveOwn => {
                let alice = key(&self.world, "alice");
                let signed = self.own.signed(&alice, |terms| "alice".clone_into(&mut terms.person));
                vec![own(json!(signed))]
            }
            Attempt::ApproveOther => self.approvals().into_iter().map(own).collect(),
            Attempt::Edit => vec![own(self.edit())],
            Attempt::Resolve => vec![own(self.resolution())],
            Attempt::Freeze => vec![own(json!({"freeze": true, "actions": [self.own.id]}))],
            Attempt::Read => self.foreign.iter().map(Foreign::payload).collect(),
        }
    }

    fn approvals(&self) -> [Value; 3] {
        let valid = self.own.signed(&key(&self.world, "bob"), |_| ());
        let forged = self.own.signed(&SigningKey::from_bytes(&[66; 32]), |_| ());
        let mut unsigned = valid.clone();
        unsigned.signatures.clear();
        [json!(valid), json!(forged), json!(unsigned)]
    }

    /// The proposal of the waiting action, for another user.
    fn edit(&self) -> Value {
        let mut proposal = World::proposal("idp.restore_access", &self.foreign[0].user);
        proposal["id"] = json!(self.own.id);
        proposal
    }

    fn resolution(&self) -> Value {
        let resolution = Resolution {
            person: "carol".to_owned(),
            role: ROLE.to_owned(),
            verdict: ResolutionVerdict::Applied,
            reason: "I looked".to_owned(),
            nonce: self.own.terms().nonce,
            signed_ms: 0,
        };
        let resolved = Resolved { receipt_sha256: Digest::of(b"receipt"), resolution };
        let carol = key(&self.world, "carol");
        json!(resolution::sign(self.own.subject, &resolved, &carol).unwrap())
    }

    /// Checks that a text says nothing about the actions of others.
    pub(super) fn hides_others(&self, text: &str) {
        for other in &self.foreign {
            assert!(!text.contains(&other.user), "the agent sees an action of others: {text}");
        }
    }

    /// Checks that no attempt had an effect: the action waits as before, and its person can still approve it.
    pub(super) fn untouched(self) {
        let shown = self.world.show(&self.own.id).unwrap();
        assert_eq!(
            (&shown["status"], &shown["approvals"], &shown["params"]["user_id"]),
            (&json!("waiting"), &json!([]), &json!(self.user)),
            "{shown:#}"
        );
        let beside = self.world.show(&self.foreign[0].id).unwrap();
        assert_eq!(beside["status"], "waiting", "{beside:#}");
        assert_eq!(self.world.proxy.count("PATCH"), 0);
        assert!(!is_active(&self.user));
        let (done, said) = self.world.approve(&self.own.id, "bob", BOB).unwrap();
        assert!(done, "{said}");
        assert_eq!(self.world.settled(&self.own.id).unwrap()["status"], "verified");
        assert_eq!(self.world.proxy.count("PATCH"), 1);
        self.allowed_again();
        unharmed(&self.world);
    }

    /// Waits until the agent's refusals are forgiven.
    fn allowed_again(&self) {
        patiently(|| self.agent().get("/v1/contracts").unwrap());
    }
}

impl Foreign {
    fn payload(&self) -> Payload {
        Payload { id: self.id.clone(), tenant: self.tenant, body: json!({"action": self.id}) }
    }
}

/// The answer to a request. While the agent has used up its budget of refusals, the request is repeated.
pub(super) fn patiently(ask: impl Fn() -> Answer) -> Answer {
    wait::answer("the agent may ask again", ask, |answer| answer.status != 429)
}

/// The answers to several attempts as one cell. Equal answers stand there once.
pub(super) fn cell(answers: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = answers.into_iter().collect();
    all.dedup();
    all.join(", ")
}
