//! Attempts, repetitions, and what a stop of the host does with queued messages.

use std::time::Duration;

use deed_tests::receiver::{Receiver, Reply};
use deed_tests::wait::until;

use super::{EVERY, read, reporting, waiting};

/// The time that a host may take to stop, which is far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_repetition_has_the_same_id_and_another_time() {
    let receiver = Receiver::start().unwrap();
    let world = reporting(&receiver, "");
    receiver.reply(Reply::status("503 Service Unavailable\r\nretry-after: 2"));
    let id = waiting(&world);
    receiver.wait_for(1);
    receiver.reply(Reply::accept());
    let told = receiver.wait_for(2);
    assert!(told.iter().all(|one| one.is("action.waiting", &id)), "{told:#?}");
    assert_eq!(told[0].id(), told[1].id());
    assert_eq!(told[0].body, told[1].body);
    assert!(told[1].seconds() >= told[0].seconds() + 2, "`Retry-After` counts: {told:#?}");
    assert_ne!(told[0].header("webhook-signature"), told[1].header("webhook-signature"));
}

#[test]
fn a_receiver_that_was_down_gets_the_message_later() {
    let receiver = Receiver::start().unwrap();
    let (address, world) = (receiver.address(), reporting(&receiver, ""));
    drop(receiver);
    let id = waiting(&world);
    let log = || world.host.as_ref().unwrap().log();
    until("an attempt fails", || log().contains("a webhook was not accepted"));
    let receiver = Receiver::start_at(address).unwrap();
    receiver.event("action.waiting", &id);
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more() {
    let receiver = Receiver::start().unwrap();
    let mut world = reporting(&receiver, EVERY);
    receiver.reply(Reply::status("410 Gone"));
    waiting(&world);
    let log = || world.host.as_ref().unwrap().log();
    until("it is noticed", || log().contains("410 Gone"));
    receiver.reply(Reply::accept());
    read(&world);
    // A stop delivers what is queued, so nothing can follow.
    assert!(world.stop().unwrap());
    assert_eq!(receiver.deliveries().len(), 1, "{:#?}", receiver.deliveries());
}

#[test]
fn a_stop_delivers_what_waits_for_its_next_attempt() {
    let receiver = Receiver::start().unwrap();
    let mut world = reporting(&receiver, EVERY);
    receiver.reply(Reply::status("429 Too Many Requests\r\nretry-after: 300"));
    let (first, second) = (waiting(&world), read(&world));
    receiver.wait_for(1);
    receiver.reply(Reply::accept());
    assert!(world.stop().unwrap());
    assert_eq!(receiver.of("action.waiting", &first).len(), 2);
    assert_eq!(receiver.of("action.ended", &second).len(), 1);
}

#[test]
fn a_receiver_that_never_answers_does_not_hold_up_a_stop() {
    let receiver = Receiver::start().unwrap();
    let mut world = reporting(&receiver, "");
    receiver.reply(Reply::Silence);
    for _ in 0..3 {
        waiting(&world);
    }
    receiver.wait_for(1);
    let host = world.host.take().unwrap();
    host.signal("TERM").unwrap();
    assert_eq!(host.end(PATIENCE).unwrap(), Some(0));
    let log = std::fs::read_to_string(world.dir.join("serve.log")).unwrap();
    assert!(log.contains("before these webhooks were delivered"), "{log}");
}
