//! Relays that refuse, stall or cannot be trusted, and the connection to a relay.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deed_test_support::authority::{self, Authority, Shown, names};
use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::relay::{Manner, Relay, address_of, for_people, smtp};
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World, edit, store};

use super::{telling, waiting};

/// The time that a host may take to stop, which is far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "the-password-of-the-relay";
const FAILED: &str = "deed_notifications_total{channel=\"mail\",result=\"failed\"}";

fn log(world: &World) -> String {
    world.host.as_ref().unwrap().log()
}

#[test]
fn a_refused_message_is_given_up_and_the_action_goes_on() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Refuse("550 5.1.1 <bob@people.example.com>: unknown".to_owned()));
    let world = telling(&relay, "", |_| Ok(()));
    let id = waiting(&world);
    until("both are given up", || world.metric(FAILED).unwrap() == Some(2));
    let log = log(&world);
    assert!(log.contains("RCPT: the relay answered 550"), "{log}");
    assert!(!log.contains("people.example.com"), "{log}");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    assert_eq!(relay.letters(), []);
}

#[test]
fn a_message_that_the_relay_defers_is_sent_again() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Reject("451 try again later".to_owned()));
    let world = telling(&relay, "", |_| Ok(()));
    waiting(&world);
    until("an attempt fails", || log(&world).contains("message: the relay answered 451"));
    relay.manner(Manner::Accept);
    for person in ["bob", "carol"] {
        assert_eq!(relay.wait_for(&address_of(person), 1).len(), 1);
    }
}

#[test]
fn a_relay_that_never_answers_holds_up_neither_an_action_nor_a_stop() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Silence);
    let mut world = telling(&relay, "", |_| Ok(()));
    let id = waiting(&world);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    let host = world.host.take().unwrap();
    host.signal("TERM").unwrap();
    assert_eq!(host.end(PATIENCE).unwrap(), Some(0));
    let log = fs::read_to_string(world.dir.join("serve.log")).unwrap();
    assert!(log.contains("before these notifications were delivered"), "{log}");
}

#[test]
fn a_request_that_expired_while_the_relay_was_down_is_not_sent() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Reject("451 try again later".to_owned()));
    let world =
        telling(&relay, "", |dir| edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"4s\""));
    let id = waiting(&world);
    world.until(&id, |view| view["status"] == "expired").unwrap();
    relay.manner(Manner::Accept);
    relay.wait_for(&address_of("alice"), 1);
    // The messages are sent in their order, so those to approvers would have come first.
    assert_eq!(relay.letters().len(), 1, "{:?}", relay.letters());
}

#[test]
fn a_relay_that_sends_one_byte_at_a_time_is_cut_off() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Drip);
    let world = telling(&relay, "", |_| Ok(()));
    waiting(&world);
    until("the exchange takes too long", || log(&world).contains("it took more than 30 s"));
    relay.manner(Manner::Accept);
    relay.wait_for(&address_of("bob"), 1);
}

#[test]
fn a_relay_that_floods_the_host_is_cut_off() {
    let relay = Relay::start(None).unwrap();
    relay.manner(Manner::Flood);
    let world = telling(&relay, "", |_| Ok(()));
    waiting(&world);
    until("the line is too long", || log(&world).contains("its line is too long"));
    relay.manner(Manner::Accept);
    relay.wait_for(&address_of("bob"), 1);
}

/// A relay with a certificate of `shown` for this address, and a host that trusts `trusted` and has a password.
fn secured((shown, address): (&Authority, &str), trusted: &Authority) -> (Relay, World) {
    let leaf = shown.leaf(|params| params.subject_alt_names = names(&[address]));
    let leaf = Arc::new(Shown::new(leaf));
    let relay = Relay::start(Some(authority::server(&leaf))).unwrap();
    let more = ", user = \"deed\", secret = \"relay\", tls_roots = \"tls/relay.pem\"";
    let table = smtp(relay.port(), more);
    let change = |dir: &Path| -> Result<()> {
        for_people(dir, &table)?;
        fs::create_dir(dir.join("tls"))?;
        fs::write(dir.join("tls/relay.pem"), trusted.pem())?;
        let head = "[tenant.acme.agent.helpdesk]\n";
        let secret = format!("[tenant.acme.secret.relay]\nfile = \"secrets/relay\"\n\n{head}");
        edit(dir, "deed.toml", head, &secret)?;
        store(dir, "relay", PASSWORD)
    };
    let world = World::with(scim(), "scim", change).unwrap();
    (relay, world)
}

#[test]
fn the_password_is_sent_after_starttls_only() {
    let root = Authority::root();
    let (relay, world) = secured((&root, "127.0.0.1"), &root);
    waiting(&world);
    let letter = relay.wait_for(&address_of("bob"), 1).remove(0);
    assert!(letter.is_secure);
    assert_eq!(letter.login, format!("\0deed\0{PASSWORD}"));
    let clear = relay.in_clear();
    let expected = |line: &String| line == "STARTTLS" || line == "EHLO host.example.com";
    assert!(clear.iter().all(expected), "{clear:?}");
    assert!(!log(&world).contains(PASSWORD));
}

#[test]
fn a_relay_with_a_certificate_of_another_authority_gets_nothing() {
    let (relay, world) = secured((&Authority::root(), "127.0.0.1"), &Authority::root());
    let id = waiting(&world);
    until("the handshake fails", || log(&world).contains("TLS: invalid peer certificate"));
    gets_nothing(&relay);
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn a_relay_with_a_certificate_for_another_address_gets_nothing() {
    let root = Authority::root();
    let (relay, world) = secured((&root, "127.0.0.2"), &root);
    waiting(&world);
    until("the handshake fails", || log(&world).contains("TLS: invalid peer certificate"));
    gets_nothing(&relay);
}

/// Bytes that somebody on the way adds before TLS must not count as answers of the relay after it.
#[test]
fn a_relay_that_answers_before_tls_what_is_asked_after_it_gets_nothing() {
    let root = Authority::root();
    let (relay, world) = secured((&root, "127.0.0.1"), &root);
    relay.manner(Manner::Early);
    waiting(&world);
    until("it is refused", || log(&world).contains("STARTTLS: the relay sent bytes before TLS"));
    gets_nothing(&relay);
}

/// The relay got no login, no address and no message.
fn gets_nothing(relay: &Relay) {
    let clear = relay.in_clear();
    let is_known = |line: &String| line == "STARTTLS" || line == "EHLO host.example.com";
    assert!(clear.iter().all(is_known), "{clear:?}");
    assert_eq!(relay.letters(), []);
}

#[test]
fn a_relay_without_starttls_gets_nothing() {
    let relay = Relay::start(None).unwrap();
    let table = smtp(relay.port(), "");
    let world = World::with(scim(), "scim", |dir| for_people(dir, &table)).unwrap();
    waiting(&world);
    until("it is refused", || log(&world).contains("STARTTLS: the relay does not offer it"));
    assert_eq!(relay.letters(), []);
}

#[test]
fn tables_that_would_not_work_are_faults() {
    let elsewhere =
        "smtp = { host = \"mail.example.com\", from = \"deed@example.com\", tls = \"none\" }\n";
    let chat = |url: &str| format!("chat = {{ url = \"{url}\", format = \"slack\" }}\n");
    for (table, says) in [
        (elsewhere.to_owned(), "only allowed for a relay at 127.0.0.1"),
        (smtp(25, ", user = \"deed\""), "both `user` and `secret`"),
        (smtp(25, "").replace("deed@host.example.com", "deed"), "`from` of `smtp` must be"),
        (smtp(25, "") + "remind = \"1h\"\n", "shorter than the time for answers"),
        (
            smtp(25, "") + "escalate = { after = \"1m\", to = [\"nobody\"] }\n",
            "`nobody` in `to` of `escalate` is neither",
        ),
        (chat("http://chat.example.com/x"), "`url` of `chat` must be https"),
        ("remind = \"1m\"\n".to_owned(), "neither `smtp` nor `chat`"),
    ] {
        let world = World::lay_out(scim(), "scim").unwrap();
        for_people(&world.dir, &table).unwrap();
        let output = host::run(&["check", world.path()], "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success() && said.contains(says), "{table}: {said}");
        assert!(said.contains("deed.toml:"), "{said}");
    }
}

#[test]
fn an_address_that_is_none_is_a_fault_that_does_not_show_it() {
    let relay = Relay::start(None).unwrap();
    let world = World::lay_out(scim(), "scim").unwrap();
    for_people(&world.dir, &smtp(relay.port(), super::CLEAR)).unwrap();
    let hostile = "bob@people.example.com\\r\\nRCPT TO:<eve@example.com>";
    edit(&world.dir, "deed.toml", &address_of("bob"), hostile).unwrap();
    let output = host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && said.contains("`email` must be one"), "{said}");
    assert!(!said.contains("eve") && !said.contains("people.example.com"), "{said}");
}
