//! A test fixture: a served directory with two tenants, agents, approvers and grants, and a fault-injecting proxy to a
//! real SCIM server. The commands of the real binary make all of its files.

mod files;
mod leaks;

use std::ops::{Deref, DerefMut};
use std::path::Path;

use serde_json::{Value, json};

pub use self::files::{edit, grant_as_it_is, lay_out, store, with_operator};
use crate::canary::Canary;
use crate::client::Answer;
use crate::home::Home;
pub use crate::people::{BOB, CAROL, HELPDESK, STRANGER};
use crate::proxy::Proxy;
use crate::services::{Result, ScimServer};
use crate::{compiled, people, wait};

/// A served directory with a fault-injecting proxy to its system of record.
#[derive(Debug)]
pub struct World {
    home: Home,
    pub proxy: Proxy,
    /// Values that must not occur in any output, in addition to the values that every fixture has.
    pub canaries: Vec<Canary>,
}

/// The adapter that is installed for the name `scim` in the contracts.
pub const SCIM: &str = "scim";

impl Deref for World {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Home {
        &mut self.home
    }
}

impl World {
    /// Starts a host with the real adapter.
    pub fn start(scim: &ScimServer) -> Result<Self> {
        Self::with(scim, SCIM, |_| Ok(()))
    }

    /// Starts a host with this adapter, after changing files of the directory and pinning them.
    pub fn with(
        scim: &ScimServer,
        adapter: &str,
        change: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let mut world = Self::not_pinned(scim, adapter)?;
        change(&world.dir)?;
        compiled::expected_in(&world.dir)?;
        world.pin()?;
        world.serve()?;
        Ok(world)
    }

    /// Makes and pins the files, but does not start a host.
    pub fn lay_out(scim: &ScimServer, adapter: &str) -> Result<Self> {
        let world = Self::not_pinned(scim, adapter)?;
        world.pin()?;
        Ok(world)
    }

    /// A fixture for a directory whose files the caller makes.
    pub fn of(home: Home, proxy: Proxy) -> Self {
        Self { home, proxy, canaries: Vec::new() }
    }

    fn not_pinned(scim: &ScimServer, adapter: &str) -> Result<Self> {
        let world = Self::of(Home::new("world"), Proxy::start(&scim.base_url())?);
        files::write_files(&world.dir, world.proxy.base_url(), adapter)?;
        Ok(world)
    }

    /// A proposal of the helpdesk agent for a user.
    pub fn proposal(contract: &str, user_id: &str) -> Value {
        json!({
            "contract": contract,
            "params": {"user_id": user_id},
            "intent": "the user is locked out and has shown who they are",
            "on_behalf_of": "user@example.com",
            "sources": [{"uri": "ticket:4711"}],
        })
    }

    /// Proposes as the helpdesk agent and waits until the action has ended or waits for people.
    pub fn propose(&self, proposal: &Value) -> Result<Answer> {
        self.client(HELPDESK).propose(proposal, &[("prefer", "wait=60")])
    }

    /// Waits until the view of the action satisfies the predicate `so`, and returns that view.
    #[track_caller]
    pub fn until(&self, id: &str, so: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = "the action is as it must be";
        wait::answer(what, || self.show(id), |view| view.as_ref().map_or(true, &so))
    }

    /// Resolves the action with the real client as carol; returns whether it was accepted and everything that was
    /// printed.
    pub fn resolve(&self, id: &str, verdict: &str, reason: &str) -> Result<(bool, String)> {
        self.resolve_as(id, verdict, reason, "carol", CAROL)
    }

    pub fn resolve_as(
        &self,
        id: &str,
        verdict: &str,
        reason: &str,
        person: &str,
        token: &str,
    ) -> Result<(bool, String)> {
        people::resolve(self.url(), &self.dir, [id, verdict, person, token], reason)
    }

    /// Proposes, and approves as bob if the action waits. Returns the view of the action once it has ended or waits for
    /// people again.
    pub fn run(&self, proposal: &Value) -> Result<Value> {
        let proposed = self.propose(proposal)?;
        let id = proposed.text("/id");
        if proposed.text("/status") == "waiting" {
            let (done, said) = self.approve(&id, "bob", BOB)?;
            // An approval that was accepted and then became stale is an ordinary result.
            if !done && !said.contains("the approval does not count") {
                return Err(format!("the approval was not taken: {said}").into());
            }
        }
        self.settled(&id)
    }
}
