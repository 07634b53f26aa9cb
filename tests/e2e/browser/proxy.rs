//! The console behind nginx, which ends https for a name with the configuration of `docs/console.md`. The browser
//! trusts the key of nginx by `--ignore-certificate-errors-spki-list`, so it sees an address without a fault of TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_test_support::authority::{Authority, names};
use deed_test_support::shared::scim;
use deed_tests::services::chromium::Chromium;
use deed_tests::services::web_front::{Files, WebFront};
use deed_tests::world::{BOB, World, edit};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

use super::Visitor;
use super::passkeys::enrolment::{accept, invited, made};
use super::passkeys::{page, press_button};
use super::scenes::waiting;

const NAME: &str = "deed.test";
const ORIGIN: &str = "https://deed.test";
/// A name that leads to nginx as well, and that nginx does not know.
const OTHER: &str = "https://other.test";

/// A host behind nginx.
struct Proxied {
    world: World,
    front: WebFront,
    /// The digest of the key of nginx.
    key: String,
    /// `public_url`.
    url: String,
}

impl Proxied {
    fn start(base: &str) -> Self {
        let url = format!("{ORIGIN}{base}");
        let http = format!("[http]\nbehind_proxy = true\npublic_url = \"{url}\"\n");
        let change = |dir: &std::path::Path| edit(dir, "deed.toml", "[http]\n", &http);
        let world = World::with(scim(), "scim", change).unwrap();
        let server = Authority::root().client(|params| params.subject_alt_names = names(&[NAME]));
        let files = Files { certificate: &server.certificate, key: &server.key };
        let to = world.url().strip_prefix("http://").unwrap().parse().unwrap();
        let front = WebFront::start(NAME, base, to, files).unwrap();
        let pair = KeyPair::try_from(server.der.as_slice()).unwrap();
        let digest = Digest::of(&pair.subject_public_key_info());
        Self { world, front, key: STANDARD.encode(digest.as_bytes()), url }
    }

    fn visitor(&self) -> Visitor {
        let window = Chromium::before(&self.front.site(&self.key)).unwrap();
        Visitor { window, origin: self.url.clone() }
    }
}

/// The only cookie of the site; `None` if there is none.
fn cookie(visitor: &Visitor) -> Option<Value> {
    let all = visitor.call("GET", "/cookie", &Value::Null).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() <= 1, "{all:?}");
    all.first().cloned()
}

/// Follows the link of a message to the page of an action, and signs in on the way.
fn signs_in_to(proxied: &Proxied, visitor: &Visitor, id: &str) {
    let link = proxied.world.show(id).unwrap()["approve_url"].clone();
    assert_eq!(link, format!("{}/actions/{id}", proxied.url));
    visitor.goto(link.as_str().unwrap()).unwrap();
    assert_eq!(visitor.place(), format!("/sign-in?next=%2Factions%2F{id}"));
    visitor.submit("bob", BOB);
    visitor.wait_for("#asked").unwrap();
    assert_eq!(visitor.place(), page(id));
    let cookie = cookie(visitor).unwrap();
    assert_eq!((&cookie["name"], &cookie["path"]), (&json!("__Host-deed"), &json!("/")));
    assert_eq!((&cookie["domain"], &cookie["sameSite"]), (&json!(NAME), &json!("Strict")));
    assert_eq!((&cookie["secure"], &cookie["httpOnly"]), (&json!(true), &json!(true)));
}

/// Enrols by an invitation, as bob and an operator do.
fn enrols(proxied: &Proxied, visitor: &Visitor) -> String {
    let link = invited(&proxied.world);
    assert!(link.starts_with(&format!("{}/passkeys/new#", proxied.url)), "{link}");
    let fingerprint = made(visitor, &link);
    accept(&proxied.world, &fingerprint);
    fingerprint
}

/// Follows the links of the navigation.
fn goes_around(visitor: &Visitor) {
    visitor.open("/");
    for place in ["/actions", "/agents", "/policies", "/health", "/passkeys", "/"] {
        visitor.find(&format!("header a[href$='{place}']")).unwrap().click().unwrap();
        visitor.wait_for(&format!("header a[href$='{place}'][aria-current=page]")).unwrap();
        assert_eq!(visitor.place(), place);
    }
}

fn works(base: &str) {
    let proxied = Proxied::start(base);
    let id = waiting(&proxied.world);
    let visitor = proxied.visitor();
    let authenticator = visitor.authenticator().unwrap();
    signs_in_to(&proxied, &visitor, &id);
    let fingerprint = enrols(&proxied, &visitor);
    assert_eq!(authenticator.passkeys().unwrap()[0]["rpId"], NAME);
    goes_around(&visitor);
    visitor.find("main td a").unwrap().click().unwrap();
    press_button(&visitor, "approve");
    let view = proxied.world.until(&id, |view| view["status"] == "verified").unwrap();
    assert_eq!(view["approvals"][0]["passkey"], fingerprint, "{view:#}");
    visitor.wait_until("document.getElementById('answering') === null").unwrap();
    assert_eq!(visitor.place(), page(&id));
    visitor.find("form[action$='/sign-out'] button").unwrap().click().unwrap();
    visitor.wait_for("#token").unwrap();
    assert_eq!((visitor.place().as_str(), cookie(&visitor)), ("/sign-in", None));
    visitor.is_clean("the console behind a proxy");
}

#[test]
#[ignore = "needs chromium and nginx; run `make browser`"]
fn a_person_signs_in_enrols_and_approves_by_https() {
    works("");
}

#[test]
#[ignore = "needs chromium and nginx; run `make browser`"]
fn a_person_signs_in_enrols_and_approves_below_a_base_path() {
    works("/deed");
}

#[test]
#[ignore = "needs chromium and nginx; run `make browser`"]
fn other_ways_to_the_host_do_not_lead_to_a_session() {
    let proxied = Proxied::start("");
    let visitor = proxied.visitor();
    visitor.goto("http://deed.test/actions").unwrap();
    assert_eq!(visitor.address().unwrap(), format!("{ORIGIN}/sign-in?next=%2Factions"));
    let refused = visitor.goto(OTHER).unwrap_err().to_string();
    assert!(refused.contains("ERR_SSL"), "{refused}");
    // The address of the host itself, without the proxy.
    visitor.goto(&format!("{}/sign-in", proxied.world.public_url())).unwrap();
    visitor.submit("bob", BOB);
    visitor.wait_until("document.querySelector('h1')?.textContent.includes('elsewhere')").unwrap();
    let said = visitor.text().unwrap();
    assert!(said.contains("`Origin` is not that of `public_url`"), "{said}");
    assert_eq!(cookie(&visitor), None);
}
