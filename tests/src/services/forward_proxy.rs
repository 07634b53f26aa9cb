//! HTTP proxies that open tunnels: squid and tinyproxy, from the Debian packages of these names. They listen only on
//! loopback, and keep all their files in a temporary directory. Squid gives up the rights of root if it gets them.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Folder, Process, attempts};
use super::{Result, free_address};

const SQUID: &str = "/usr/sbin/squid";
const TINYPROXY: &str = "/usr/bin/tinyproxy";

const SQUID_CONF: &str = "\
http_port @address@
visible_hostname proxy.test
hosts_file @dir@/hosts
dns_nameservers 127.0.0.1
pid_filename none
access_log stdio:@dir@/access.log
cache_log @dir@/cache.log
coredump_dir @dir@
cache deny all
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
acl target port @port@
";
const SQUID_LOGIN: &str = "\
auth_param basic program /usr/lib/squid/basic_ncsa_auth @dir@/users
auth_param basic children 1
acl known proxy_auth REQUIRED
http_access allow CONNECT target known
";
/// The password of [`ForwardProxy::PASSWORD`] as `openssl passwd -apr1` hashes it.
const USERS: &str = "deed:$apr1$tests$engDmuirKPu03Abmtll.o/\n";

const TINYPROXY_CONF: &str = "\
Port @own@
Listen 127.0.0.1
Timeout 60
MaxClients 20
LogLevel Connect
Upstream http @to@
";

/// The program of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Squid,
    Tinyproxy,
}

/// Which tunnels a proxy opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To the upstream.
    Open,
    /// To other ports only.
    Closed,
    /// To the upstream, for the user `deed`.
    Login,
}

/// Where a proxy leads to.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name by which clients ask for the upstream. It exists only for the proxy.
    pub name: &'static str,
    /// The port by which clients ask for it.
    pub port: u16,
    /// A proxy that opens the tunnels of tinyproxy, which cannot be told the address of a name.
    pub next: SocketAddr,
}

/// A proxy. Dropping this value ends it.
#[derive(Debug)]
pub struct ForwardProxy {
    kind: Kind,
    target: Target,
    server: Option<Process>,
    address: SocketAddr,
    dir: Folder,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Squid => SQUID,
            Self::Tinyproxy => TINYPROXY,
        }
    }

    pub fn installed(self) -> bool {
        Path::new(self.program()).exists()
    }
}

impl ForwardProxy {
    /// The password of the user `deed`.
    pub const PASSWORD: &str = "proxy-password-of-the-tests";

    /// Starts a proxy, and waits until it listens.
    pub fn start(kind: Kind, target: Target, access: Access) -> Result<Self> {
        if !kind.installed() {
            return Err(format!("`{}` is not installed; run `make systems`", kind.program()).into());
        }
        attempts(|| Self::try_start(kind, target, access))
    }

    fn try_start(kind: Kind, target: Target, access: Access) -> Result<Self> {
        let address = free_address()?;
        let dir = Folder::new(&format!("deed-forward-proxy-{}", address.port()))?;
        // Squid reads and writes its files as a user of its own if root starts it. The directory has no secret.
        fs::set_permissions(&dir.0, Permissions::from_mode(0o755))?;
        for name in ["access.log", "cache.log"] {
            fs::write(dir.0.join(name), "")?;
            fs::set_permissions(dir.0.join(name), Permissions::from_mode(0o666))?;
        }
        fs::write(dir.0.join("hosts"), format!("127.0.0.1 {}\n", target.name))?;
        fs::write(dir.0.join("users"), USERS)?;
        for name in ["hosts", "users"] {
            fs::set_permissions(dir.0.join(name), Permissions::from_mode(0o644))?;
        }
        let mut proxy = Self { kind, target, server: None, address, dir };
        proxy.restart(access)?;
        Ok(proxy)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the proxy.
    pub fn stop(&mut self) {
        drop(self.server.take());
    }

    /// Ends the proxy if it runs, and starts it at the same address.
    pub fn restart(&mut self, access: Access) -> Result<()> {
        self.stop();
        let conf = self.dir.0.join("proxy.conf");
        fs::write(&conf, self.configuration(access))?;
        let mut command = Command::new(self.kind.program());
        let log = match self.kind {
            Kind::Squid => self.dir.0.join("output"),
            Kind::Tinyproxy => self.access_log(),
        };
        match self.kind {
            Kind::Squid => command.args(["-N", "-f"]),
            Kind::Tinyproxy => command.args(["-d", "-c"]),
        };
        let mut server = Process::start(command.arg(&conf).env_clear(), &log)?;
        let address = self.address;
        server.wait_until(|| TcpStream::connect(address).is_ok(), &log)?;
        self.server = Some(server);
        Ok(())
    }

    fn configuration(&self, access: Access) -> String {
        let (open, closed, login) = match self.kind {
            Kind::Squid => ("http_access allow CONNECT target\n", "", SQUID_LOGIN.to_owned()),
            Kind::Tinyproxy => {
                let login = format!("ConnectPort @port@\nBasicAuth deed {}\n", Self::PASSWORD);
                ("ConnectPort @port@\n", "ConnectPort 1\n", login)
            }
        };
        let rules = match access {
            Access::Open => open,
            Access::Closed => closed,
            Access::Login => login.as_str(),
        };
        let (head, end) = match self.kind {
            Kind::Squid => (SQUID_CONF, "http_access deny all\n"),
            Kind::Tinyproxy => (TINYPROXY_CONF, ""),
        };
        format!("{head}{rules}{end}")
            .replace("@dir@", &self.dir.0.to_string_lossy())
            .replace("@address@", &self.address.to_string())
            .replace("@own@", &self.address.port().to_string())
            .replace("@port@", &self.target.port.to_string())
            .replace("@to@", &self.target.next.to_string())
    }

    /// What the proxy logged about connections. Tinyproxy begins a new log when it is started again.
    pub fn logged(&self) -> String {
        fs::read_to_string(self.access_log()).unwrap_or_default()
    }

    fn access_log(&self) -> PathBuf {
        self.dir.0.join("access.log")
    }

    /// The requests in the log: the method and what was asked for.
    pub fn requests(&self) -> Vec<String> {
        self.logged().lines().filter_map(|line| self.request(line)).collect()
    }

    fn request(&self, line: &str) -> Option<String> {
        match self.kind {
            Kind::Squid => {
                // Time, duration, client, result, bytes, method, URL. The connection with which the harness waits has
                // no request.
                let mut words = line.split_whitespace().skip(5);
                let (method, url) = (words.next()?, words.next()?);
                (!url.starts_with("error:")).then(|| format!("{method} {url}"))
            }
            Kind::Tinyproxy => {
                let (_, request) = line.split_once("): ").filter(|_| line.contains("Request ("))?;
                Some(request.strip_suffix(" HTTP/1.1").unwrap_or(request).to_owned())
            }
        }
    }
}
