//! What the fault table must know about the actions of a server.

use std::fs;
use std::path::Path;

use deed_tests::record::contracts::Kind;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{edit, store};
use serde_json::Value;

/// An action of the library of contracts. Each action has one write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    /// The folder in `contracts/`.
    pub(crate) folder: &'static str,
    /// The name of the contract.
    pub(crate) contract: &'static str,
    /// What a repetition of the write does.
    pub(crate) kind: Kind,
    /// The requests of one observation, in order.
    pub(crate) reads: &'static [Read],
}

/// A request of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Names what the action changes.
    Named,
    /// A control of an absence, without the name of what is absent.
    Control,
    /// A control of something that exists, so the observation is usable without it.
    Unneeded,
}

/// What one action changes.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// A text in the write and in every read that names the item. No request about another item has this text.
    pub(crate) text: String,
    /// The parameters of the action.
    pub(crate) params: Value,
}

/// A server that another project wrote, with actions on it.
pub(crate) trait System: Send + Sync {
    fn actions(&self) -> &'static [Action];

    /// How many actions run at the same time.
    fn at_once(&self) -> usize;

    /// The base URL of the server for the proxy.
    fn base_url(&self) -> String;

    /// The upstreams and secrets of a host that reaches the server at this URL.
    fn setup(&self, url: &str) -> Setup;

    /// Makes what the action changes. `name` is unique.
    fn make(&self, action: &Action, name: &str) -> Result<Item>;

    /// How often the server itself shows the effect of the action. The server is read without the host.
    fn shown(&self, action: &Action, item: &Item) -> Result<usize>;

    /// Removes what an action changed, and returns whether it was removed. Only a server that becomes slow with many
    /// items needs that. What stays is searched for late writes when every action has ended.
    fn remove(&self, _item: &Item) -> Result<bool> {
        Ok(false)
    }
}

/// What a served directory needs beside the contracts.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Tables for `deed.toml`.
    pub(crate) upstreams: String,
    /// The name and the value of each secret.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// The value of `settle` in place of that of the contracts, which allows for slower servers.
    pub(crate) settle: Option<&'static str>,
}

impl Action {
    /// The file of the contract in the library.
    pub(crate) fn text(&self) -> Result<String> {
        let name = self.contract.split_once('.').map_or(self.contract, |(_, name)| name);
        Ok(fs::read_to_string(workspace().join(format!("contracts/{}/{name}.toml", self.folder)))?)
    }
}

impl Setup {
    /// Writes contracts, grants, upstreams, secrets and a policy that asks nobody.
    pub(crate) fn write(&self, dir: &Path, actions: &[Action]) -> Result<()> {
        let own = |policy: &str| format!("[tenant.acme]\npolicies = [\"policies/{policy}.cedar\"]");
        edit(dir, "deed.toml", &own("starter"), &own("mission"))?;
        // A Python server is slow on a busy machine, and a slow answer must not count as a fault.
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"5s\"")?;
        let mut configuration = fs::read_to_string(dir.join("deed.toml"))? + &self.upstreams;
        for action in actions {
            let text = self.settled(action.text()?)?;
            configuration += &grant(action.contract, &text);
            fs::write(dir.join(format!("contracts/{}.toml", action.contract)), text)?;
        }
        fs::write(dir.join("deed.toml"), configuration)?;
        fs::write(dir.join("policies/mission.cedar"), policy(actions))?;
        self.secrets.iter().try_for_each(|(name, value)| store(dir, name, value))
    }

    fn settled(&self, contract: String) -> Result<String> {
        let Some(settle) = self.settle else { return Ok(contract) };
        let usual = "settle     = \"30s\"";
        if contract.contains(usual) {
            return Ok(contract.replace(usual, &format!("settle     = \"{settle}\"")));
        }
        Err(format!("the contract has no `{usual}`").into())
    }
}

/// The grant of a contract for the upstreams that it names.
fn grant(contract: &str, text: &str) -> String {
    let lines = text.lines().filter(|line| line.starts_with("upstream "));
    let mut named: Vec<&str> = lines.filter_map(|line| line.split('"').nth(1)).collect();
    named.sort_unstable();
    named.dedup();
    format!("\n[tenant.acme.grant.\"{contract}\"]\nupstreams = [\"{}\"]\n", named.join("\", \""))
}

fn policy(actions: &[Action]) -> String {
    let named = actions.iter().map(|one| format!("Deed::Action::\"{}\"", one.contract));
    let named = named.collect::<Vec<_>>().join(", ");
    format!(
        "@id(\"mission\")\npermit (principal, action in [{named}], resource)\n\
         when {{ principal.roles.contains(\"helpdesk\") }};\n"
    )
}
