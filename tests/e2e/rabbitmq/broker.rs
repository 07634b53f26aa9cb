//! A host with the contracts of `contracts/rabbitmq/`, in front of a RabbitMQ server with a faulty network.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{declared, ended, scim};
use deed_tests::canary::Canary;
use deed_tests::proxy::Proxy;
use deed_tests::services::Result;
use deed_tests::services::rabbitmq::RabbitMq;
use deed_tests::world::{self, World};
use serde_json::Value;

/// The contracts, and the upstream that each one names.
const CONTRACTS: [(&str, &str, &str); 5] = [
    ("create_vhost", "rabbitmq", include_str!("../../../contracts/rabbitmq/create_vhost.toml")),
    ("delete_vhost", "rabbitmq", include_str!("../../../contracts/rabbitmq/delete_vhost.toml")),
    (
        "create_user",
        "rabbitmq_access",
        include_str!("../../../contracts/rabbitmq/create_user.toml"),
    ),
    (
        "delete_user",
        "rabbitmq_access",
        include_str!("../../../contracts/rabbitmq/delete_user.toml"),
    ),
    (
        "set_permissions",
        "rabbitmq_access",
        include_str!("../../../contracts/rabbitmq/set_permissions.toml"),
    ),
];

const POLICY: &str = r#"
@id("helpdesk-queues")
permit (principal, action in [Deed::Action::"rabbitmq.create_vhost", Deed::Action::"rabbitmq.delete_vhost",
    Deed::Action::"rabbitmq.create_user", Deed::Action::"rabbitmq.delete_user",
    Deed::Action::"rabbitmq.set_permissions"], resource)
when { principal.roles.contains("helpdesk") };
"#;

/// One server as two upstreams, because virtual hosts can be read with fewer rights than users and permissions.
pub(crate) const UPSTREAMS: &str = r#"
[tenant.acme.upstream.rabbitmq]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "2s"
read  = { secret = "monitor", slot = { basic = { user = "monitor" } } }
write = { secret = "vhost-admin", slot = { basic = { user = "vhost-admin" } } }

[tenant.acme.upstream.rabbitmq_access]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "2s"
read  = { secret = "auditor", slot = { basic = { user = "auditor" } } }
write = { secret = "access-admin", slot = { basic = { user = "access-admin" } } }

[tenant.acme.secret.monitor]
file = "secrets/monitor"

[tenant.acme.secret.vhost-admin]
file = "secrets/vhost-admin"

[tenant.acme.secret.auditor]
file = "secrets/auditor"

[tenant.acme.secret.access-admin]
file = "secrets/access-admin"
"#;

const GRANT: &str = r#"
[tenant.acme.grant."rabbitmq.@name@"]
upstreams = ["@upstream@"]
"#;

pub(super) const PASSWORD: &str = "password-of-anna-in-the-tests";

/// The fixture. When it is dropped, everything that the host wrote and answered is searched for the password's hash.
pub(super) struct Broker {
    pub(super) world: World,
    pub(super) rabbit: RabbitMq,
    pub(super) proxy: Proxy,
}

impl Broker {
    pub(super) fn start() -> Self {
        let rabbit = RabbitMq::start().unwrap();
        let proxy = Proxy::start(&rabbit.base_url()).unwrap();
        let mut world = World::with(scim(), "scim", |dir| lay_out(dir, proxy.base_url())).unwrap();
        world.canaries.push(Canary::private("the hash of a password", hash().as_bytes()));
        Self { world, rabbit, proxy }
    }

    /// Runs the contract and checks its outcome.
    pub(super) fn ends(&self, contract: &str, params: Value, outcome: &str, reason: &str) -> Value {
        let view = self.world.run(&declared(contract, params)).unwrap();
        ended(&self.world, &view, outcome, reason);
        view
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.rabbit.get(path).unwrap().is_some()
    }

    /// The patterns `configure`, `write` and `read` on the server.
    pub(super) fn permissions(&self, path: &str) -> Option<[Value; 3]> {
        let found = self.rabbit.get(path).unwrap()?;
        Some(["configure", "write", "read"].map(|name| found[name].clone()))
    }
}

fn lay_out(dir: &Path, base: &str) -> Result<()> {
    fs::write(dir.join("policies/rabbitmq.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/rabbitmq.cedar\""))?;
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    text += &UPSTREAMS.replace("@base@", base);
    for (name, upstream, contract) in CONTRACTS {
        fs::write(dir.join(format!("contracts/rabbitmq_{name}.toml")), contract)?;
        text += &GRANT.replace("@name@", name).replace("@upstream@", upstream);
    }
    fs::write(dir.join("deed.toml"), text)?;
    let users =
        [RabbitMq::MONITOR, RabbitMq::VHOST_ADMIN, RabbitMq::AUDITOR, RabbitMq::ACCESS_ADMIN];
    users.iter().try_for_each(|user| world::store(dir, user.name, user.password))
}

/// The hash of [`PASSWORD`] with a fixed salt.
pub(super) fn hash() -> String {
    RabbitMq::password_hash([7, 91, 203, 44], PASSWORD)
}
