//! Invite a user: on `scim2-server`. The list of users with the name is the proof that the user was created once.

use deed_tests::record::contracts::Kind;
use deed_tests::services::{Result, ScimServer};
use serde_json::json;

use super::system::{Action, Item, Read, Setup, System};

const ACTIONS: [Action; 1] = [Action {
    folder: "idp",
    contract: "idp.invite_user",
    kind: Kind::Find,
    reads: &[Read::Named, Read::Control],
}];

pub(super) struct Idp(ScimServer);

impl Idp {
    pub(super) fn start() -> Result<Self> {
        Ok(Self(ScimServer::start()?))
    }
}

impl System for Idp {
    fn actions(&self) -> &'static [Action] {
        &ACTIONS
    }

    /// The server handles one request at a time.
    fn at_once(&self) -> usize {
        2
    }

    fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// The fixture has the upstream `idp`.
    fn setup(&self, _url: &str) -> Setup {
        Setup { upstreams: String::new(), secrets: vec![], settle: None }
    }

    fn make(&self, _action: &Action, name: &str) -> Result<Item> {
        let params = json!({"user_name": name, "display_name": "Zoe"});
        Ok(Item { text: name.to_owned(), params })
    }

    fn shown(&self, _action: &Action, item: &Item) -> Result<usize> {
        Ok(self.0.users_named(&item.text)?.len())
    }
}
