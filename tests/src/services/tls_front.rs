//! Servers that end TLS in front of another server and require a client certificate: nginx and stunnel, from the Debian
//! packages `nginx` and `stunnel4`. They run as the user who runs the tests, listen only on loopback, and keep all their
//! files in a temporary directory.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Folder, Process, attempts};
use super::{Result, free_address};

const NGINX: &str = "/usr/sbin/nginx";
const STUNNEL: &str = "/usr/bin/stunnel4";

/// `user` has an effect only for root, whose workers could not enter the directory as another user.
const NGINX_CONF: &str = r#"user root;
worker_processes 1;
daemon off;
pid @dir@/pid;
error_log stderr notice;
events {}
http {
    log_format seen '$ssl_client_verify $ssl_client_fingerprint "$request" $status';
    access_log @dir@/access.log seen;
    client_body_temp_path @dir@/body;
    proxy_temp_path @dir@/proxy;
    fastcgi_temp_path @dir@/fastcgi;
    uwsgi_temp_path @dir@/uwsgi;
    scgi_temp_path @dir@/scgi;
    server {
        listen @address@ ssl;
        ssl_certificate @dir@/server.pem;
        ssl_certificate_key @dir@/server.key;
        ssl_client_certificate @dir@/clients.pem;
        ssl_verify_client on;
        location / {
            proxy_pass http://@to@;
            proxy_set_header Host $http_host;
        }
    }
}
"#;

const STUNNEL_CONF: &str = "\
foreground = yes
pid =
syslog = no
debug = notice

[front]
accept = @address@
connect = @to@
cert = @dir@/server.pem
key = @dir@/server.key
CAfile = @dir@/clients.pem
verifyChain = yes
";

/// The program that ends TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Stunnel,
}

/// The files of a front, in PEM format.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub certificate: &'a str,
    pub key: &'a str,
    /// The authority of the clients that are accepted.
    pub clients: &'a str,
}

/// A server that ends TLS. Dropping this value ends it.
#[derive(Debug)]
pub struct TlsFront {
    server: Process,
    address: SocketAddr,
    dir: Folder,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx => NGINX,
            Self::Stunnel => STUNNEL,
        }
    }

    pub fn installed(self) -> bool {
        Path::new(self.program()).exists()
    }
}

impl TlsFront {
    /// Starts a server that passes everything on to `to`, and waits until it listens.
    pub fn start(kind: Kind, to: SocketAddr, files: Files<'_>) -> Result<Self> {
        if !kind.installed() {
            return Err(format!("`{}` is not installed; run `make systems`", kind.program()).into());
        }
        attempts(|| Self::try_start(kind, to, files))
    }

    fn try_start(kind: Kind, to: SocketAddr, files: Files<'_>) -> Result<Self> {
        let address = free_address()?;
        let dir = Folder::new(&format!("deed-tls-front-{}", address.port()))?;
        let texts = [
            ("server.pem", files.certificate),
            ("server.key", files.key),
            ("clients.pem", files.clients),
        ];
        for (name, text) in texts {
            fs::write(dir.0.join(name), text)?;
        }
        let template = if kind == Kind::Nginx { NGINX_CONF } else { STUNNEL_CONF };
        let text = template
            .replace("@dir@", &dir.0.to_string_lossy())
            .replace("@address@", &address.to_string())
            .replace("@to@", &to.to_string());
        let (conf, log) = (dir.0.join("front.conf"), dir.0.join("log"));
        fs::write(&conf, text)?;
        let mut command = Command::new(kind.program());
        if kind == Kind::Nginx {
            command.arg("-p").arg(&dir.0).args(["-e", "stderr", "-c"]);
        }
        let server = Process::start(command.arg(&conf).env_clear(), &log)?;
        let mut front = Self { server, address, dir };
        front.server.wait_until(|| TcpStream::connect(address).is_ok(), &log)?;
        Ok(front)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes nginx accept the clients of another authority, and waits until no worker accepts those of the one before.
    pub fn reload(&mut self, clients: &str) -> Result<()> {
        fs::write(self.dir.0.join("clients.pem"), clients)?;
        let log = self.log();
        let ended = || fs::read_to_string(&log).unwrap_or_default().matches(": exiting").count();
        let before = ended();
        self.server.signal("HUP")?;
        self.server.wait_until(|| ended() > before, &log)
    }

    /// The requests as nginx logged them: the result of the check of the certificate, its fingerprint, the request line
    /// and the status.
    pub fn requests(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.0.join("access.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything that the program printed.
    pub fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.dir.0.join("log")
    }
}
