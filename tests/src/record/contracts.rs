//! Fixture: a served directory for the counting system of record. For each kind of write, the directory has a contract
//! with one write and a contract with two writes. It also has a contract that needs approval, and open contracts with
//! one, two and three writes. The commands of the real binary make the directory.

mod items;
mod open;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::host;
use crate::layout::{self, HEAD, hash};
use crate::services::Result;
use crate::world::{BOB, HELPDESK};

/// What an action does to the system of record, which determines the action's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deed {
    pub kind: Kind,
    /// The number of writes in one attempt, 1 to 3.
    pub writes: usize,
    /// Whether the action needs approval.
    pub asked: bool,
}

/// A kind of items in the system of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Set,
    Keyed,
    Add,
    Opaque,
    /// A POST that creates a thing under an id of the record's own. The thing is read under the id in the answer.
    Create,
    /// A POST that creates a thing. The thing is found again by the id of the action.
    Find,
    /// A DELETE of the item.
    Delete,
    /// Like [`Kind::Set`], but the adapter computes the value, so the contract is open.
    SetAny,
    /// Writes of which the later ones contain the id in the answer to the first one, so the contract is open. The writes
    /// are repeated like those of [`Kind::Set`], [`Kind::Keyed`] and [`Kind::Add`].
    SetId,
    KeyId,
    AddId,
}

impl Kind {
    /// The kinds whose items have two slots, so that an action can have one write or two.
    const OF_SLOTS: [Self; 4] = [Self::Set, Self::Keyed, Self::Add, Self::Opaque];
    const OF_ITEMS: [Self; 3] = [Self::Create, Self::Find, Self::Delete];
    /// The kinds of open contracts, with the number of writes.
    const OPEN: [(Self, usize); 5] =
        [(Self::SetAny, 1), (Self::AddId, 2), (Self::SetId, 3), (Self::KeyId, 3), (Self::AddId, 3)];

    /// Whether the host rehearses the action.
    pub fn is_open(self) -> bool {
        Self::OPEN.iter().any(|(kind, _)| *kind == self)
    }

    /// The kind of the items in the system of record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set | Self::SetAny => "set",
            Self::Keyed => "keyed",
            Self::Add => "add",
            Self::Opaque => "opaque",
            Self::Create => "create",
            Self::Find => "find",
            Self::Delete => "delete",
            Self::SetId => "setid",
            Self::KeyId => "keyid",
            Self::AddId => "addid",
        }
    }

    /// The effect of a write of this kind, as declared in the contract.
    pub fn effect(self) -> &'static str {
        match self {
            Self::Set | Self::SetAny | Self::SetId => "idempotent",
            Self::Keyed | Self::Create | Self::KeyId => "keyed",
            Self::Add | Self::Find | Self::Delete | Self::AddId => "observable",
            Self::Opaque => "opaque",
        }
    }
}

impl Deed {
    /// Actions with one and with two writes of every kind with slots, an action that needs approval, actions that create
    /// or delete an item, and actions with open contracts.
    pub fn all() -> Vec<Self> {
        let plain = |(kind, writes)| Self { kind, writes, asked: false };
        let every = Kind::OF_SLOTS.into_iter().flat_map(|kind| [(kind, 1), (kind, 2)]);
        let asked = Self { kind: Kind::Add, writes: 1, asked: true };
        let items = Kind::OF_ITEMS.map(|kind| plain((kind, 1)));
        every.map(plain).chain([asked]).chain(items).chain(Kind::OPEN.map(plain)).collect()
    }

    /// The name of the action's contract.
    pub fn contract(self) -> String {
        let more = match (self.writes, self.asked) {
            (2, _) => "_two",
            (3, _) => "_three",
            (_, true) => "_asked",
            _ if self.kind == Kind::SetAny => "_any",
            _ => "",
        };
        format!("crash.{}{more}", self.kind.as_str())
    }

    /// The slots that the action writes to, in order.
    pub fn slots(self) -> &'static [&'static str] {
        match self.writes {
            3 => &["one", "two", "three"],
            2 => &["one", "two"],
            _ => &["one"],
        }
    }

    /// What the agent proposes for an item.
    pub fn proposal(self, item: &str) -> Value {
        json!({
            "contract": self.contract(),
            "params": {"item": item, "value": VALUE},
            "intent": "the crash matrix carries it out",
        })
    }

    /// The contract as TOML.
    fn toml(self) -> String {
        if Kind::OF_ITEMS.contains(&self.kind) {
            return items::toml(self.kind);
        }
        if self.kind.is_open() {
            return open::toml(self);
        }
        let shown = if self.kind == Kind::Set { "string" } else { "integer" };
        let after = |slot: &&str| match self.kind {
            Kind::Set => format!("\"post.item.{slot} == params.value\""),
            _ => format!("\"post.item.{slot} == pre.item.{slot} + 1\""),
        };
        let after: Vec<String> = self.slots().iter().map(after).collect();
        let places: Vec<String> =
            self.slots().iter().map(|slot| format!("\"/item/{slot}\"")).collect();
        format!(
            r#"format = 1
[action]
name = "{name}"
version = "1.0.0"
title = "Write to an item of the record"
verb = "update"
mode = "write"
effect = "{effect}"
resource = "record/{kind}/{{item}}"
adapter = "writes-in-order"

[params]
required = ["item", "value"]
properties.item = {{ type = "string", pattern = "^[a-z0-9-]{{1,60}}$" }}
properties.value = {{ type = "string", pattern = "^[a-z]{{1,20}}$" }}

[state.item]
required = ["id", "one", "two"]
properties.id = {{ type = "string" }}
properties.one = {{ type = "{shown}" }}
properties.two = {{ type = "{shown}" }}

[[observe.http]]
upstream = "record"
request = "GET /{kind}/{{item}}"

{writes}[verify]
after = [{after}]
may_change = [{places}]

[limits]
timeout = "20s"
attempts = 3
backoff = "100ms"
"#,
            name = self.contract(),
            kind = self.kind.as_str(),
            effect = self.kind.effect(),
            writes = self.rules(),
            after = after.join(", "),
            places = places.join(", "),
        )
    }

    /// One `[[perform.http]]` rule for each write of the action.
    fn rules(self) -> String {
        let kind = self.kind.as_str();
        let method = if self.kind == Kind::Set { "PUT" } else { "POST" };
        let rule = |slot: &&str| {
            format!(
                "[[perform.http]]\nupstream = \"record\"\nrequest = \"{method} /{kind}/{{item}}/{slot}\"\n\
                 body = {{ value = \"{{value}}\" }}\n\n"
            )
        };
        self.slots().iter().map(rule).collect()
    }
}

/// The value that every action writes.
pub const VALUE: &str = "wanted";

/// How long the host waits for one exchange. A write without an answer therefore stays open for this time.
pub const TIMEOUT: &str = "1200ms";

/// Makes a served directory for the record at this base URL.
pub fn lay_out(dir: &Path, record: &str) -> Result<()> {
    layout::folders(dir, &["bob"])?;
    for deed in Deed::all() {
        fs::write(dir.join(format!("contracts/{}.toml", deed.contract())), deed.toml())?;
    }
    fs::write(dir.join("policies/crash.cedar"), POLICIES)?;
    layout::adapter(dir, "writes-in-order", "writes-in-order")?;
    fs::write(dir.join("deed.toml"), configuration(record))?;
    host::expect(&["pin", &dir.to_string_lossy()])?;
    Ok(())
}

/// Adds the contract `crash.set_read`, which observes an item of the kind `set` and does nothing else. The caller must
/// grant and pin the contract.
pub fn add_a_read(dir: &Path) -> Result<()> {
    let set = fs::read_to_string(dir.join("contracts/crash.set.toml"))?;
    let (head, _) = set.split_once("[[perform.http]]").ok_or("the contract performs nothing")?;
    let read = head
        .replace("\"crash.set\"", "\"crash.set_read\"")
        .replace("verb = \"update\"\nmode = \"write\"", "verb = \"read\"\nmode = \"read\"");
    let read = read.replace("required = [\"item\", \"value\"]", "required = [\"item\"]");
    fs::write(dir.join("contracts/crash.set_read.toml"), read + "[limits]\ntimeout = \"20s\"\n")?;
    Ok(())
}

const POLICIES: &str = r#"
@id("desk-writes")
permit (principal, action, resource) when { principal.roles.contains("helpdesk") };

@id("asked-needs-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"crash.add_asked", resource);
"#;

fn configuration(record: &str) -> String {
    let grant = |deed: Deed| {
        format!("[tenant.acme.grant.\"{}\"]\nupstreams = [\"record\"]\n\n", deed.contract())
    };
    let grants = Deed::all().into_iter().map(grant).collect::<Vec<_>>().concat();
    format!(
        r#"{HEAD}
[tenant.acme]
policies = ["policies/crash.cedar"]

[tenant.acme.upstream.record]
base_url = "{record}"
addresses = ["loopback"]
timeout = "{TIMEOUT}"
idempotency = {{ header = "Idempotency-Key", window = "24h" }}

[tenant.acme.agent.helpdesk]
person = "alice"
roles = ["helpdesk"]
token = "{helpdesk}"

[tenant.acme.person.alice]
roles = ["helpdesk"]

[tenant.acme.person.bob]
roles = ["support-lead"]
keys = ["approvers/bob.pub"]
token = "{bob}"

{grants}"#,
        helpdesk = hash(HELPDESK),
        bob = hash(BOB),
    )
}
