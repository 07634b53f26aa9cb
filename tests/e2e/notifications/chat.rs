//! Messages to the webhook of a chat.

use deed_test_support::shared::scim;
use deed_tests::receiver::{Receiver, Reply};
use deed_tests::relay::for_people;
use deed_tests::wait::until;
use deed_tests::world::{World, edit, store};

use super::waiting;

const REST: &str = "services/T000/B000/a-credential-of-a-chat";

fn telling(receiver: &Receiver, format: &str) -> World {
    let url = format!("http://{}/hook", receiver.address());
    let table = format!("chat = {{ url = \"{url}\", format = \"{format}\" }}\n");
    World::with(scim(), "scim", |dir| for_people(dir, &table)).unwrap()
}

#[test]
fn a_chat_gets_a_text_with_few_facts_and_a_link() {
    for format in ["slack", "mattermost"] {
        let receiver = Receiver::start().unwrap();
        let world = telling(&receiver, format);
        let id = waiting(&world);
        let told = receiver.wait_for(1).remove(0);
        assert_eq!(told.header("content-type"), "application/json");
        let json = told.json();
        assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
        let text = told.text("/text");
        assert!(text.starts_with("Approval requested: idp.restore_access\n"), "{text}");
        assert!(text.ends_with(&format!("\nhttp://localhost:18480/actions/{id}")), "{text}");
        assert!(text.contains("\nagent: `helpdesk`\n") && !text.contains("locked out"), "{text}");
    }
}

#[test]
fn teams_gets_a_card() {
    let receiver = Receiver::start().unwrap();
    let world = telling(&receiver, "teams");
    let id = waiting(&world);
    let told = receiver.wait_for(1).remove(0);
    let card = "/attachments/0/content";
    assert_eq!(told.text(&format!("{card}/type")), "AdaptiveCard");
    let url = format!("http://localhost:18480/actions/{id}");
    assert_eq!(told.text(&format!("{card}/actions/0/url")), url);
}

#[test]
fn the_secret_completes_the_url_and_is_in_no_log() {
    let receiver = Receiver::start().unwrap();
    receiver.reply(Reply::status("503 Service Unavailable"));
    let url = format!("http://{}/", receiver.address());
    let table = format!("chat = {{ url = \"{url}\", secret = \"chat\", format = \"slack\" }}\n");
    let world = World::with(scim(), "scim", |dir| {
        for_people(dir, &table)?;
        let head = "[tenant.acme.agent.helpdesk]\n";
        let secret = format!("[tenant.acme.secret.chat]\nfile = \"secrets/chat\"\n\n{head}");
        edit(dir, "deed.toml", head, &secret)?;
        store(dir, "chat", REST)
    });
    let world = world.unwrap();
    waiting(&world);
    let told = receiver.wait_for(1).remove(0);
    assert!(told.head.starts_with(&format!("POST /{REST} HTTP/1.1")), "{told:?}");
    receiver.reply(Reply::accept());
    let again = receiver.wait_for(2).remove(1);
    assert_eq!(told.body, again.body, "it is sent again");
    let metric = "deed_notifications_total{channel=\"chat\",result=\"delivered\"}";
    until("it counts", || world.metric(metric).unwrap() == Some(1));
    let log = world.host.as_ref().unwrap().log();
    assert!(!log.contains("a-credential-of-a-chat"), "{log}");
}

#[test]
fn a_chat_that_is_gone_is_not_asked_again_for_the_same_message() {
    let receiver = Receiver::start().unwrap();
    receiver.reply(Reply::status("404 Not Found"));
    let mut world = telling(&receiver, "slack");
    waiting(&world);
    let metric = "deed_notifications_total{channel=\"chat\",result=\"failed\"}";
    until("it is given up", || world.metric(metric).unwrap() == Some(1));
    assert!(world.stop().unwrap());
    assert_eq!(receiver.deliveries().len(), 1);
}
