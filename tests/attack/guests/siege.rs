//! A fixture in which a hostile guest serves `idp.restore_access`, and checks that must pass regardless of what the
//! guest did. The other contracts of the fixture use the real adapter, so an action on another user shows whether the
//! host is healthy.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::guests::Guest;
use deed_tests::proxy::Recorded;
use deed_tests::services::{Result, ScimServer, workspace};
use deed_tests::world::{SCIM, World, edit};
use serde_json::{Value, json};

use crate::case::unharmed;

pub(super) const RESTORE: &str = "idp.restore_access";
pub(super) const CONTRACT: &str = "contracts/restore_access.toml";

/// Memory that the host may use above its earlier peak, in KiB: three times the memory of a run.
const ROOM_KIB: u64 = 192 << 10;

/// A host with one hostile guest, and a locked-out user that the action is about.
pub(super) struct Siege {
    pub(super) world: World,
    pub(super) user: String,
    /// Whether the contract also has a GET in `perform`, which the host sends with the credential for writes.
    gets_in_perform: bool,
    /// Peak memory of the host before the attack, in KiB.
    before_kib: u64,
}

impl Siege {
    pub(super) fn of(guest: Guest) -> Self {
        Self::with(guest, |_| Ok(()))
    }

    /// Creates the fixture with a limit of two seconds for a run, for guests that never end.
    pub(super) fn short(guest: Guest) -> Self {
        Self::with(guest, |dir| edit(dir, CONTRACT, "timeout = \"30s\"", "timeout = \"2s\""))
    }

    /// Creates the fixture with changes to its files.
    pub(super) fn with(guest: Guest, change: impl FnOnce(&Path) -> Result<()>) -> Self {
        let world = World::with(scim(), SCIM, |dir| {
            install(dir, guest)?;
            change(dir)
        });
        let world = world.unwrap();
        let before_kib = peak_kib(&world);
        Self { world, user: locked_out(), gets_in_perform: false, before_kib }
    }

    /// Creates the fixture with a contract that allows each of the two requests in `perform` 64 times, the maximum for
    /// one request. Together, these are twice as many requests as a run may send.
    pub(super) fn generous(guest: Guest) -> Self {
        let rule = "[[perform.http]]                   # RFC 7644 section 3.5.2.3\n";
        let both = "[[perform.http]]\nupstream = \"idp\"\nrequest  = \"GET /Users/{user_id}\"\n\
                    calls    = 64\n\n[[perform.http]]\ncalls    = 64\n";
        let siege = Self::with(guest, |dir| edit(dir, CONTRACT, rule, both));
        Self { gets_in_perform: true, ..siege }
    }

    /// Proposes the action, and approves it if approval is required.
    pub(super) fn run(&self) -> Value {
        self.world.run(&World::proposal(RESTORE, &self.user)).unwrap()
    }

    /// Checks the end of an attack and returns the receipt. Only requests that the contract declares were sent, the
    /// guest reported no success, and the host used no additional memory and still works.
    pub(super) fn ended(&self, view: &Value, outcome: &str, reason: &str) -> Value {
        let receipt = ended(&self.world, view, outcome, reason);
        self.nothing_else_left();
        let log = self.world.host.as_ref().unwrap().log();
        assert!(!log.contains("got through"), "{log}");
        assert!(!view.to_string().contains("got through"), "{view:#}");
        let more = peak_kib(&self.world).saturating_sub(self.before_kib);
        assert!(more < ROOM_KIB, "the host took {more} KiB more");
        unharmed(&self.world);
        receipt
    }

    /// Checks that a stopped observation leads to no approval request and no write.
    pub(super) fn stopped_while_observing(&self, reason: &str) -> Value {
        let view = self.run();
        let receipt = self.ended(&view, "failed", reason);
        assert_eq!(receipt["attempts"], json!([]));
        assert_eq!(self.world.proxy.count("PATCH"), 0);
        assert!(!is_active(&self.user));
        receipt
    }

    /// Checks that every request that reached the upstream has the path, the headers and the body that the host
    /// renders.
    fn nothing_else_left(&self) {
        let path = format!("/v2/Users/{}", self.user);
        for request in self.world.proxy.requests() {
            assert_eq!(request.path, path, "{request:?}");
            assert!(["GET", "PATCH"].contains(&request.method.as_str()), "{request:?}");
            let (body, token) = match request.method.as_str() {
                "PATCH" => (RENDERED, ScimServer::WRITE_TOKEN),
                _ if self.gets_in_perform => ("", Self::token_of(&request)),
                _ => ("", ScimServer::READ_TOKEN),
            };
            assert_eq!(request.body, body, "{request:?}");
            let mut sent = request.headers.clone();
            sent.sort();
            assert_eq!(sent, self.rendered(body, token));
        }
    }

    /// Returns the token that the request carried, of the read credential or of the write credential.
    fn token_of(request: &Recorded) -> &'static str {
        let write = request.header("authorization").unwrap().ends_with(ScimServer::WRITE_TOKEN);
        if write { ScimServer::WRITE_TOKEN } else { ScimServer::READ_TOKEN }
    }

    /// The headers that the host sends, by name.
    fn rendered(&self, body: &str, token: &str) -> Vec<(String, String)> {
        let host =
            self.world.proxy.base_url().trim_start_matches("http://").trim_end_matches("/v2");
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("accept-encoding", "identity".to_owned()),
            ("authorization", format!("Bearer {token}")),
            ("connection", "close".to_owned()),
            ("host", host.to_owned()),
            ("user-agent", format!("deed/{}", env!("CARGO_PKG_VERSION"))),
        ];
        if !body.is_empty() {
            headers.push(("content-length", body.len().to_string()));
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers.sort();
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The host's log.
    pub(super) fn log(&self) -> String {
        self.world.host.as_ref().unwrap().log()
    }
}

/// The canonical bytes of the contract's body.
const RENDERED: &str = r#"{"Operations":[{"op":"replace","path":"active","value":true}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}"#;

/// Installs the guest next to the real adapter, and names the guest in the contract.
pub(super) fn install(dir: &Path, guest: Guest) -> Result<()> {
    let name = guest.name();
    let wasm = workspace().join(format!("target/adapters/{name}.wasm"));
    fs::copy(&wasm, dir.join(format!("adapters/{name}.wasm")))
        .map_err(|e| format!("`{}` is not there ({e}); run `make adapters`", wasm.display()))?;
    edit(dir, CONTRACT, "adapter  = \"scim\"", &format!("adapter  = \"{name}\""))
}

/// Peak memory of the host (`VmHWM` of `/proc/PID/status`).
fn peak_kib(world: &World) -> u64 {
    let pid = world.host.as_ref().unwrap().pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
