//! The event `action.expiring`: it is reported before a request for approval expires, also after a restart, and only
//! while the action still waits.

use std::fs;
use std::path::PathBuf;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::receiver::{Receiver, for_operators};
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::{EVERY, cancel, waiting};

/// 50 minutes. The approvals of these tests expire after an hour, and the notice is due after 45 minutes.
const AFTER_NOTICE_MS: i64 = 3_000_000;

/// The Unix milliseconds of a time such as `2026-11-20T22:07:47.123Z`, as JSON.
pub(super) fn ms(text: &str) -> Value {
    let script = "import datetime, sys\n\
                  at = datetime.datetime.strptime(sys.argv[1], '%Y-%m-%dT%H:%M:%S.%f%z')\n\
                  epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)\n\
                  print((at - epoch) // datetime.timedelta(milliseconds=1))";
    let python = deed_tests::services::venv().join("bin/python");
    let output = std::process::Command::new(python).args(["-c", script, text]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A host whose clock the test can set, and the receiver of its operators.
struct Clocked {
    world: World,
    receiver: Receiver,
    clock: PathBuf,
}

impl Clocked {
    fn start() -> Self {
        let receiver = Receiver::start().unwrap();
        let world = World::lay_out(scim(), "scim").unwrap();
        for_operators(&world.dir, &receiver.url(), EVERY).unwrap();
        host::expect(&["check", world.path()]).unwrap();
        let clock = world.dir.join("clock");
        let mut clocked = Self { world, receiver, clock };
        clocked.set(0);
        clocked.serve();
        clocked
    }

    fn set(&self, ms: i64) {
        let draft = self.clock.with_extension("draft");
        fs::write(&draft, ms.to_string()).unwrap();
        fs::rename(draft, &self.clock).unwrap();
    }

    fn serve(&mut self) {
        let clock = self.clock.to_str().unwrap();
        self.world.serve_with(&[("DEED_TEST_CLOCK", clock)]).unwrap();
    }

    fn restart(&mut self) {
        assert!(self.world.stop().unwrap());
        self.serve();
    }
}

#[test]
fn people_are_told_when_a_quarter_of_the_time_is_left() {
    let receiver = Receiver::start().unwrap();
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"4s\"")?;
        for_operators(dir, &receiver.url(), EVERY)
    });
    let world = world.unwrap();
    let id = waiting(&world);
    let ended = receiver.event("action.ended", &id);
    assert_eq!(ended.text("/data/outcome"), "expired");
    let [notice] = &receiver.of("action.expiring", &id)[..] else {
        panic!("it is told once: {:#?}", receiver.deliveries());
    };
    assert_eq!(notice.id(), format!("{id}_expiring_1"));
    assert_eq!(notice.json()["data"]["obligations"][0], "approve:1:support-lead");
    let of = |pointer: &str| ms(&notice.text(pointer)).as_i64().unwrap();
    let (due_ms, expires_ms) = (of("/timestamp"), of("/data/expires"));
    assert_eq!(expires_ms - due_ms, 1_000);
    assert!(notice.seconds() >= due_ms / 1_000, "told before its time: {notice:?}");
    let order = receiver.deliveries();
    let kinds: Vec<String> = order.iter().map(|one| one.text("/type")).collect();
    assert_eq!(kinds, ["action.waiting", "action.expiring", "action.ended"]);
}

#[test]
fn only_what_still_waits_expires_soon() {
    let clocked = Clocked::start();
    let (done, open) = (waiting(&clocked.world), waiting(&clocked.world));
    cancel(&clocked.world, &done);
    clocked.receiver.event("action.ended", &done);
    clocked.set(AFTER_NOTICE_MS);
    clocked.receiver.event("action.expiring", &open);
    assert!(clocked.receiver.of("action.expiring", &done).is_empty());
    assert_eq!(clocked.world.show(&open).unwrap()["status"], "waiting");
}

#[test]
fn a_restart_keeps_the_notice_and_repeats_it_under_the_same_id() {
    let mut clocked = Clocked::start();
    let id = waiting(&clocked.world);
    clocked.restart();
    clocked.set(AFTER_NOTICE_MS);
    let first = clocked.receiver.event("action.expiring", &id);
    clocked.restart();
    let told = clocked.receiver.wait_for(3);
    assert!(told[0].is("action.waiting", &id), "{told:#?}");
    assert_eq!((told[1].id(), told[2].id()), (first.id(), first.id()));
    assert_eq!((&told[1].body, &told[2].body), (&first.body, &first.body));
}

#[test]
fn a_notice_that_fell_due_while_the_host_was_down_is_sent_at_its_start() {
    let mut clocked = Clocked::start();
    let id = waiting(&clocked.world);
    assert!(clocked.world.stop().unwrap());
    clocked.set(AFTER_NOTICE_MS);
    clocked.serve();
    clocked.receiver.event("action.expiring", &id);
}

#[test]
fn without_the_event_nobody_is_told() {
    let receiver = Receiver::start().unwrap();
    let events = "events = [\"action.waiting\", \"action.ended\"]\n";
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"2s\"")?;
        for_operators(dir, &receiver.url(), events)
    });
    let world = world.unwrap();
    let id = waiting(&world);
    receiver.event("action.ended", &id);
    assert_eq!(receiver.deliveries().len(), 2, "{:#?}", receiver.deliveries());
}
