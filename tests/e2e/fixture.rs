//! A fixture for tests with many actions, or with a `state/` on a simulated disk. The fixture has a served directory of
//! its own and a fast upstream in this process. Suspending a user needs no approval; restoring a user needs the
//! approval of a support lead.

use std::fs;

use deed_record::statement::approval::{self, Answer, ApprovalRequest};
use deed_tests::client::{self, Client};
use deed_tests::home::Home;
use deed_tests::host::Host;
use deed_tests::hostile::Hostile;
use deed_tests::world::{BOB, HELPDESK, SCIM, World, edit, lay_out};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde_json::Value;

pub(crate) const RESTORE: &str = "idp.restore_access";
pub(crate) const SUSPEND: &str = "idp.suspend_user";

/// A host, its upstream, and its served directory, which is removed on drop.
pub(crate) struct Fixture {
    pub(crate) home: Home,
    pub(crate) upstream: Hostile,
}

impl Fixture {
    /// Prepares the served directory without starting the host.
    pub(crate) fn prepare(name: &str) -> Self {
        let (home, upstream) = (Home::new(name), Hostile::start().unwrap());
        let dir = home.dir.as_path();
        lay_out(dir, &upstream.base_url(), SCIM).unwrap();
        let scope = "    resource\n)\nwhen { context.environment";
        let both = "action in [Deed::Action::\"idp.restore_access\", Deed::Action::\"idp.suspend_user\"],\n";
        let one = "action == Deed::Action::\"idp.restore_access\",\n";
        let (both, one) = (format!("{both}{scope}"), format!("{one}{scope}"));
        edit(dir, "policies/starter.cedar", &both, &one).unwrap();
        edit(dir, "contracts/suspend_user.toml", "guard    = \"etag\"", "").unwrap();
        home.pin().unwrap();
        Self { home, upstream }
    }

    pub(crate) fn serve(&mut self) {
        self.home.serve().unwrap();
    }

    pub(crate) fn host(&self) -> &Host {
        self.home.host.as_ref().unwrap()
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        self.home.client(token)
    }

    /// Proposes an action for the user with this number. Returns the answer, whatever its status.
    pub(crate) fn ask(&self, contract: &str, user: u32, wait: &str) -> client::Answer {
        let user = format!("{user:032x}");
        self.upstream.set(&user, "active", (contract == SUSPEND).into());
        let proposal = World::proposal(contract, &user);
        self.client(HELPDESK).propose(&proposal, &[("prefer", wait)]).unwrap()
    }

    /// Like `ask`, but the proposal must be accepted. Returns the action's id.
    pub(crate) fn propose(&self, contract: &str, user: u32, wait: &str) -> Value {
        let said = self.ask(contract, user, wait);
        assert!(said.status == 200 || said.status == 202, "{}", said.json());
        said.json()
    }

    /// Signs an approval as bob and sends it. Returns the host's answer.
    pub(crate) fn approve(&self, id: &str) -> client::Answer {
        let bob = self.client(BOB);
        let asked = bob.get(&format!("/v1/actions/{id}/approval_request")).unwrap();
        let shown: ApprovalRequest = serde_json::from_slice(&asked.bytes).unwrap();
        let key = fs::read_to_string(self.home.dir.join("approvers/bob.key")).unwrap();
        let key = SigningKey::from_pkcs8_pem(&key).unwrap();
        let terms = shown.terms(Answer::Approve, "bob", "support-lead").unwrap();
        let signed = approval::sign(shown.action.digest().unwrap(), &terms, &key).unwrap();
        let signed = serde_json::to_value(signed).unwrap();
        bob.post(&format!("/v1/actions/{id}/approvals"), &signed).unwrap()
    }

    pub(crate) fn checkpoint(&self) -> String {
        let read = self.client(BOB).get("/log/acme/checkpoint").unwrap();
        String::from_utf8(read.bytes).unwrap()
    }
}
