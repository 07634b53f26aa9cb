//! Real bundles of every kind of outcome, two of each, made by one real host against a real server.

mod confirmed;
mod declared;
mod open;
mod scripted;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use deed_record::bundle::{self, Files};
use deed_record::statement::approval::Answer as Said;
use deed_spec::note::LogKey;
use deed_test_support::authenticator;
use deed_test_support::scripted::{self as desk_contracts, desk};
use deed_test_support::shared::{self, approve_then, locked_out, report, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, CAROL, HELPDESK, STRANGER, World, edit};
use deed_verify::Trust;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const SUSPEND: &str = "idp.suspend_user";

/// What a forger may have: bundles and, in the worst case, every key of the host.
pub(crate) struct Bench {
    pub(crate) samples: Vec<Sample>,
    pub(crate) trust: Trust,
    pub(crate) keys: Keys,
    /// The files of the log of `acme` by path, the checkpoints of that log with the oldest first, and the checkpoint of
    /// another tenant's log.
    pub(crate) log: BTreeMap<String, Vec<u8>>,
    pub(crate) checkpoints: Vec<String>,
    pub(crate) foreign: String,
    /// Bundles that the host itself produces, which therefore do not count as forgeries.
    pub(crate) honest: BTreeSet<Vec<u8>>,
}

pub(crate) struct Keys {
    pub(crate) receipt: SigningKey,
    pub(crate) log: LogKey,
    /// The host's log key without its name.
    pub(crate) log_signing: SigningKey,
    pub(crate) bob: SigningKey,
    /// The key of the person who is responsible for the agent.
    pub(crate) alice: SigningKey,
    /// A key that no one trusts.
    pub(crate) stranger: SigningKey,
}

/// Two bundles with the same kind of outcome.
pub(crate) struct Sample {
    pub(crate) kind: &'static str,
    pub(crate) bundle: Vec<u8>,
    pub(crate) files: Files,
    pub(crate) twin: Files,
}

/// Produces one kind of outcome; returns the action's id.
type Maker = fn(&World) -> String;

const MAKERS: [(&str, Maker); 29] = [
    ("verified", verified),
    ("mismatch", mismatch),
    ("denied by policy", denied_by_policy),
    ("denied by a person", denied_by_a_person),
    ("denied by `before`", denied_by_before),
    ("failed", failed),
    ("cancelled", cancelled),
    (SETTLED, indeterminate),
    (RESOLVED, resolved),
    ("read", read),
    ("turned away once", turned_away_once),
    ("two answers", two_answers),
    (BY_PASSKEY, approved_by_passkey),
    (CONFIRMED, confirmed::confirmed),
    ("created", declared::created),
    ("deleted", declared::deleted),
    ("member added", declared::member_added),
    ("replaced", declared::replaced),
    ("enrolled", declared::enrolled),
    ("refunded", scripted::refunded),
    ("queried", scripted::queried),
    ("guarded", scripted::guarded),
    ("declined", scripted::declined),
    (FOLLOWED, scripted::followed),
    ("composed", open::composed),
    ("put back", open::put_back),
    ("stopped", open::stopped),
    ("continued", open::continued),
    ("rehearsed", open::rehearsed),
];

/// The kind of bundle of an expired action, which is proposed before all others and has expired when its bundle is
/// read.
const EXPIRED: &str = "expired";
/// Bundles of an indeterminate action: while it was open, and after a later observation had settled it.
const OPEN: &str = "indeterminate";
const SETTLED: &str = "settled later";
/// The same for an action whose job was still running: while the job ran, and after a later observation had shown its
/// end.
const PENDING: &str = "pending";
const FOLLOWED: &str = "followed";
/// A bundle of an indeterminate action that an operator's statement settled.
const RESOLVED: &str = "resolved by a person";
/// A bundle of an action that a person approved with a passkey.
pub(crate) const BY_PASSKEY: &str = "approved by passkey";
/// A bundle of an action that a person approved and that the responsible person confirmed.
pub(crate) const CONFIRMED: &str = "confirmed";
/// The readers whose copies of a bundle are kept while the action is open: a person and the agent.
const COPIES: [(&str, &str); 2] = [(BOB, "open"), (HELPDESK, "open-copy")];
pub(crate) const COPY: &str = "an agent's copy";

/// The kinds of bundles of open contracts.
pub(crate) const OPEN_KINDS: [&str; 5] =
    ["composed", "put back", "stopped", "continued", "rehearsed"];

/// Every kind of bundle.
pub(crate) const KINDS: [&str; 33] = [
    "verified",
    "mismatch",
    "denied by policy",
    "denied by a person",
    "denied by `before`",
    "failed",
    "cancelled",
    OPEN,
    SETTLED,
    RESOLVED,
    "read",
    "turned away once",
    "two answers",
    BY_PASSKEY,
    CONFIRMED,
    "created",
    "deleted",
    "member added",
    "replaced",
    "enrolled",
    "refunded",
    "queried",
    "guarded",
    "declined",
    PENDING,
    FOLLOWED,
    "composed",
    "put back",
    "stopped",
    "continued",
    "rehearsed",
    EXPIRED,
    COPY,
];

/// Every name that a part may have in these bundles.
pub(crate) fn part_names() -> Vec<String> {
    let proofs = (0..7).map(bundle::proof_name);
    bundle::NAMES.iter().map(|name| (*name).to_owned()).chain(proofs).collect()
}

impl Bench {
    pub(crate) fn make() -> Self {
        let world = World::with(scim(), "scim", configure).unwrap();
        let mut checkpoints = Vec::new();
        let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        // Actions that expire are proposed first and their bundles are read last, so that the run does not wait for
        // them.
        let asked: Vec<String> = (0..2).map(|_| asked(&world, RESTORE, &locked_out())).collect();
        for (kind, make) in MAKERS {
            for _ in 0..2 {
                ids.entry(kind).or_default().push(make(&world));
            }
            checkpoints.push(fs::read_to_string(world.dir.join(ACME).join("checkpoint")).unwrap());
        }
        ids.insert(EXPIRED, asked);
        let mut samples: Vec<Sample> =
            ids.iter().map(|(kind, ids)| sample(&world, kind, ids)).collect();
        samples.push(copies(&world, &ids["verified"]));
        for (open, settled) in [(OPEN, SETTLED), (PENDING, FOLLOWED)] {
            let copies = ids[settled].iter().map(|id| kept(&world, id, "open"));
            samples.push(of(open, &copies.collect::<Vec<_>>()));
        }
        Self::of(&world, samples, checkpoints, &ids)
    }

    fn of(
        world: &World,
        samples: Vec<Sample>,
        checkpoints: Vec<String>,
        ids: &BTreeMap<&str, Vec<String>>,
    ) -> Self {
        let all = ids.values().flatten();
        let honest = all.flat_map(|id| [HELPDESK, BOB].map(|token| fetch(world, id, token)));
        let open = [SETTLED, RESOLVED, FOLLOWED].into_iter().flat_map(|kind| &ids[kind]);
        let open = open.flat_map(|id| COPIES.map(|(_, copy)| kept(world, id, copy)));
        let trust_files: Files = fs::read_dir(world.dir.join("trust"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect();
        Self {
            honest: honest.chain(open).collect(),
            samples,
            trust: Trust::parse(&trust_files).unwrap(),
            keys: Keys::of(&world.dir),
            log: tree(&world.dir.join(ACME)),
            checkpoints,
            foreign: foreign(world),
        }
    }

    pub(crate) fn sample(&self, kind: &str) -> &Sample {
        self.samples.iter().find(|sample| sample.kind == kind).unwrap()
    }
}

const ACME: &str = "state/log/acme";

/// Changes the directory: approval requests expire after 25 s, during which the other bundles are made, and one policy
/// forbids an action.
fn configure(dir: &Path) -> Result<()> {
    shared::declare(dir)?;
    desk_contracts::declare(dir, desk())?;
    open::declare(dir)?;
    edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"25s\"")?;
    let bob =
        |more: &str| format!("roles = [\"support-lead\"{more}]\nkeys = [\"approvers/bob.pub\"]");
    edit(dir, "deed.toml", &bob(""), &bob(", \"operator\""))?;
    authenticator::es256(81).enrol(dir, "bob")?;
    confirmed::configure(dir)?;
    let file = dir.join("policies/starter.cedar");
    let forbid = "\n@id(\"not-for-mallory\")\nforbid (principal, action, resource)\n\
                  when { context has on_behalf_of && context.on_behalf_of == \"mallory@example.com\" };\n";
    Ok(fs::write(&file, fs::read_to_string(&file)? + forbid)?)
}

impl Keys {
    fn of(dir: &Path) -> Self {
        let key = |name: &str| {
            let pem = fs::read_to_string(dir.join(name)).unwrap();
            SigningKey::from_pkcs8_pem(&pem).unwrap()
        };
        let log_signing = key("keys/log.key");
        Self {
            receipt: key("keys/receipt.key"),
            log: LogKey::new("deed.example/logs/acme", log_signing.clone()).unwrap(),
            log_signing,
            bob: key("approvers/bob.key"),
            alice: key("approvers/alice.key"),
            stranger: SigningKey::from_bytes(&[9; 32]),
        }
    }
}

/// Reads the two bundles of one kind of outcome. The verifier must accept each bundle.
fn sample(world: &World, kind: &'static str, ids: &[String]) -> Sample {
    let bundles = ids.iter().map(|id| {
        over(world, id, [SETTLED, FOLLOWED].contains(&kind));
        let report = report(world, id);
        let whole = report.verdict == deed_verify::Verdict::Verified;
        assert!(whole, "{kind}: {report:#?}");
        world.bundle(id).unwrap()
    });
    of(kind, &bundles.collect::<Vec<_>>())
}

/// Waits for the end of an action. An action without an approver's answer ends by expiry.
fn over(world: &World, id: &str, settled: bool) {
    let rests = || {
        let waits = world.settled(id).unwrap()["status"] == "waiting";
        let parts = || bundle::read(&fetch(world, id, BOB)).unwrap();
        !waits && (!settled || parts().contains_key(bundle::LATER))
    };
    until("it rests", rests);
}

/// Reads a copy of a bundle that was kept earlier.
fn kept(world: &World, id: &str, copy: &str) -> Vec<u8> {
    fs::read(world.dir.join(format!("{id}.{copy}"))).unwrap()
}

/// The copies of these actions' bundles that an agent gets.
fn copies(world: &World, ids: &[String]) -> Sample {
    of(COPY, &ids.iter().map(|id| fetch(world, id, HELPDESK)).collect::<Vec<_>>())
}

fn of(kind: &'static str, bundles: &[Vec<u8>]) -> Sample {
    let files = |n: usize| bundle::read(&bundles[n]).unwrap();
    Sample { kind, files: files(0), twin: files(1), bundle: bundles[0].clone() }
}

fn fetch(world: &World, id: &str, token: &str) -> Vec<u8> {
    world.client(token).bundle(id).unwrap()
}

/// The checkpoint of another tenant's log, signed with the key that also signs the log of `acme`.
fn foreign(world: &World) -> String {
    let proposal = World::proposal("idp.read_user", &user("foreign", Some(true)));
    let wait = [("prefer", "wait=60")];
    let done = world.client(STRANGER).propose(&proposal, &wait).unwrap();
    assert!(done.json()["receipt"]["index"].is_u64(), "{}", done.json());
    fs::read_to_string(world.dir.join("state/log/globex/checkpoint")).unwrap()
}

fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

// -- how each kind is produced ------------------------------------------------------------------------

fn id(view: &Value) -> String {
    view["id"].as_str().unwrap().to_owned()
}

/// Runs the action, with an approval where one is required; it must end with this outcome.
fn ends(world: &World, proposal: &Value, outcome: &str) -> String {
    let view = world.run(proposal).unwrap();
    assert_eq!(view["status"], outcome, "{view:#}");
    id(&view)
}

fn asked(world: &World, contract: &str, user: &str) -> String {
    let view = world.propose(&World::proposal(contract, user)).unwrap().json();
    assert_eq!(view["status"], "waiting", "{view:#}");
    id(&view)
}

fn faulty(world: &World, write: Fault, outcome: &str) -> String {
    world.proxy.set("PATCH", write);
    let id = ends(world, &World::proposal(RESTORE, &locked_out()), outcome);
    world.proxy.set("PATCH", Fault::None);
    id
}

fn verified(world: &World) -> String {
    ends(world, &World::proposal(RESTORE, &locked_out()), "verified")
}

fn mismatch(world: &World) -> String {
    faulty(world, Fault::Lie2xx, "mismatch")
}

fn failed(world: &World) -> String {
    faulty(world, Fault::Refuse { status: 403 }, "failed")
}

fn denied_by_policy(world: &World) -> String {
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["on_behalf_of"] = json!("mallory@example.com");
    ends(world, &proposal, "denied")
}

fn denied_by_a_person(world: &World) -> String {
    let id = asked(world, RESTORE, &locked_out());
    let (done, said) = world.answer("deny", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    id
}

fn denied_by_before(world: &World) -> String {
    ends(world, &World::proposal(RESTORE, &user("active", Some(true))), "denied")
}

fn cancelled(world: &World) -> String {
    let id = asked(world, RESTORE, &locked_out());
    let path = format!("/v1/actions/{id}/cancel");
    assert_eq!(world.client(HELPDESK).post(&path, &json!({})).unwrap().status, 200);
    id
}

fn read(world: &World) -> String {
    ends(world, &World::proposal("idp.read_user", &user("seen", Some(true))), "verified")
}

/// The write takes effect, and for a while no observation is possible. Copies of the bundle from that time are kept.
fn indeterminate(world: &World) -> String {
    let id = lost(world);
    for method in ["GET", "PATCH"] {
        world.proxy.set(method, Fault::None);
    }
    id
}

/// The write takes effect, and bob resolves the action while no observation is possible.
fn resolved(world: &World) -> String {
    let id = lost(world);
    let (done, said) =
        world.resolve_as(&id, "applied", "the directory says so", "bob", BOB).unwrap();
    assert!(done, "{said}");
    for method in ["GET", "PATCH"] {
        world.proxy.set(method, Fault::None);
    }
    id
}

/// Runs an action whose write takes effect but is not observed. Copies of the bundle of the open action are kept.
fn lost(world: &World) -> String {
    let id = asked(world, RESTORE, &locked_out());
    world.proxy.set("PATCH", Fault::Delay { ms: 800 });
    approve_then(world, &id, Fault::DropBefore);
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "indeterminate", "{view:#}");
    keep_copies(world, &id);
    id
}

/// Keeps the present copies of the bundle of an open action.
fn keep_copies(world: &World, id: &str) {
    for (token, copy) in COPIES {
        fs::write(world.dir.join(format!("{id}.{copy}")), fetch(world, id, token)).unwrap();
    }
}

/// The upstream's guard rejected the first write because another writer was faster, and people approved the action
/// again.
fn turned_away_once(world: &World) -> String {
    let operations = json!([{ "op": "replace", "path": "displayName", "value": "Else {n}" }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    let body = json!({ "schemas": schemas, "Operations": operations });
    world.proxy.set("PATCH", Fault::PatchBefore { body });
    let id = ends(world, &World::proposal(SUSPEND, &user("raced", Some(true))), "waiting");
    world.proxy.set("PATCH", Fault::None);
    approved(world, &id)
}

/// Bob approves with his passkey.
fn approved_by_passkey(world: &World) -> String {
    let id = asked(world, RESTORE, &locked_out());
    let request = authenticator::fetched(&world.client(BOB), &id);
    let terms = authenticator::terms(&request, Said::Approve, "bob");
    let payload = authenticator::payload(&request, &terms);
    let envelope = authenticator::es256(81).sign(&payload, |_| ());
    let path = format!("/v1/actions/{id}/approvals");
    let answer = world.client(BOB).post(&path, &json!(envelope)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    id
}

/// Runs an action whose first approval became stale because the state changed, and whose second approval counts.
fn two_answers(world: &World) -> String {
    let user = locked_out();
    let id = asked(world, RESTORE, &user);
    scim()
        .patch(&user, &json!([{ "op": "replace", "path": "displayName", "value": "New" }]))
        .unwrap();
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(!done && said.contains("the approval does not count"), "{said}");
    assert_eq!(world.settled(&id).unwrap()["status"], "waiting");
    approved(world, &id)
}

fn approved(world: &World, id: &str) -> String {
    let (done, said) = world.approve(id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let view = world.settled(id).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    id.to_owned()
}
