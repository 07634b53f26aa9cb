//! RabbitMQ 3.10 with its management API, from the Debian package `rabbitmq-server`. The node runs as the user who runs
//! the tests, listens only on loopback, and keeps all its files in a temporary directory.

mod node;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::node::Node;
use super::{Result, START_ATTEMPTS, START_PATIENCE, agent};

/// The tag of users who may do everything.
const ADMINISTRATOR: &str = "administrator";

/// A user of the server.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub name: &'static str,
    pub password: &'static str,
    tag: &'static str,
}

/// A node with the default virtual host `/` and five users. Dropping this value ends the node.
#[derive(Debug)]
pub struct RabbitMq {
    node: Node,
    agent: ureq::Agent,
}

impl RabbitMq {
    /// May read the list of virtual hosts, but no users and no permissions.
    pub const MONITOR: User =
        User { name: "monitor", password: "rabbit-monitor-of-the-harness", tag: "monitoring" };
    pub const VHOST_ADMIN: User =
        User { name: "vhost-admin", password: "rabbit-vhosts-of-the-harness", tag: ADMINISTRATOR };
    /// Reads users and permissions, for which the server has no lesser tag.
    pub const AUDITOR: User =
        User { name: "auditor", password: "rabbit-auditor-of-the-harness", tag: ADMINISTRATOR };
    pub const ACCESS_ADMIN: User =
        User { name: "access-admin", password: "rabbit-access-of-the-harness", tag: ADMINISTRATOR };
    /// The user of this harness, whose requests do not go through the host.
    const OWN: User =
        User { name: "harness", password: "rabbit-own-user-of-the-harness", tag: ADMINISTRATOR };

    /// Whether the server is installed.
    pub fn installed() -> bool {
        Path::new(node::PROGRAM).exists()
    }

    /// Starts a node, waits until it is complete, and creates its users.
    pub fn start() -> Result<Self> {
        if !Self::installed() {
            return Err("`rabbitmq-server` is not installed; run `make systems`".into());
        }
        let mut result = Self::try_start();
        for _ in 1..START_ATTEMPTS {
            if result.is_ok() {
                break;
            }
            result = Self::try_start();
        }
        result
    }

    fn try_start() -> Result<Self> {
        let mut server = Self { node: Node::start(&Self::OWN)?, agent: agent() };
        server.wait_until_it_is_complete()?;
        for User { name, password, tag } in
            [Self::MONITOR, Self::VHOST_ADMIN, Self::AUDITOR, Self::ACCESS_ADMIN]
        {
            server.put(&format!("/users/{name}"), &json!({ "password": password, "tags": tag }))?;
        }
        Ok(server)
    }

    /// The node opens its port for AMQP last.
    fn wait_until_it_is_complete(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        let check = format!("/health/checks/port-listener/{}", self.node.amqp.port());
        while Instant::now() < end && !self.node.has_ended() {
            if self.get(&check).is_ok_and(|answer| answer.is_some()) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        let (address, said) = (self.node.management, self.node.said());
        Err(format!("rabbitmq-server does not answer at {address}: {said}").into())
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/api", self.node.management)
    }

    /// What the server has at this path, read without the host; `None` if it does not exist.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        match self.call((Self::OWN.name, Self::OWN.password), "GET", path, None)? {
            (200, answer) => Ok(Some(answer)),
            (404, _) => Ok(None),
            (status, answer) => Err(format!("reading `{path}` answered {status}: {answer}").into()),
        }
    }

    /// Writes without the host.
    pub fn put(&self, path: &str, body: &Value) -> Result<()> {
        match self.call((Self::OWN.name, Self::OWN.password), "PUT", path, Some(body))? {
            (201 | 204, _) => Ok(()),
            (status, answer) => Err(format!("writing `{path}` answered {status}: {answer}").into()),
        }
    }

    /// Deletes without the host, and returns whether there was something to delete.
    pub fn delete(&self, path: &str) -> Result<bool> {
        match self.call((Self::OWN.name, Self::OWN.password), "DELETE", path, None)? {
            (204, _) => Ok(true),
            (404, _) => Ok(false),
            (status, answer) => {
                Err(format!("deleting `{path}` answered {status}: {answer}").into())
            }
        }
    }

    /// Whether a user may use the management API with this password. The user needs a tag for that.
    pub fn admits(&self, user: &str, password: &str) -> Result<bool> {
        Ok(self.call((user, password), "GET", "/whoami", None)?.0 == 200)
    }

    /// Stops the node in an orderly way. [`RabbitMq::resume`] starts it with the same files and ports.
    pub fn stop(&mut self) {
        self.node.stop();
    }

    /// Starts the stopped node again, and waits until it is complete.
    pub fn resume(&mut self) -> Result<()> {
        self.node.resume()?;
        self.wait_until_it_is_complete()
    }

    /// The URI of this node for a client of AMQP with access to the default virtual host.
    pub fn amqp_uri(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@{}", self.node.amqp)
    }

    /// Publishes a persistent message to a queue of the default virtual host.
    pub fn publish(&self, queue: &str) -> Result<()> {
        let message = json!({
            "properties": {"delivery_mode": 2}, "routing_key": queue, "payload": "an order",
            "payload_encoding": "string",
        });
        let (path, own) =
            ("/exchanges/%2F/amq.default/publish", (Self::OWN.name, Self::OWN.password));
        match self.call(own, "POST", path, Some(&message))? {
            (200, answer) if answer.get("routed") == Some(&json!(true)) => Ok(()),
            (status, answer) => {
                Err(format!("publishing to `{queue}` answered {status}: {answer}").into())
            }
        }
    }

    /// The present number of messages in a queue of the default virtual host. The answer about one queue has no
    /// present numbers.
    pub fn messages(&self, queue: &str) -> Result<i64> {
        let path = "/queues/%2F?disable_stats=true&enable_queue_totals=true";
        let queues = self.get(path)?.unwrap_or_default();
        let mut queues = queues.as_array().into_iter().flatten();
        let found = queues.find(|one| one.get("name") == Some(&json!(queue)));
        let messages = found.and_then(|one| one.get("messages")?.as_i64());
        Ok(messages.ok_or_else(|| format!("there is no queue `{queue}`"))?)
    }

    /// The hash of a password as the server keeps it: a salt, then the SHA-256 of the salt and the password.
    pub fn password_hash(salt: [u8; 4], password: &str) -> String {
        let hash = Sha256::new().chain_update(salt).chain_update(password).finalize();
        STANDARD.encode([salt.as_slice(), hash.as_slice()].concat())
    }

    fn call(
        &self,
        (user, password): (&str, &str),
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let credential = STANDARD.encode(format!("{user}:{password}"));
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("authorization", format!("Basic {credential}"))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let mut response = self.agent.run(request)?;
        let text = response.body_mut().read_to_string()?;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((response.status().as_u16(), value))
    }
}
