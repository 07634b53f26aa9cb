//! Tests a host in which more actions wait for approval than the host can drive concurrently. After a restart, the host
//! resumes all waiting actions, and each action that no approver answers expires by itself, regardless of who proposed
//! it and when.

use std::fs;
use std::path::PathBuf;

use deed_tests::client::Answer;
use deed_tests::home::Home;
use deed_tests::record::Record;
use deed_tests::record::desk::{self, Deed, Kind};
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK};

const MANY: usize = 150;
const TWO_HOURS_MS: i64 = 7_200_000;

/// A fixture with a host whose clock the test can set.
struct Desk {
    home: Home,
    clock: PathBuf,
}

impl Desk {
    fn new(record: &Record) -> Self {
        let home = Home::new("waiting");
        desk::lay_out(&home.dir, &record.base_url()).unwrap();
        let mut desk = Self { clock: home.dir.join("clock"), home };
        desk.set_clock(0);
        desk.serve();
        desk
    }

    fn serve(&mut self) {
        let clock = self.clock.to_str().unwrap();
        self.home.serve_with(&[("DEED_TEST_CLOCK", clock)]).unwrap();
    }

    fn set_clock(&self, ms: i64) {
        let draft = self.clock.with_extension("draft");
        fs::write(&draft, ms.to_string()).unwrap();
        fs::rename(draft, &self.clock).unwrap();
    }

    fn propose(&self, number: usize) -> Answer {
        let deed = Deed { kind: Kind::Add, writes: 1, asked: true };
        let proposal = deed.proposal(&format!("item-{number}"));
        self.home.client(HELPDESK).propose(&proposal, &[("prefer", "wait=60")]).unwrap()
    }

    /// The number of listed actions with this status.
    fn count(&self, status: &str) -> usize {
        let found = self.home.client(BOB).get(&format!("/v1/actions?status={status}&limit=500"));
        found.unwrap().json()["actions"].as_array().unwrap().len()
    }
}

#[test]
fn more_than_are_driven_at_a_time_are_taken_up_and_expire_by_themselves() {
    let record = Record::start().unwrap();
    let mut desk = Desk::new(&record);
    for number in 0..MANY {
        let answer = desk.propose(number);
        assert_eq!(answer.text("/status"), "waiting", "{answer:?}");
    }
    assert!(desk.home.stop().unwrap());
    desk.serve();
    assert_eq!(desk.propose(MANY).text("/status"), "waiting");
    assert_eq!((desk.count("waiting"), desk.count("expired")), (MANY + 1, 0));
    desk.set_clock(TWO_HOURS_MS);
    until("all expire", || desk.count("expired") == MANY + 1);
    assert_eq!(desk.count("waiting"), 0);
    assert!(desk.home.stop().unwrap());
    // No action is left open, and no write was sent.
    desk.set_clock(TWO_HOURS_MS);
    desk.serve();
    assert_eq!(desk.count("expired"), MANY + 1);
    assert_eq!(record.applied("").len(), 0);
}
