//! Attacks by way of messages for people: texts of an agent that would add headers, mentions or links, and relays that
//! delay the host.

use std::path::Path;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::receiver::Receiver;
use deed_tests::relay::{Manner, Relay, address_of, for_people, smtp};
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World, edit};

use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "notification-with-hostile-text" => hostile_text,
        "mail-relay-that-stalls" => stalls,
    ]
}

const CLEAR: &str = ", tls = \"none\"";
const CONTRACT: &str = "contracts/restore_access.toml";
/// Texts that would change a header, end a message, or be markup of a chat.
const HOSTILE: [&str; 7] = [
    "x\r\nBcc: eve@example.com\r\n\r\n.\r\nQUIT",
    "<!channel> <@U012> <https://evil.example|ok>",
    "` @all [ok](https://evil.example) *b*",
    "&lt;!here&gt;",
    "www.evil.example",
    "\u{202e}txet",
    ".",
];

/// The resource of the action has a text that the agent chooses.
fn with_label(dir: &Path) -> Result<()> {
    edit(dir, CONTRACT, "\"idp/users/{user_id}\"", "\"idp/users/{user_id}/{label}\"")?;
    let label = "required = [\"user_id\", \"label\"]\nproperties.label = { type = \"string\", title = \"Label\" }\n";
    edit(dir, CONTRACT, "required = [\"user_id\"]\n", label)
}

fn hostile_text() {
    let (relay, chat) = (Relay::start(None).unwrap(), Receiver::start().unwrap());
    let table = smtp(relay.port(), CLEAR)
        + &format!("chat = {{ url = \"{}\", format = \"slack\" }}\n", chat.url());
    let world = World::with(scim(), "scim", |dir| {
        for_people(dir, &table)?;
        with_label(dir)
    });
    let mut world = world.unwrap();
    let mut asked = 0;
    for text in HOSTILE {
        let mut proposal = World::proposal("idp.restore_access", &locked_out());
        proposal["params"]["label"] = text.into();
        let proposed = world.propose(&proposal).unwrap();
        let waits = proposed.text("/status") == "waiting";
        assert!(waits || (400..500).contains(&proposed.status), "{proposed:?}");
        asked += usize::from(waits);
    }
    assert!(asked >= 3, "only {asked} of the texts reach a message");
    let letters = relay.wait_for(&address_of("bob"), asked);
    for letter in &letters {
        let (head, _) = letter.data.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.lines().count(), 9, "{head}");
        assert!(
            head.is_ascii() && !letter.data.lines().any(|line| line.starts_with("Bcc")),
            "{letter:?}"
        );
        let whole = letter.data.replace("=\r\n", "");
        assert!(whole.is_ascii() && !whole.contains("evil.example"), "{letter:?}");
    }
    for told in chat.wait_for(asked) {
        let text = told.text("/text");
        assert!(!text.contains(['<', '>']) && !text.contains("https://evil"), "{text}");
        let line = text.lines().find(|line| line.starts_with("resource: `")).unwrap();
        assert!(line.ends_with('`') && line.matches('`').count() == 2, "{text}");
    }
    unharmed(&world);
    assert!(world.stop().unwrap());
}

/// A relay that floods the host, never answers or refuses delays no action, and its replies are in no log.
fn stalls() {
    let relay = Relay::start(None).unwrap();
    let table = smtp(relay.port(), CLEAR);
    let world = World::with(scim(), "scim", |dir| for_people(dir, &table));
    let mut world = world.unwrap();
    for manner in [
        Manner::Flood,
        Manner::Refuse("550 canary-of-the-relay".to_owned()),
        Manner::Reject("554 canary-of-the-relay".to_owned()),
        Manner::Silence,
    ] {
        relay.manner(manner);
        let proposal = World::proposal("idp.restore_access", &locked_out());
        let proposed = world.propose(&proposal).unwrap();
        let id = proposed.text("/id");
        assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
        let (done, said) = world.approve(&id, "bob", BOB).unwrap();
        assert!(done, "{said}");
        assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    }
    let log = || world.host.as_ref().unwrap().log();
    until("an attempt fails", || log().contains("the relay did not accept a notification"));
    unharmed(&world);
    let log = log();
    assert!(!log.contains("canary-of-the-relay") && !log.contains("people.example.com"), "{log}");
    assert!(world.stop().unwrap());
}
