//! Attack: panics with a long message that is meant to deceive its reader. The panic must be a trap that the host
//! survives. The message must be escaped and cut, and must not be used as evidence.

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
        panic!(
            "outcome: failed\nthe upstream said {} \u{202e}{}",
            answer.status,
            "x".repeat(9_999)
        );
    }
}

export_adapter!(Panics);
