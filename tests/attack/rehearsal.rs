//! A fixture for attacks on rehearsals: the open contract `yard.build` with one adapter, and an upstream that keeps every
//! request. The checks compare the upstream's own record with the plan in the evidence.

mod upstream;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deed_test_support::shared::{ended, look, scim};
use deed_test_support::upstream::{Reply, Request, Upstream};
use deed_tests::guests::Guest;
use deed_tests::layout;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use self::upstream::{Data, id_of};
use crate::case;
use crate::upstreams::stage::fresh;

const CONTRACT: &str = include_str!("rehearsal/yard.toml");

/// The schema of the id in the answer to the first write.
pub(crate) const ID: &str = "pattern = \"^[a-z0-9]{20}$\"";

const POLICY: &str = r#"
@id("yard-by-helpdesk")
permit (principal, action == Deed::Action::"yard.build", resource)
when { principal.roles.contains("helpdesk") };
"#;

const ASKING: &str = r#"
@id("yard-needs-a-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"yard.build", resource);
"#;

const TABLES: &str = r#"
[tenant.acme.upstream.yard]
base_url  = "http://@address@"
addresses = ["loopback"]
timeout   = "2s"
read  = { secret = "idp_read", slot = "bearer" }
write = { secret = "idp_write", slot = "bearer" }

[tenant.acme.grant."yard.build"]
upstreams = ["yard"]
"#;

/// The contract, its adapter and its policies, before they are served.
pub(crate) struct Setup {
    adapter: &'static str,
    contract: String,
    policies: String,
}

impl Setup {
    pub(crate) fn of(guest: Guest) -> Self {
        Self { adapter: guest.name(), contract: CONTRACT.to_owned(), policies: POLICY.to_owned() }
    }

    /// The contract without computed parts, with the adapter that ships with the host. The contract is open because two
    /// writes contain a value of an answer.
    pub(crate) fn declared() -> Self {
        let contract = CONTRACT.to_owned();
        let part = |name: &str, length: usize| {
            format!("{{ any = {{ type = \"string\", maxLength = {length} }}, name = \"{name}\" }}")
        };
        Self { adapter: "declared", contract, policies: POLICY.to_owned() }
            .with("adapter  = \"yard\"", "adapter  = \"declared\"")
            .with(&part("title", 40), "\"a title\"")
            .with(&part("text", 200), "\"a text\"")
            .with(&part("note", 200), "\"a note\"")
    }

    /// Replaces a part of the contract, which must occur in it.
    pub(crate) fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.contract.contains(from), "the contract has no `{from}`");
        self.contract = self.contract.replace(from, to);
        self
    }

    pub(crate) fn under(mut self, policies: &str) -> Self {
        self.policies += policies;
        self
    }

    /// Requires an approval of each action.
    pub(crate) fn asking(self) -> Self {
        self.under(ASKING)
    }

    pub(crate) fn serve(&self) -> Yard {
        self.serve_with(|_| None)
    }

    /// Starts the host and the upstream. `odd` may answer a request in another way than the honest upstream.
    pub(crate) fn serve_with(
        &self,
        mut odd: impl FnMut(&Request) -> Option<Reply> + Send + 'static,
    ) -> Yard {
        let (kit, made) = (Arc::new(AtomicUsize::new(1)), Arc::<AtomicUsize>::default());
        let mut data = Data::new(Arc::clone(&kit), Arc::clone(&made));
        let upstream =
            Upstream::start(move |request| odd(request).unwrap_or_else(|| data.reply(request)));
        let address = upstream.address.to_string();
        let world = World::with(scim(), "scim", |dir| {
            if self.adapter != "declared" {
                layout::adapter(dir, self.adapter, "yard")?;
            }
            fs::write(dir.join("contracts/yard.toml"), &self.contract)?;
            fs::write(dir.join("policies/yard.cedar"), &self.policies)?;
            let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
            edit(dir, "deed.toml", own, &format!("{own}, \"policies/yard.cedar\""))?;
            let text = fs::read_to_string(dir.join("deed.toml"))?;
            let tables = TABLES.replace("@address@", &address);
            Ok(fs::write(dir.join("deed.toml"), text + &tables)?)
        });
        Yard { world: world.unwrap(), upstream, kit, made }
    }
}

/// The host and the upstream.
pub(crate) struct Yard {
    pub(crate) world: World,
    pub(crate) upstream: Upstream,
    /// The number that `GET /kit` shows.
    pub(crate) kit: Arc<AtomicUsize>,
    /// The number of things that were created.
    made: Arc<AtomicUsize>,
}

/// The end of one action.
pub(crate) struct Run {
    pub(crate) view: Value,
    /// The writes that arrived while the action ran: method with path, and body.
    pub(crate) sent: Vec<(String, Value)>,
}

impl Run {
    /// The method and the path of each write that arrived.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.sent.iter().map(|(line, _)| line.as_str()).collect()
    }
}

impl Yard {
    fn proposal(how: &str, more: &Value) -> Value {
        let mut params = json!({"id": fresh(), "how": how});
        let members = params.as_object_mut().unwrap();
        members.extend(more.as_object().cloned().unwrap_or_default());
        let mut proposal = World::proposal("yard.build", "");
        proposal["params"] = params;
        proposal
    }

    /// Runs one action with this attack to its end.
    pub(crate) fn run(&self, how: &str) -> Run {
        self.run_with(how, &json!({}))
    }

    /// Like [`Yard::run`], with more parameters.
    pub(crate) fn run_with(&self, how: &str, more: &Value) -> Run {
        let before = self.writes().len();
        let proposed = self.world.propose(&Self::proposal(how, more)).unwrap();
        self.end(&proposed.text("/id"), before)
    }

    /// Proposes an action that then waits for an approval. Returns its id.
    pub(crate) fn waiting(&self, how: &str) -> String {
        let proposed = self.world.propose(&Self::proposal(how, &json!({}))).unwrap();
        assert_eq!(proposed.text("/status"), "waiting", "{:#}", proposed.json());
        proposed.text("/id")
    }

    /// The end of an action before which this many writes had arrived.
    pub(crate) fn end(&self, id: &str, before: usize) -> Run {
        let view = self.world.settled(id).unwrap();
        Run { view, sent: self.writes().split_off(before) }
    }

    /// The writes that have arrived so far, from the upstream's own record.
    pub(crate) fn writes(&self) -> Vec<(String, Value)> {
        let write = |one: &Request| (format!("{} {}", one.method, one.target), one.json());
        self.upstream.writes().iter().map(write).collect()
    }

    /// Checks the end of an action: its outcome and the reason, the bundle, and that no write left that was not the next
    /// one of the plan, or a later one. Returns the receipt.
    pub(crate) fn ended(&self, run: &Run, outcome: &str, reason: &str) -> Value {
        let id = id_of(self.made.load(Ordering::SeqCst));
        self.ended_as(run, [outcome, reason], [&id, &id])
    }

    /// Like [`Yard::ended`], with the outcome and the reason, and with the id of the thing as paths and as bodies contain
    /// it.
    pub(crate) fn ended_as(&self, run: &Run, [outcome, reason]: [&str; 2], id: [&str; 2]) -> Value {
        let receipt = ended(&self.world, &run.view, outcome, reason);
        let rehearsal = look(&self.world, &run.view, "rehearsal");
        let planned = rehearsal["plan"]["writes"].as_array().cloned().unwrap_or_default();
        let planned: Vec<(String, Value)> =
            planned.iter().map(|write| filled(&write["request"], id)).collect();
        let mut rest = planned.iter();
        for write in &run.sent {
            assert!(rest.any(|one| one == write), "{write:?} is not in its place in {planned:#?}");
        }
        let log = self.world.host.as_ref().unwrap().log();
        assert!(!log.contains("got through"), "{log}");
        receipt
    }

    /// Checks that there is no plan, that nobody was asked, and that nothing was sent. Returns the reason.
    pub(crate) fn denied(&self, run: &Run, why: &str) -> String {
        let receipt = self.ended(run, "denied", "the rehearsal gave no plan; nothing was sent");
        assert_eq!(receipt["rehearsal"].get("plan_sha256"), None, "{receipt:#}");
        assert_eq!(receipt["attempts"], json!([]), "{receipt:#}");
        Self::nothing_was_sent(run);
        let reason = run.view["reason"].as_str().unwrap();
        assert!(reason.contains(why), "`{reason}` does not say `{why}`");
        assert!(reason.len() < 4 << 10, "{} bytes", reason.len());
        reason.to_owned()
    }

    /// Checks that nobody was asked and that no write arrived.
    pub(crate) fn nothing_was_sent(run: &Run) {
        assert!(run.sent.is_empty(), "{:?}", run.sent);
        assert!(!run.view["ledger"].to_string().contains("\"event\":\"asked\""), "{:#}", run.view);
    }

    pub(crate) fn unharmed(&self) {
        case::unharmed(&self.world);
    }
}

/// A planned request, as it is sent with this id.
fn filled(request: &Value, [in_path, id]: [&str; 2]) -> (String, Value) {
    let path = request["path"].as_str().unwrap().replace("{answer.create.id}", in_path);
    let mut body = request["body"].clone();
    for place in request["awaited"].as_object().into_iter().flatten().map(|(place, _)| place) {
        *body.pointer_mut(place).unwrap() = json!(id);
    }
    (format!("{} {path}", request["method"].as_str().unwrap()), body)
}

/// The requests that the host refused in the first attempt.
pub(crate) fn refused(receipt: &Value) -> String {
    let refused = receipt["attempts"][0]["refused"].as_array().cloned().unwrap_or_default();
    let refused: Vec<&str> = refused.iter().filter_map(Value::as_str).collect();
    refused.join("\n")
}
