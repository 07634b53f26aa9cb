//! The webhooks of agents: each reports the ends of the agent's own actions, and delays no other receiver.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::receiver::{Delivery, Receiver, Reply, for_agent, for_operators};
use deed_tests::world::{STRANGER, World};

use super::{READ, cancel, read, waiting};

fn kinds(all: &[Delivery]) -> Vec<String> {
    all.iter().map(|one| one.text("/type")).collect()
}

#[test]
fn an_agents_webhook_reports_the_ends_of_its_own_actions_only() {
    let [people, helpdesk, desk] = [(); 3].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &people.url(), "")?;
        for_agent(dir, "acme", "helpdesk", &helpdesk.url())?;
        for_agent(dir, "globex", "desk", &desk.url())
    });
    let mut world = world.unwrap();
    let (first, second) = (read(&world), waiting(&world));
    let proposal = World::proposal(READ, &locked_out());
    let foreign = world.client(STRANGER).propose(&proposal, &[("prefer", "wait=60")]).unwrap();
    let foreign = foreign.text("/id");
    cancel(&world, &second);
    for id in [&first, &second] {
        let ended = helpdesk.event("action.ended", id);
        assert_eq!((ended.text("/data/tenant"), ended.text("/data/agent")), own("acme/helpdesk"));
    }
    let ended = desk.event("action.ended", &foreign);
    assert_eq!((ended.text("/data/tenant"), ended.text("/data/agent")), own("globex/desk"));
    people.event("action.waiting", &second);
    // A stop delivers what is queued, so nothing can follow.
    assert!(world.stop().unwrap());
    assert_eq!(kinds(&helpdesk.deliveries()), ["action.ended", "action.ended"]);
    assert_eq!(kinds(&desk.deliveries()), ["action.ended"]);
    assert_eq!(kinds(&people.deliveries()), ["action.waiting"]);
}

fn own(text: &str) -> (String, String) {
    let (tenant, agent) = text.split_once('/').unwrap();
    (tenant.to_owned(), agent.to_owned())
}

#[test]
fn a_slow_receiver_of_an_agent_does_not_delay_the_operators() {
    let [people, helpdesk] = [(); 2].map(|()| Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        for_operators(dir, &people.url(), "")?;
        for_agent(dir, "acme", "helpdesk", &helpdesk.url())
    });
    let world = world.unwrap();
    helpdesk.reply(Reply::Silence);
    let unanswered = read(&world);
    helpdesk.event("action.ended", &unanswered);
    read(&world);
    for _ in 0..3 {
        people.event("action.waiting", &waiting(&world));
    }
    assert_eq!(helpdesk.of("action.ended", &unanswered).len(), helpdesk.deliveries().len());
}
