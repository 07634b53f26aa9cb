//! Stories of the contracts in `contracts/SYSTEM/`, served under the policy of the same folder. A story is one action
//! that is proposed, approved and verified. The test reads the server over a connection of its own: before the action,
//! while people are asked, and after the action.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_tests::host;
use deed_tests::services::{Result, venv, workspace};
use deed_tests::world::{BOB, CAROL, World, edit, store};
use serde_json::Value;

use crate::shared::{declared, ended, scim};

/// A verified action, as a row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    system: &'static str,
    action: String,
    outcome: String,
    said: String,
}

impl Row {
    fn texts(&self) -> [&str; 4] {
        [self.system, self.action.as_str(), self.outcome.as_str(), self.said.as_str()]
    }
}

/// A host with all contracts of one system.
#[derive(Debug)]
pub struct Stories {
    pub world: World,
    system: &'static str,
    rows: Vec<Row>,
}

/// What the server says before and after an action, and how many people the policy asks.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub before: &'a str,
    pub after: &'a str,
    pub approvals: usize,
}

impl Stories {
    /// Starts a host with the contracts and the policy of `contracts/SYSTEM/`. The text `upstreams` is appended to
    /// `deed.toml`, and each secret is stored under its name. The fixture has an upstream `idp`, with the secrets
    /// `idp_read` and `idp_write`. The cases of the policy must hold.
    pub fn start(system: &'static str, upstreams: &str, secrets: &[(&str, &str)]) -> Self {
        let world = World::with(scim(), "scim", |dir| {
            lay_out(dir, system, upstreams)?;
            secrets.iter().try_for_each(|(name, value)| store(dir, name, value))
        })
        .unwrap();
        let cases = folder(system).join("policy.cases.toml");
        let cases = cases.to_str().unwrap();
        let said = host::expect(&["policy", "test", world.path(), cases, "--tenant", "acme"]);
        assert!(said.as_ref().is_ok_and(|said| said.ends_with(" 0 differ\n")), "{said:?}");
        Self { world, system, rows: Vec::new() }
    }

    /// Runs an action that must be verified. `server` says what the server has.
    pub fn verified(
        &mut self,
        action: &str,
        params: Value,
        change: Change<'_>,
        server: &dyn Fn() -> String,
    ) -> Value {
        let Change { before, after, approvals } = change;
        assert_eq!(server(), before, "before {action}");
        let view = self.run(action, params, &|| assert_eq!(server(), before, "{action} waits"));
        let receipt = ended(&self.world, &view, "verified", "");
        assert_eq!(receipt["approvals"].as_array().map_or(0, Vec::len), approvals, "{receipt:#}");
        assert_eq!(server(), after, "after {action}");
        prove(&self.world, view["id"].as_str().unwrap());
        let said = if before == after { after.to_owned() } else { format!("{before} -> {after}") };
        let (action, outcome) = (action.to_owned(), "verified".to_owned());
        self.rows.push(Row { system: self.system, action, outcome, said });
        view
    }

    /// Runs an action that must not be verified and must not change what the server says.
    pub fn fails(
        &self,
        action: &str,
        params: Value,
        [outcome, reason]: [&str; 2],
        server: &dyn Fn() -> String,
    ) -> Value {
        let before = server();
        let view = self.run(action, params, &|| {});
        ended(&self.world, &view, outcome, reason);
        assert_eq!(server(), before, "after {action}");
        view
    }

    /// The rows of all stories. Every contract of the folder must have a story.
    pub fn rows(self) -> Vec<Row> {
        let told: BTreeSet<&str> = self.rows.iter().map(|row| row.action.as_str()).collect();
        let served = contracts(self.system).unwrap();
        let served: BTreeSet<&str> = served.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(told, served, "the stories of {}", self.system);
        self.rows
    }

    /// Proposes an action and approves it as bob and carol, as long as it waits for people. `waits` is called before
    /// each approval.
    fn run(&self, action: &str, params: Value, waits: &dyn Fn()) -> Value {
        let proposal = declared(&format!("{}.{action}", self.system), params);
        let mut view = self.world.propose(&proposal).unwrap().json();
        let id = view["id"].as_str().unwrap_or_default().to_owned();
        assert!(!id.is_empty(), "{view:#}");
        for (person, token) in [("bob", BOB), ("carol", CAROL)] {
            if view["status"] != "waiting" {
                break;
            }
            waits();
            let (done, said) = self.world.approve(&id, person, token).unwrap();
            assert!(done, "{said}");
            view = self.world.settled(&id).unwrap();
        }
        view
    }
}

/// Checks the bundle of an action with `deed verify` and with the verifier that is built from packages of other projects.
/// Returns the file of the bundle.
pub fn prove(world: &World, id: &str) -> PathBuf {
    let bundle = world.dir.join(format!("{id}.deed"));
    fs::write(&bundle, world.bundle(id).unwrap()).unwrap();
    let trust = world.trust().unwrap();
    let (file, trust) = (bundle.to_str().unwrap(), trust.to_str().unwrap());
    let said = host::expect(&["verify", file, "--trust", trust]).unwrap();
    assert!(said.contains("VERIFIED"), "{said}");
    let script = workspace().join("tests/oracle/verify.py");
    let mut python = Command::new(venv().join("bin/python"));
    let output = python.arg(script).args([file, trust]).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    bundle
}

/// The table of all rows. Its last line has the number of stories.
pub fn table(name: &str, rows: &[Row]) -> String {
    let head = ["system", "action", "outcome", "what the server itself says"];
    let cells = rows.iter().map(Row::texts);
    let cells: Vec<[&str; 4]> = std::iter::once(head).chain(cells).collect();
    let wide = [0, 1, 2].map(|at| cells.iter().map(|row| row[at].len()).max().unwrap_or(0));
    let line = |[system, action, outcome, said]: &[&str; 4]| {
        let [a, b, c] = wide;
        format!("{system:a$}  {action:b$}  {outcome:c$}  {said}")
    };
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    let verified = rows.iter().filter(|row| row.outcome == "verified").count();
    lines.push(format!("{name}: {} stories, {verified} verified", rows.len()));
    lines.join("\n")
}

/// The folder of a system.
pub fn folder(system: &str) -> PathBuf {
    workspace().join("contracts").join(system)
}

/// The contracts of a system: the last part of each name, which is the name of the file, and the text.
pub fn contracts(system: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(system))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".toml").filter(|name| !name.contains('.')) {
            found.push((name.to_owned(), fs::read_to_string(&path)?));
        }
    }
    Ok(found)
}

/// Replaces the policy of the tenant `acme`, and adds the contracts that the fixture does not have, with their grants.
fn lay_out(dir: &Path, system: &str, upstreams: &str) -> Result<()> {
    let policy = format!("policies/{system}.cedar");
    fs::copy(folder(system).join("policy.cedar"), dir.join(&policy))?;
    let own = |policy: &str| format!("[tenant.acme]\npolicies = [\"{policy}\"]");
    edit(dir, "deed.toml", &own("policies/starter.cedar"), &own(&policy))?;
    let mut configuration = fs::read_to_string(dir.join("deed.toml"))? + upstreams;
    for (name, text) in contracts(system)? {
        let table = format!("[tenant.acme.grant.\"{system}.{name}\"]");
        if configuration.contains(&table) {
            continue;
        }
        fs::write(dir.join(format!("contracts/{system}_{name}.toml")), &text)?;
        let named: Vec<String> = named(&text).iter().map(|one| format!("\"{one}\"")).collect();
        let grant = format!("\n{table}\nupstreams = [{}]\n", named.join(", "));
        configuration.push_str(&grant);
    }
    Ok(fs::write(dir.join("deed.toml"), configuration)?)
}

/// The upstreams that a contract names.
fn named(contract: &str) -> BTreeSet<&str> {
    let lines = contract.lines().filter(|line| line.starts_with("upstream "));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}
