//! Doors that a later release may have. Each of them must get a row with its answers before it is built.

use deed_tests::client::Client;
use deed_tests::doors::row;
use deed_tests::world::HELPDESK;

use super::commands::commands;
use super::compare;
use super::http::routes;
use super::stage::{Attempt, Stage, cell, patiently};
use super::table::NOT_BUILT;

const PATHS: [&str; 6] =
    ["/console", "/inbox", "/v1/inbox", "/v1/freezes", "/v1/plans", "/v1/actions/{id}/edit"];
/// Names of such doors, as a part of a path or as a command.
const WORDS: [&str; 8] =
    ["console", "inbox", "freeze", "freezes", "edits", "plan", "plans", "amend"];

/// `not built` if neither listener knows the path, and the statuses otherwise.
fn state(clients: &[Client; 2], path: &str, body: &str) -> String {
    let ask = |client: &Client, method: &str| {
        let body = if method == "GET" { vec![] } else { body.as_bytes().to_vec() };
        patiently(|| client.send(method, path, &[], body.clone()).unwrap()).status
    };
    let asked = clients.iter().flat_map(|client| ["GET", "POST"].map(|method| ask(client, method)));
    let statuses: Vec<u16> = asked.collect();
    if statuses.iter().all(|status| *status == 404) {
        return "not built".to_owned();
    }
    cell(statuses.iter().map(u16::to_string))
}

pub(super) fn attack() {
    let stage = Stage::open();
    let operations = Client::new(&stage.world.host.as_ref().unwrap().operations, HELPDESK);
    let clients = [stage.agent(), operations];
    let answer = |path: &str, attempt: Attempt| {
        let payloads = stage.payloads(attempt).into_iter();
        cell(
            payloads
                .map(|one| state(&clients, &path.replace("{id}", &one.id), &one.body.to_string())),
        )
    };
    let found = PATHS.map(|path| row(path, &Attempt::ALL.map(|attempt| answer(path, attempt))));
    compare(&found, NOT_BUILT);
    for (_, path, _) in routes() {
        let known = path.split('/').find(|part| WORDS.contains(part));
        assert_eq!(known, None, "{path} has a row among the doors that are not built");
    }
    for command in commands() {
        assert!(!WORDS.contains(&command.as_str()), "deed {command} must have a row of its own");
    }
    stage.untouched();
}
