//! Tests that docs/webhooks.md describes the messages correctly: their members, their signatures and their sender.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::receiver::{AGENT_SECRET, Delivery, Receiver, SECRET, for_agent, for_operators};
use deed_tests::services::workspace;
use deed_tests::world::{World, store};
use serde_json::Value;

use super::{EVERY, read, reporting, waiting};

fn page() -> String {
    fs::read_to_string(workspace().join("docs/webhooks.md")).unwrap()
}

/// The last code block of the page in this language.
fn block(language: &str) -> String {
    let page = page();
    let rest = page.split(&format!("```{language}\n")).skip(1).last().unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Whether the commands of the page accept this delivery, with the secret in this file.
fn is_accepted(dir: &Path, secret: &Path, delivery: &Delivery) -> bool {
    let file = dir.join("body");
    fs::write(&file, &delivery.body).unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &block("sh")])
        .env("BODY", &file)
        .env("SECRET", secret)
        .env("ID", delivery.id())
        .env("TIMESTAMP", delivery.header("webhook-timestamp"))
        .env("SIGNATURE", delivery.header("webhook-signature"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    output.status.success()
}

fn with_header(delivery: &Delivery, name: &str, value: &str) -> Delivery {
    let from = format!("{name}: {}", delivery.header(name));
    assert!(delivery.head.contains(&from), "{delivery:?}");
    Delivery { head: delivery.head.replace(&from, &format!("{name}: {value}")), ..delivery.clone() }
}

#[test]
fn the_page_checks_a_delivery_with_openssl() {
    let [people, agent] = [(); 2].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &people.url(), "")?;
        for_agent(dir, "acme", "helpdesk", &agent.url())
    });
    let world = world.unwrap();
    let (waiting, ended) = (waiting(&world), read(&world));
    let secret = |name: &str| world.dir.join("secrets").join(name);
    let told = [
        (people.event("action.waiting", &waiting), secret("notify"), secret("acme-helpdesk")),
        (agent.event("action.ended", &ended), secret("acme-helpdesk"), secret("notify")),
    ];
    for (delivery, own, other) in told {
        assert_eq!(delivery.header("user-agent"), concat!("deed/", env!("CARGO_PKG_VERSION")));
        assert_eq!(delivery.header("content-type"), "application/json");
        let accepts = |delivery: &Delivery| is_accepted(&world.dir, &own, delivery);
        assert!(accepts(&delivery), "{delivery:?}");
        assert!(!is_accepted(&world.dir, &other, &delivery), "another secret");
        let body = delivery.body.replace("acme", "globex");
        assert!(!accepts(&Delivery { body, ..delivery.clone() }), "another body");
        for (name, value) in [
            ("webhook-id", "act_1_waiting_1"),
            ("webhook-timestamp", "1764352800"),
            ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ] {
            assert!(!accepts(&with_header(&delivery, name, value)), "another `{name}`");
        }
        let unsigned = with_header(&delivery, "webhook-signature", "v1,");
        for text in ["", "\n", "whsec_", "whsec_QQ=="] {
            let short = world.dir.join("short");
            fs::write(&short, text).unwrap();
            assert!(!is_accepted(&world.dir, &short, &unsigned), "{text:?}");
        }
    }
}

#[test]
fn while_a_secret_changes_both_secrets_verify() {
    let receiver = Receiver::start().unwrap();
    let previous = "previous = { file = \"secrets/notify-previous\" }\n";
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &receiver.url(), previous)?;
        store(dir, "notify.previous", AGENT_SECRET)
    });
    let world = world.unwrap();
    let id = waiting(&world);
    let told = receiver.event("action.waiting", &id);
    assert_eq!(told.header("webhook-signature").split(' ').count(), 2, "{told:?}");
    for name in ["notify", "notify-previous"] {
        let secret = world.dir.join("secrets").join(name);
        assert!(is_accepted(&world.dir, &secret, &told), "{name}");
    }
    let stored = fs::read_to_string(world.dir.join("secrets/notify")).unwrap();
    assert_eq!(stored.trim_end(), SECRET);
}

fn members(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_page_names_every_member() {
    let receiver = Receiver::start().unwrap();
    let world = reporting(&receiver, EVERY);
    let (waits, ended) = (waiting(&world), read(&world));
    let example: Value = serde_json::from_str(&block("json")).unwrap();
    let ended = receiver.event("action.ended", &ended).json();
    assert_eq!(members(&example), members(&ended));
    assert_eq!(members(&example["data"]), members(&ended["data"]));
    let waits = receiver.event("action.waiting", &waits).json();
    let page = page();
    for message in [&ended, &waits] {
        for name in members(message).union(&members(&message["data"])) {
            assert!(page.contains(&format!("| `{name}` |")), "`{name}` has no row");
        }
    }
    for event in EVERY.split('"').skip(1).step_by(2) {
        assert!(page.contains(&format!("| `{event}` |")), "`{event}` has no row");
    }
}
