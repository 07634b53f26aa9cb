//! Attack: waits by WASI in a way that never ends, or ends the run in another way than by returning. The state of the
//! user selects the way, so that one component has them all.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::wasi::bindings::wasi::cli::{exit, stdout};
use deed_guests::wasi::bindings::wasi::clocks::monotonic_clock;
use deed_guests::wasi::bindings::wasi::http::outgoing_handler;
use deed_guests::wasi::bindings::wasi::random::random;
use deed_guests::wasi::{Asked, look, request, restore};
use deed_guests::{through, user};

struct WaitsByWasi;

impl Adapter for WaitsByWasi {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        match action.text("how")? {
            "exits" => exit::exit(Ok(())),
            "fails" => exit::exit(Err(())),
            "sleeps" => monotonic_clock::subscribe_duration(3_600_000_000_000).block(),
            "deadlocks" => deadlocks(&user(action)?),
            "draws" => drop(random::get_random_bytes(u64::MAX)),
            "prints" => return prints(action),
            "spins" => while monotonic_clock::now() < u64::MAX {},
            other => return Err(Failure::Invalid(format!("there is no way `{other}`"))),
        }
        through("the end of the call");
        restore(action).map(drop)
    }
}

/// Waits for the answer to a request whose body it does not finish.
fn deadlocks(user: &str) {
    let usual = Asked { method: "PATCH", authority: "idp", path: user, headers: &[], body: None };
    if let Ok(request) = request(&usual) {
        let body = request.body();
        if let Ok(answer) = outgoing_handler::handle(request, None) {
            answer.subscribe().block();
        }
        drop(body);
    }
}

/// Prints 2 MiB, and then does its work.
fn prints(action: &Action) -> Result<(), Failure> {
    let (stream, mut line) = (stdout::get_stdout(), [b'x'; 1024]);
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    for _ in 0..2_048 {
        if stream.blocking_write_and_flush(&line).is_err() {
            break;
        }
    }
    restore(action).map(drop)
}

export_adapter!(WaitsByWasi);
