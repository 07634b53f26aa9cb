//! From an invitation to an answer: a person makes a passkey, an operator accepts it, and the person approves with it.

use deed_tests::host;
use deed_tests::world::{BOB, World, edit};

use super::super::Visitor;
use super::super::scenes::waiting;
use super::{at_known_address, page, press_button, says};

/// The link that an operator gives to bob.
pub(in crate::browser) fn invited(world: &World) -> String {
    let said = host::expect(&["passkey", "invite", world.path(), "bob"]).unwrap();
    said.split_whitespace().find(|word| word.contains("/passkeys/new#")).unwrap().to_owned()
}

/// Makes a passkey with this link, and returns the fingerprint that the page shows, without spaces.
pub(in crate::browser) fn made(visitor: &Visitor, link: &str) -> String {
    visitor.goto(link).unwrap();
    assert_eq!(visitor.place(), "/passkeys/new", "the secret leaves the address");
    press_button(visitor, "make");
    visitor.wait_for("#result").unwrap();
    visitor.find("#fingerprint").unwrap().text().unwrap().split_whitespace().collect()
}

/// Accepts bob's passkey as an operator does, and puts it in force.
pub(in crate::browser) fn accept(world: &World, fingerprint: &str) {
    let listed = host::expect(&["passkey", "list", world.path()]).unwrap();
    let digits: String = listed.split_whitespace().collect();
    assert!(digits.contains(fingerprint), "{listed}");
    let args = ["passkey", "accept", world.path(), "bob", fingerprint, "--yes"];
    let said = host::expect(&args).unwrap();
    let line = said.lines().find(|line| line.starts_with("passkeys = ")).unwrap();
    let keys = "keys = [\"approvers/bob.pub\"]\n";
    edit(&world.dir, "deed.toml", keys, &format!("{keys}{line}\n")).unwrap();
    let says = world.reload().unwrap();
    assert_eq!(says["result"], "applied", "{says:#}");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn an_invited_person_makes_a_passkey_and_approves_with_it() {
    let (mut world, origin) = at_known_address();
    world.serve().unwrap();
    let visitor = Visitor::of(&world);
    let authenticator = visitor.authenticator().unwrap();
    let link = invited(&world);
    assert!(link.starts_with(&format!("{origin}/passkeys/new#")), "{link}");
    let fingerprint = made(&visitor, &link);
    let passkeys = authenticator.passkeys().unwrap();
    assert_eq!(passkeys.len(), 1, "{passkeys:?}");
    assert_eq!(passkeys[0]["rpId"], "localhost");
    accept(&world, &fingerprint);
    let id = waiting(&world);
    visitor.enter("bob", BOB);
    visitor.open("/passkeys");
    let listed: String = visitor.find("main").unwrap().text().unwrap().split_whitespace().collect();
    assert!(listed.contains(&fingerprint), "{listed}");
    visitor.open(&page(&id));
    press_button(&visitor, "approve");
    let view = world.until(&id, |view| view["status"] == "verified").unwrap();
    assert_eq!(view["approvals"][0]["passkey"], fingerprint, "{view:#}");
    visitor.is_clean("the pages");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn an_invitation_is_used_once_and_a_page_without_one_says_so() {
    let (mut world, _) = at_known_address();
    world.serve().unwrap();
    let visitor = Visitor::of(&world);
    let _authenticator = visitor.authenticator().unwrap();
    visitor.open("/passkeys/new");
    says(&visitor, "message", "needs the whole link");
    assert!(!visitor.find("#make").unwrap().is_enabled().unwrap());
    // The links differ from the address by their fragments only.
    let link = invited(&world);
    visitor.goto(&link).unwrap();
    press_button(&visitor, "make");
    visitor.wait_for("#result").unwrap();
    assert_eq!(visitor.place(), "/passkeys/new", "the secret leaves the address");
    visitor.goto(&link).unwrap();
    press_button(&visitor, "make");
    says(&visitor, "message", "was used or has expired");
    visitor.is_clean("the page");
}
