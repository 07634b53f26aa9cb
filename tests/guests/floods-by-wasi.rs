//! Attack: makes the host keep as much as possible by WASI, and waits for an answer in the place of another one. After
//! these attempts, the guest performs its action as usual.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::wasi::bindings::wasi::http::outgoing_handler;
use deed_guests::wasi::bindings::wasi::http::types::{Fields, Method, OutgoingRequest};
use deed_guests::wasi::{Asked, fetch, look, request, restore, write};
use deed_guests::{through, user};

struct FloodsByWasi;

impl Adapter for FloodsByWasi {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let user = user(action)?;
        drops_answers(&user);
        sets_long_names();
        writes_long_bodies(&user);
        confuses_answers(&user);
        log::info("it flooded the host");
        restore(action).map(drop)
    }
}

fn read(user: &str) -> Asked<'_> {
    Asked { method: "PATCH", authority: "idp", path: user, headers: &[], body: None }
}

/// Hands over requests whose answers it drops. The host must neither keep nor send them.
fn drops_answers(user: &str) {
    for _ in 0..20_000 {
        if let Ok(request) = request(&read(user)) {
            drop(outgoing_handler::handle(request, None));
        }
    }
}

fn sets_long_names() {
    let long = "x".repeat(1 << 20);
    for _ in 0..200 {
        let request = OutgoingRequest::new(Fields::new());
        if request.set_method(&Method::Other(long.clone())).is_ok() {
            through("a long method");
        }
        if request.set_authority(Some(&long)).is_ok() {
            through("a long authority");
        }
        if request.set_path_with_query(Some(&format!("/{long}"))).is_ok() {
            through("a long path");
        }
    }
}

/// A body has at most 1 MiB, in large and in small writes, and a request with a longer one cannot be sent.
fn writes_long_bodies(user: &str) {
    for (size, most) in [(4096, 400), (1, 3_000)] {
        let Ok(request) = request(&read(user)) else { continue };
        let Ok(body) = request.body() else { continue };
        let piece = vec![b'x'; size];
        let written = (0..most).take_while(|_| write(&body, &piece).is_ok()).count();
        if written * size > 1 << 20 {
            through("a long body");
        }
    }
}

/// Drops the place of one answer, so that another answer gets its place.
fn confuses_answers(user: &str) {
    let Ok(first) = request(&read(user)) else { return };
    drop(outgoing_handler::handle(first, None));
    let elsewhere = Asked { path: "/Users/0", ..read(user) };
    if let Ok(answer) = fetch(elsewhere) {
        through(&format!("another answer: {}", answer.status));
    }
}

export_adapter!(FloodsByWasi);
