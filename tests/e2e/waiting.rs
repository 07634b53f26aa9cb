//! Tests a host in which more actions wait for approval than the host can drive concurrently. After a restart, the host
//! resumes all waiting actions, and each action that no approver answers expires by itself, regardless of who proposed
//! it and when.

use std::fs;
use std::path::PathBuf;

use deed_tests::client::Answer;
use deed_tests::home::Home;
use deed_tests::record::Record;
use deed_tests::record::contracts::{self, Deed, Kind};
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK};

const MANY: usize = 150;
const TWO_HOURS_MS: i64 = 7_200_000;

/// A fixture with a host whose clock the test can set.
struct Fixture {
    home: Home,
    clock: PathBuf,
}

impl Fixture {
    fn new(record: &Record) -> Self {
        let home = Home::new("waiting");
        contracts::lay_out(&home.dir, &record.base_url()).unwrap();
        let mut fixture = Self { clock: home.dir.join("clock"), home };
        fixture.set_clock(0);
        fixture.serve();
        fixture
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
    let mut fixture = Fixture::new(&record);
    for number in 0..MANY {
        let answer = fixture.propose(number);
        assert_eq!(answer.text("/status"), "waiting", "{answer:?}");
    }
    assert!(fixture.home.stop().unwrap());
    fixture.serve();
    assert_eq!(fixture.propose(MANY).text("/status"), "waiting");
    assert_eq!((fixture.count("waiting"), fixture.count("expired")), (MANY + 1, 0));
    fixture.set_clock(TWO_HOURS_MS);
    until("all expire", || fixture.count("expired") == MANY + 1);
    assert_eq!(fixture.count("waiting"), 0);
    assert!(fixture.home.stop().unwrap());
    // No action is left open, and no write was sent.
    fixture.set_clock(TWO_HOURS_MS);
    fixture.serve();
    assert_eq!(fixture.count("expired"), MANY + 1);
    assert_eq!(record.applied("").len(), 0);
}
