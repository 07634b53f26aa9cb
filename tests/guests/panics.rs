//! Attack: ends in a panic whose message looks like a credential. The panic must be a trap that the
//! host survives, and its message must not be evidence.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{look, restore};

struct Panics;

impl Adapter for Panics {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    #[expect(clippy::panic, reason = "that is the attack")]
    fn perform(action: &Action) -> Result<(), Failure> {
        let answer = restore(action)?;
        log::info("it panics now");
        panic!("Authorization: Bearer 0123456789abcdef; the upstream said {}", answer.status);
    }
}

export_adapter!(Panics);
