//! Tests with servers of other authors between the host and an upstream: nginx and stunnel require a client certificate,
//! squid and tinyproxy open tunnels. They are run by `make systems`, which installs the servers. The logs of these
//! servers, read by the test, show what they got.

mod nginx;
mod proxies;
mod squid;
mod stunnel;
mod tinyproxy;

use std::fs;
use std::path::Path;
use std::time::Duration;

use deed_test_support::authority::{self, Authority, Client, install};
use deed_test_support::shared::scim;
use deed_tests::services::Result;
use deed_tests::services::tls_front::{Files, Kind, TlsFront};
use deed_tests::world::{World, edit};
use serde_json::Value;

const READ: &str = "idp.read_user";
const RESTORE: &str = "idp.restore_access";
/// Longer than the time between two looks of the host at the files of a certificate or of a secret.
const LOOK: Duration = Duration::from_millis(1_200);

/// Replaces the base URL of the upstream, and makes observations that fail be tried once.
fn lead_to(dir: &Path, base_url: &str) -> Result<()> {
    let toml = fs::read_to_string(dir.join("deed.toml"))?;
    let old = toml.split("base_url = \"").nth(1).and_then(|rest| rest.split('"').next());
    edit(dir, "deed.toml", old.unwrap_or_default(), base_url)?;
    // The pause before a second observation would end after the time `queue`.
    let once = "timeout = \"30s\"\nbackoff = \"10m\"\nqueue = \"4m\"";
    for name in ["read_user", "restore_access", "suspend_user"] {
        edit(dir, &format!("contracts/{name}.toml"), "timeout = \"30s\"", once)?;
    }
    Ok(())
}

/// A directory of users behind a server that accepts only clients of one authority.
struct Fronted {
    front: TlsFront,
    root: Authority,
}

impl Fronted {
    fn start(kind: Kind, clients: &Authority) -> Self {
        let root = Authority::root();
        let server =
            root.client(|params| params.subject_alt_names = authority::names(&["127.0.0.1"]));
        let clients = clients.pem();
        let files = Files { certificate: &server.certificate, key: &server.key, clients: &clients };
        let front = TlsFront::start(kind, scim().address(), files).unwrap();
        Self { front, root }
    }

    /// A host that presents this certificate.
    fn world(&self, client: Option<&Client>) -> World {
        World::with(scim(), "scim", |dir| {
            lead_to(dir, &format!("https://{}/v2", self.front.address()))?;
            fs::write(dir.join("roots.pem"), self.root.pem())?;
            fs::create_dir(dir.join("tls"))?;
            let mut lines = "tls_roots = \"roots.pem\"\n".to_owned();
            if let Some(client) = client {
                install(dir, &client.certificate, &client.key)?;
                lines += "client_certificate = \"tls/client.pem\"\n";
                lines += "client_key = \"secrets/client.key\"\n";
            }
            let time = "timeout = \"2s\"\n";
            edit(dir, "deed.toml", time, &format!("{lines}{time}"))
        })
        .unwrap()
    }
}

/// Runs an action for a user, and approves it if it waits for people.
fn run(world: &World, contract: &str, user: &str) -> Value {
    world.run(&World::proposal(contract, user)).unwrap()
}
