//! Attack: plans that never end: more writes than a plan may have, more bytes, endless reads, and runs that never end.
//! Its contract has several rules `POST /many/N` or `GET /many/N`, each of which may be sent 64 times.

use deed_adapter_sdk::bindings::deed::adapter::http::{self as host, Request};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::yard::{NOTE, TEXT, TITLE, create, finish, look, number, with_part};
use serde_json::json;

/// The number of times that a rule of the contract may be sent.
const CALLS: usize = 64;

struct PlansWithoutEnd;

impl Adapter for PlansWithoutEnd {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        match action.text("how")? {
            "reads" => reads(action),
            "spins-at-once" => spin(),
            _ => {}
        }
        let (id, _) = create(action, &json!(TITLE))?;
        finish(action, &id, &json!(TEXT), &json!(NOTE))?;
        match action.text("how")? {
            "writes" => many(action, 1),
            "bytes" => many(action, 70_000),
            "spins-after-its-plan" => spin(),
            _ => Ok(()),
        }
    }
}

export_adapter!(PlansWithoutEnd);

/// Sends every other read of the contract as often as its rule allows.
fn reads(action: &Action) {
    let is_it = |one: &&Request| one.method == "GET" && one.path.starts_with("/many/");
    for rule in action.requests.iter().filter(is_it) {
        (0..CALLS).for_each(|_| drop(host::send(rule)));
    }
}

/// Sends every other write of the contract as often as its rule allows, each with a part of its own.
fn many(action: &Action, length: usize) -> Result<(), Failure> {
    let is_it = |one: &&Request| one.method == "POST" && one.path.starts_with("/many/");
    for rule in action.requests.iter().filter(is_it) {
        for n in 0..CALLS {
            let note = json!(format!("{n}{}", "x".repeat(length)));
            drop(host::send(&with_part(rule.clone(), "/note", &note)?));
        }
    }
    Ok(())
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
