//! People with passkeys. Each has a browser with a virtual authenticator, which signs as the authenticator of a laptop
//! does.

mod answers;
mod changes;
mod edits;
pub(super) mod enrolment;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deed_test_support::authenticator::{Key, ed25519, es256};
use deed_test_support::shared::scim;
use deed_tests::services::chromium::Authenticator;
use deed_tests::services::free_address;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::{Value, json};

use super::Visitor;

/// The relying party of pages without a public address.
const RP_ID: &str = "localhost";

/// A person with a passkey.
pub(super) struct Approver {
    name: &'static str,
    token: &'static str,
    key: Key,
}

pub(super) fn bob() -> Approver {
    Approver { name: "bob", token: BOB, key: es256(41) }
}

fn carol() -> Approver {
    Approver { name: "carol", token: CAROL, key: ed25519(42) }
}

impl Approver {
    /// The id of the passkey at the authenticator.
    fn credential(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("the passkey of {}", self.name))
    }

    /// Names the passkey in `deed.toml`, for pages of this origin.
    fn enrol(&self, dir: &Path, origin: &str) {
        let mut file = self.key.file();
        file["rp_id"] = json!(RP_ID);
        file["origins"] = json!([origin]);
        file["credential_id"] = json!(self.credential());
        let path = format!("approvers/{}-browser.json", self.name);
        fs::write(dir.join(&path), file.to_string()).unwrap();
        let keys = format!("keys = [\"approvers/{}.pub\"]\n", self.name);
        edit(dir, "deed.toml", &keys, &format!("{keys}passkeys = [\"{path}\"]\n")).unwrap();
    }

    /// A browser in which the person is signed in and has the passkey.
    pub(super) fn visits(&self, world: &World) -> Visitor {
        let visitor = Visitor::of(world);
        visitor.enter(self.name, self.token);
        self.carries(&visitor.authenticator().unwrap());
        visitor
    }

    /// Puts the passkey onto an authenticator.
    fn carries(&self, authenticator: &Authenticator<'_>) {
        let person = URL_SAFE_NO_PAD.encode(self.name);
        authenticator.add(RP_ID, &self.credential(), &self.key.private(), &person).unwrap();
    }
}

/// The files of a host at an address that is known before it starts, which passkeys name. Returns the origin as well.
fn at_known_address() -> (World, String) {
    let world = World::lay_out(scim(), "scim").unwrap();
    let address = free_address().unwrap();
    let listen = |address: &str| format!("\nlisten = \"{address}\"\n");
    edit(&world.dir, "deed.toml", &listen("127.0.0.1:0"), &listen(&address.to_string())).unwrap();
    (world, format!("http://{RP_ID}:{}", address.port()))
}

/// The files of a host whose approvers have passkeys.
fn laid_out() -> World {
    let (world, origin) = at_known_address();
    for approver in [bob(), carol()] {
        approver.enrol(&world.dir, &origin);
    }
    world
}

pub(super) fn served() -> World {
    let mut world = laid_out();
    world.serve().unwrap();
    world
}

pub(super) fn page(id: &str) -> String {
    format!("/actions/{id}")
}

/// Waits until the element with this id says this.
fn says(visitor: &Visitor, id: &str, text: &str) {
    let text = json!(text);
    visitor
        .wait_until(&format!("document.getElementById('{id}')?.textContent.includes({text})"))
        .unwrap();
}

pub(super) fn press_button(visitor: &Visitor, id: &str) {
    visitor.wait_for(&format!("#{id}:enabled")).unwrap().click().unwrap();
}

/// The id of the element with the focus.
fn focused(visitor: &Visitor) -> Value {
    visitor.execute("return document.activeElement.id", &json!([])).unwrap()
}
