//! The leak check when a test fixture is dropped. The check stops the host and searches everything that was written for
//! secrets, tokens and private keys outside the files that hold them on purpose.

use std::path::Path;

use serde_json::Value;

use super::{BOB, CAROL, HELPDESK, STRANGER, World};
use crate::canary::{self, Canary, Hit, Search};
use crate::client::Client;
use crate::services::ScimServer;

/// How many of the newest actions the check requests from the host. The check searches the files of all actions in any
/// case.
const ACTIONS: usize = 4;

/// The answers of the host's endpoints, by path.
type Said = Vec<(String, Vec<u8>)>;

impl World {
    /// The places where a secret, token or private key occurs although it must not.
    pub fn leaks(&self) -> Vec<Hit> {
        self.search(&self.said())
    }

    fn search(&self, said: &Said) -> Vec<Hit> {
        let search = Search::new(&self.hidden());
        let mut hits = search.tree(&self.dir);
        hits.extend(said.iter().flat_map(|(path, bytes)| search.bytes(Path::new(path), bytes)));
        hits
    }

    fn hidden(&self) -> Vec<Canary> {
        let tokens = [HELPDESK, BOB, CAROL, STRANGER].map(|token| ("a caller's token", token));
        let upstream = [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN];
        let upstream = upstream.map(|token| ("a credential of the directory", token));
        let known = tokens.into_iter().chain(upstream);
        let mut hidden: Vec<Canary> =
            known.map(|(name, value)| Canary::new(name, value.as_bytes())).collect();
        hidden.extend(canary::of_directory(&self.dir));
        hidden.extend(self.canaries.iter().cloned());
        hidden
    }

    /// The host's answers about itself and its newest actions. The list is empty when the host does not answer.
    fn said(&self) -> Said {
        let Some(host) = &self.host else { return Vec::new() };
        let Ok(metrics) = Client::hasty(&host.operations, "").get("/metrics") else {
            return Vec::new();
        };
        let mut said = vec![("/metrics".to_owned(), metrics.bytes)];
        let people = Client::hasty(&host.url, BOB);
        let listed = people.get("/v1/actions").map(|answer| answer.json()).unwrap_or_default();
        let actions = listed.get("actions").and_then(Value::as_array).into_iter().flatten();
        let ids = actions.filter_map(|action| action.get("id")?.as_str()).take(ACTIONS);
        for path in ids.flat_map(|id| ["", "/bundle"].map(|end| format!("/v1/actions/{id}{end}"))) {
            said.extend(people.get(&path).map(|answer| (path, answer.bytes)));
        }
        said
    }
}

impl Drop for World {
    /// A secret outside its files fails the test that leaked it.
    fn drop(&mut self) {
        let failing = std::thread::panicking();
        let said = if failing { Vec::new() } else { self.said() };
        self.host = None;
        let found = if failing { Vec::new() } else { self.search(&said) };
        let cores = if failing { Vec::new() } else { canary::cores(&self.dir) };
        assert!(found.is_empty(), "secrets stand where they must not: {found:#?}");
        assert!(cores.is_empty(), "memory images: {cores:?}");
    }
}
