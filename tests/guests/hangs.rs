//! Attack: calls an upstream that does not answer, and never ends afterwards. While the guest waits for the answer, it
//! reaches no place in its code at which the host could stop it, such as a branch.

use std::hint::black_box;

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::{look, restore};

struct Hangs;

impl Adapter for Hangs {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        while black_box(true) {
            black_box(restore(action).is_ok());
        }
        Ok(())
    }
}

export_adapter!(Hangs);
