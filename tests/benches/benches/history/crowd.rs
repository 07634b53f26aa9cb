//! Fills a host with actions that wait for an approver.

use std::thread;

use deed_benches::history;
use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::services::Result;
use deed_tests::world::HELPDESK;

/// Concurrent callers.
const CALLERS: u64 = 8;

pub(crate) fn wait(host: Host, actions: u64) -> Result<Host> {
    let url = host.url.clone();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                scope.spawn({
                    let url = &url;
                    move || propose(url, caller, actions)
                })
            })
            .collect();
        let lost = |_| "a caller panicked".to_owned();
        callers.into_iter().try_for_each(|one| one.join().map_err(lost)?)
    })?;
    Ok(host)
}

/// Proposes one caller's share of the actions: every `CALLERS`th action, starting with the number of this caller.
fn propose(url: &str, caller: u64, actions: u64) -> std::result::Result<(), String> {
    let client = Client::new(url, HELPDESK);
    let deed = Deed { kind: Kind::Add, writes: 1, asked: true };
    let mut number = caller;
    while number < actions {
        let body = deed.proposal(&history::item(2_000_000 + number)).to_string().into_bytes();
        let answer = client
            .send("POST", "/v1/actions", &[("prefer", "wait=60")], body)
            .map_err(|error| error.to_string())?;
        if answer.text("/status") != "waiting" {
            return Err(format!("an action that should wait ended: {}", answer.json()));
        }
        number += CALLERS;
    }
    Ok(())
}
