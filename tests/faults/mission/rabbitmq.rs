//! Restart a broken sync: shovels of one RabbitMQ server, each with a user, a source and a target of its own. The server
//! closes the connections of a shovel, which ends it. The test counts the messages in both queues.

use std::thread;
use std::time::{Duration, Instant};

use deed_tests::record::contracts::Kind;
use deed_tests::services::Result;
use deed_tests::services::rabbitmq::RabbitMq;
use serde_json::{Value, json};

use super::system::{Action, Item, Read, Setup, System};

/// An observation reads the nodes, the shovel, its definition, both queues, and the nodes again.
const ACTIONS: [Action; 1] = [Action {
    folder: "rabbitmq",
    contract: "rabbitmq.restart_shovel",
    kind: Kind::Add,
    reads: &[Read::Unneeded, Read::Named, Read::Named, Read::Named, Read::Named, Read::Unneeded],
}];

/// One server as both upstreams.
const UPSTREAMS: &str = r#"
[tenant.acme.upstream.rabbitmq]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "3s"
read  = { secret = "monitor", slot = { basic = { user = "monitor" } } }
write = { secret = "vhost-admin", slot = { basic = { user = "vhost-admin" } } }

[tenant.acme.upstream.rabbitmq_target]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "3s"
read  = { secret = "target-monitor", slot = { basic = { user = "monitor" } } }

[tenant.acme.secret.monitor]
file = "secrets/monitor"

[tenant.acme.secret.vhost-admin]
file = "secrets/vhost-admin"

[tenant.acme.secret.target-monitor]
file = "secrets/target-monitor"
"#;

/// The password of the users of the shovels.
const MOVER: &str = "password-of-the-shovels-in-the-fault-table";
/// The number of messages that wait in the source of a stopped shovel.
const MESSAGES: i64 = 2;
/// How long the server may take to start or end a shovel, or to move messages.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Rabbit(RabbitMq);

impl Rabbit {
    pub(super) fn start() -> Result<Self> {
        let rabbit = RabbitMq::start()?;
        let monitor = RabbitMq::MONITOR;
        let tags = json!({"password": monitor.password, "tags": "monitoring,policymaker"});
        rabbit.put(&format!("/users/{}", monitor.name), &tags)?;
        for user in [monitor, RabbitMq::VHOST_ADMIN] {
            rabbit.put(&format!("/permissions/%2F/{}", user.name), &permissions("^$"))?;
        }
        Ok(Self(rabbit))
    }

    /// The state of a shovel; empty if it has none.
    fn state(&self, shovel: &str) -> Result<String> {
        let all = self.0.get("/shovels/%2F")?.unwrap_or_default();
        let mut all = all.as_array().into_iter().flatten();
        let ours = all.find(|one| one["name"] == json!(shovel));
        Ok(ours.and_then(|one| one["state"].as_str()).unwrap_or_default().to_owned())
    }

    /// Makes a running shovel with empty queues.
    fn shovel(&self, name: &str) -> Result<()> {
        self.0.put(&format!("/users/{name}"), &json!({"password": MOVER, "tags": ""}))?;
        self.0.put(&format!("/permissions/%2F/{name}"), &permissions(".*"))?;
        for queue in [name, target(name).as_str()] {
            self.0.put(&format!("/queues/%2F/{queue}"), &json!({"durable": true}))?;
        }
        let uri = self.0.amqp_uri(name, MOVER);
        let value = json!({
            "src-protocol": "amqp091", "dest-protocol": "amqp091",
            "src-uri": uri, "src-queue": name, "dest-uri": uri, "dest-queue": target(name),
            "ack-mode": "on-confirm", "reconnect-delay": 0,
        });
        self.0.put(&format!("/parameters/shovel/%2F/{name}"), &json!({ "value": value }))?;
        wait("the shovel runs", || Ok(self.state(name)? == "running"))
    }
}

impl System for Rabbit {
    fn actions(&self) -> &'static [Action] {
        &ACTIONS
    }

    fn at_once(&self) -> usize {
        4
    }

    fn base_url(&self) -> String {
        self.0.base_url()
    }

    fn setup(&self, url: &str) -> Setup {
        let (monitor, admin) = (RabbitMq::MONITOR, RabbitMq::VHOST_ADMIN);
        let secrets = [
            ("monitor", monitor.password),
            ("target-monitor", monitor.password),
            ("vhost-admin", admin.password),
        ];
        let secrets = secrets.map(|(name, value)| (name, value.to_owned())).to_vec();
        // A shovel of this server starts in less than a second.
        Setup { upstreams: UPSTREAMS.replace("@base@", url), secrets, settle: Some("3s") }
    }

    fn make(&self, _action: &Action, name: &str) -> Result<Item> {
        self.shovel(name)?;
        wait("the shovel has ended", || {
            self.0.delete(&format!("/connections/username/{name}"))?;
            Ok(self.state(name)? == "terminated")
        })?;
        for _ in 0..MESSAGES {
            self.0.publish(name)?;
        }
        let params = json!({
            "vhost": "/", "shovel": name, "queue": name,
            "target_vhost": "/", "target_queue": target(name),
        });
        Ok(Item { text: name.to_owned(), params })
    }

    /// Fails if a message was lost or doubled, or if a running shovel moves nothing.
    fn shown(&self, _action: &Action, item: &Item) -> Result<usize> {
        let name = &item.text;
        let runs = self.state(name)? == "running";
        let must = if runs { [0, MESSAGES] } else { [MESSAGES, 0] };
        wait("the queues have the right messages", || {
            Ok([self.0.messages(name)?, self.0.messages(&target(name))?] == must)
        })?;
        Ok(usize::from(runs))
    }

    /// The server takes seconds to restart a shovel if it has a hundred of them.
    fn remove(&self, item: &Item) -> Result<bool> {
        self.0.delete(&format!("/parameters/shovel/%2F/{}", item.text))
    }
}

/// Waits until the server shows this.
fn wait(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while !holds()? {
        if Instant::now() > end {
            return Err(format!("the server does not show this: {what}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn target(name: &str) -> String {
    format!("{name}-copy")
}

fn permissions(pattern: &str) -> Value {
    json!({"configure": pattern, "write": pattern, "read": pattern})
}
