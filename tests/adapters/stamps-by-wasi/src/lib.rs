//! Sets the title of a user to a text that it computes from everything that could differ between two runs: both
//! clocks, three sources of randomness, and an order by seeded hashes. All requests leave over `wasi:http`.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::user;
use deed_guests::wasi::bindings::wasi::cli::stdout;
use deed_guests::wasi::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use deed_guests::wasi::bindings::wasi::random::{insecure, insecure_seed, random};
use deed_guests::wasi::{Asked, fetch, look};
use serde_json::json;

struct StampsByWasi;

impl Adapter for StampsByWasi {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let (path, title) = (user(action)?, stamp());
        print(&title);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "title", "value": title }],
        });
        let body = body.to_string();
        let asked = Asked {
            method: "PATCH",
            authority: "idp",
            path: &path,
            headers: &[("accept", "*/*"), ("user-agent", "client/1.0")],
            body: Some(body.as_bytes()),
        };
        let answer = fetch(asked).map_err(|error| Failure::Unknown(format!("{error:?}")))?;
        if answer.status < 300 { Ok(()) } else { Err(Failure::Refused(answer.status.to_string())) }
    }
}

/// Writes a line to the standard output, which becomes a line of the adapter's log.
fn print(line: &str) {
    stdout::get_stdout().blocking_write_and_flush(format!("{line}\n").as_bytes()).ok();
}

fn stamp() -> String {
    let before = monotonic_clock::now();
    monotonic_clock::subscribe_duration(1_500_000).block();
    let (after, wall) = (monotonic_clock::now(), wall_clock::now());
    let seed = insecure_seed::insecure_seed();
    format!(
        "{}.{:09} {} {:x} {:x} {:x} {}",
        wall.seconds,
        wall.nanoseconds,
        after - before,
        random::get_random_u64(),
        insecure::get_insecure_random_u64(),
        seed.0,
        order(random::get_random_u64())
    )
}

/// Names in the order of their hashes, as in a hash map with a random seed.
fn order(seed: u64) -> String {
    let mut names: Vec<(u64, char)> = ('a'..='f').map(|name| (hash(seed, name), name)).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name).collect()
}

fn hash(seed: u64, name: char) -> u64 {
    let number = seed ^ u64::from(u32::from(name)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

export_adapter!(StampsByWasi);
