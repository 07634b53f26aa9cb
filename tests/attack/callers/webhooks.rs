//! Attacks by way of webhooks: callers that want one at an address of their own or read those of others, and receivers
//! that mislead or delay the host.

use std::fs;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::private::{self, OTHER};
use deed_tests::receiver::{AGENT_SECRET, Receiver, Reply, SECRET, for_agent, for_operators};
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "webhook-that-a-caller-names" => named_by_a_caller,
        "webhooks-of-other-agents" => of_others,
        "webhook-that-redirects" => redirects,
        "webhook-receivers-that-stall" => stall,
        "webhook-with-private-values" => private_values,
    ]
}

fn read(world: &World, token: &str) -> String {
    let proposal = World::proposal("idp.read_user", &user("told", Some(true)));
    world.client(token).propose(&proposal, &[("prefer", "wait=60")]).unwrap().text("/id")
}

fn asked(world: &World) -> String {
    let proposed = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
    proposed.text("/id")
}

/// Only `deed.toml` names receivers, so the host never calls an address that a caller sends.
fn named_by_a_caller() {
    let receiver = Receiver::start().unwrap();
    let mut world = World::start(scim()).unwrap();
    let url = receiver.url();
    let user = user("named", Some(true));
    for name in ["notify", "webhook", "webhook_url", "callback", "callback_url"] {
        let mut beside = World::proposal("idp.read_user", &user);
        beside[name] = json!(url);
        let mut inside = World::proposal("idp.read_user", &user);
        inside["params"][name] = json!(url);
        for body in [beside, inside] {
            let answer = world.propose(&body).unwrap();
            assert_eq!(answer.status, 422, "{name}: {answer:?}");
        }
    }
    let body = World::proposal("idp.read_user", &user).to_string().into_bytes();
    let headers = ["x-webhook-url", "x-callback-url", "webhook-request-callback", "origin", "link"]
        .map(|name| (name, url.as_str()));
    let answer = world.client(HELPDESK).send("POST", "/v1/actions", &headers, body).unwrap();
    assert!(answer.status < 500, "{answer:?}");
    read(&world, HELPDESK);
    unharmed(&world);
    assert!(world.stop().unwrap());
    assert_eq!(receiver.deliveries(), []);
}

/// Adds a second agent to the tenant, with the same person and the same roles.
fn with_other(dir: &std::path::Path) -> deed_tests::services::Result<()> {
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    let token = deed_tests::layout::hash(OTHER);
    let table = format!(
        "\n[tenant.acme.agent.other]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{token}\"\n"
    );
    Ok(fs::write(dir.join("deed.toml"), text + &table)?)
}

/// An agent's receiver learns nothing about another agent of its tenant, another tenant, or what people are asked.
fn of_others() {
    let [helpdesk, other, desk] = [(); 3].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        with_other(dir)?;
        for_agent(dir, "acme", "helpdesk", &helpdesk.url())?;
        for_agent(dir, "acme", "other", &other.url())?;
        for_agent(dir, "globex", "desk", &desk.url())
    });
    let mut world = world.unwrap();
    let waits = asked(&world);
    for (token, receiver) in [(HELPDESK, &helpdesk), (OTHER, &other), (STRANGER, &desk)] {
        let id = read(&world, token);
        receiver.event("action.ended", &id);
    }
    let bystanders = 1;
    unharmed(&world);
    helpdesk.wait_for(1 + bystanders);
    assert!(world.stop().unwrap());
    let own = |receiver: &Receiver, tenant: &str, agent: &str| {
        for one in receiver.deliveries() {
            assert_eq!(one.text("/type"), "action.ended", "{one:?}");
            assert_eq!(
                (one.text("/data/tenant"), one.text("/data/agent")),
                (tenant.into(), agent.into())
            );
            assert!(!one.body.contains(&waits), "{one:?}");
        }
    };
    own(&helpdesk, "acme", "helpdesk");
    own(&other, "acme", "other");
    own(&desk, "globex", "desk");
    assert_eq!((other.deliveries().len(), desk.deliveries().len()), (1, 1));
}

/// A redirect is not followed, to no address and with no status.
fn redirects() {
    let [receiver, target] = [(); 2].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| for_operators(dir, &receiver.url(), ""));
    let mut world = world.unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"]
    {
        receiver.reply(Reply::status(&format!("{status}\r\nlocation: {}", target.url())));
        let id = asked(&world);
        receiver.event("action.waiting", &id);
        // The host repeats the message at the same address.
        until("it is sent again", || receiver.of("action.waiting", &id).len() > 1);
        receiver.reply(Reply::accept());
        until("it is delivered", || receiver.of("action.waiting", &id).len() > 2);
    }
    unharmed(&world);
    assert!(world.stop().unwrap());
    assert_eq!(target.deliveries(), []);
}

/// Receivers of agents that never answer, or answer with what cannot be read, delay neither the operators' messages nor
/// any action.
fn stall() {
    let [people, silent, floods] = [(); 3].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        with_other(dir)?;
        for_operators(dir, &people.url(), "")?;
        for_agent(dir, "acme", "helpdesk", &silent.url())?;
        for_agent(dir, "acme", "other", &floods.url())
    });
    let mut world = world.unwrap();
    silent.reply(Reply::Silence);
    let header = format!("x-flood: {}\r\n", "x".repeat(1_000)).repeat(2_000);
    floods.reply(Reply::Status(format!("200 OK\r\n{header}x-end: 1")));
    let ids = [HELPDESK, OTHER].map(|token| read(&world, token));
    silent.event("action.ended", &ids[0]);
    floods.event("action.ended", &ids[1]);
    for _ in 0..3 {
        people.event("action.waiting", &asked(&world));
    }
    // An attempt that a flood of headers ends is no delivery.
    until("it is sent again", || floods.of("action.ended", &ids[1]).len() > 1);
    unharmed(&world);
    let log = world.host.as_ref().unwrap().log();
    assert!(!log.contains("x-flood") && !log.contains(&floods.url()), "{log}");
    for secret in [SECRET, AGENT_SECRET] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(world.stop().unwrap());
}

/// A message contains no parameter, no intent and no state, and no value of a private parameter.
fn private_values() {
    let [people, agent] = [(); 2].map(|()| Receiver::start().unwrap());
    let note = "asks-for-a-lead canary-of-the-note";
    let world = private::world(scim(), &[note], |dir| {
        let events = "events = [\"action.waiting\", \"action.ended\"]\n";
        for_operators(dir, &people.url(), events)?;
        for_agent(dir, "acme", "helpdesk", &agent.url())
    });
    let mut world = world.unwrap();
    let user = locked_out();
    let proposed = world.propose(&private::proposal(&user, note, "honestly")).unwrap();
    let id = proposed.text("/id");
    assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
    people.event("action.waiting", &id);
    world.answer("deny", &id, "bob", BOB).unwrap();
    agent.event("action.ended", &id);
    people.event("action.ended", &id);
    let seen: Vec<Value> =
        [&people, &agent].iter().flat_map(|one| one.deliveries()).map(|one| one.json()).collect();
    let text = serde_json::to_string(&seen).unwrap();
    for word in
        ["canary-of-the-note", "honest", "locked out", "ticket:4711", "private:", "example.com"]
    {
        assert!(!text.contains(word), "`{word}` leaves by the webhook: {text}");
    }
    unharmed(&world);
    assert!(world.stop().unwrap());
}
