//! The processes and files of a RabbitMQ node: all ports on loopback, all files in one directory.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::User;
use crate::services::process::{Folder, Process};
use crate::services::{Result, START_PATIENCE, free_address};

/// The script of RabbitMQ itself. The program of the same name in `/usr/sbin` is Debian's wrapper, which works only for
/// root and the user `rabbitmq`.
pub(super) const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONF: &str = include_str!("../../../services/rabbitmq.conf");
const PLUGINS: &str = "[rabbitmq_management, rabbitmq_shovel, rabbitmq_shovel_management].\n";

/// The programs get no other variables of the caller.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// For every Erlang program that the script starts: no port mapper as a daemon, and no distribution port on other
/// addresses.
const ERL_FLAGS: &str = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}";
/// Ctrl-C does not stop the node halfway, and an orderly stop is short.
const NODE_FLAGS: &str = "+B i -shutdown_time 2000";

/// A running node. Its fields are dropped in this order, so the node ends before its port mapper and its files.
#[derive(Debug)]
pub(super) struct Node {
    /// `None` while the node is stopped.
    server: Option<Process>,
    _epmd: Process,
    dir: Folder,
    epmd: SocketAddr,
    distribution: SocketAddr,
    pub(super) amqp: SocketAddr,
    pub(super) management: SocketAddr,
}

impl Node {
    /// Starts a node with one user, on ports that were free a moment ago.
    pub(super) fn start(user: &User) -> Result<Self> {
        let (epmd, distribution) = (free_address()?, free_address()?);
        let (amqp, management) = (free_address()?, free_address()?);
        let dir = Folder::new(&format!("deed-rabbitmq-{}", management.port()))?;
        let conf = CONF
            .replace("@amqp@", &amqp.port().to_string())
            .replace("@management@", &management.port().to_string())
            .replace("@user@", user.name)
            .replace("@password@", user.password);
        fs::write(dir.0.join("rabbitmq.conf"), conf)?;
        fs::write(dir.0.join("plugins"), PLUGINS)?;
        let mapper = port_mapper(&dir.0, epmd)?;
        let mut node =
            Self { server: None, _epmd: mapper, dir, epmd, distribution, amqp, management };
        node.resume()?;
        Ok(node)
    }

    /// Starts the server on the files and ports of this node.
    pub(super) fn resume(&mut self) -> Result<()> {
        let mut command = server(&self.dir.0);
        command
            .env("ERL_EPMD_PORT", self.epmd.port().to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution.port().to_string())
            .env("RABBITMQ_NODENAME", format!("deed-{}@localhost", self.management.port()));
        self.server = Some(Process::start(&mut command, &self.dir.0.join("node.log"))?);
        Ok(())
    }

    /// Stops the server in an orderly way. Its files stay.
    pub(super) fn stop(&mut self) {
        self.server = None;
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.server.as_mut().is_none_or(|server| !server.runs())
    }

    /// What the node wrote to its log.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.dir.0.join("node.log")).unwrap_or_default()
    }
}

/// Erlang's port mapper, in the foreground, so that it can be ended. Waits until it answers.
fn port_mapper(dir: &Path, address: SocketAddr) -> Result<Process> {
    let mut command = Command::new("epmd");
    command
        .args(["-port", &address.port().to_string(), "-address", "127.0.0.1"])
        .env_clear()
        .env("PATH", PATH);
    let mut mapper = Process::start(&mut command, &dir.join("epmd.log"))?;
    let end = Instant::now() + START_PATIENCE;
    while Instant::now() < end && mapper.runs() {
        if TcpStream::connect(address).is_ok() {
            return Ok(mapper);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(format!("epmd does not answer at {address}").into())
}

/// The command of a node that reads and writes only files of this directory.
fn server(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
    for (name, file) in [
        // Erlang's cookie is in the home directory.
        ("HOME", ""),
        ("RABBITMQ_CONF_ENV_FILE", "no-env.conf"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_CONFIG_FILES", "no-conf.d"),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", "no-advanced.config"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ("RABBITMQ_MNESIA_BASE", "mnesia"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_PID_FILE", "pid"),
    ] {
        command.env(name, dir.join(file));
    }
    command
        .env("ERL_CRASH_DUMP", "/dev/null")
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_AFLAGS", ERL_FLAGS)
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", NODE_FLAGS)
        // With this variable, the script replaces itself by the node, which then gets the signals.
        .env("RUNNING_UNDER_SYSTEMD", "true");
    command
}
