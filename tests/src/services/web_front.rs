//! nginx, from the Debian package `nginx`, between browsers and a host. It ends https for a name, with the
//! configuration of `docs/console.md`. It runs as the user who runs the tests, listens only on loopback, and keeps its
//! files in a temporary directory.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::process::{Folder, Process, attempts};
use super::{Result, free_address, workspace};

const NGINX: &str = "/usr/sbin/nginx";

/// The page with the examples, and what a test replaces in them.
const GUIDE: &str = "docs/console.md";
const NAME: &str = "deed.example.com";
const HOST: &str = "127.0.0.1:7117";
const FOLDER: &str = "/etc/nginx/";

/// What surrounds the servers of the example. `user` has an effect only for root, whose workers could not enter the
/// directory as another user.
const AROUND: &str = "user root;
worker_processes 1;
daemon off;
pid @dir@/pid;
error_log stderr notice;
events {}
http {
    access_log @dir@/access.log;
    client_body_temp_path @dir@/body;
    proxy_temp_path @dir@/proxy;
    fastcgi_temp_path @dir@/fastcgi;
    uwsgi_temp_path @dir@/uwsgi;
    scgi_temp_path @dir@/scgi;
@servers@
}
";

/// The certificate of a front and its private key, in PEM format.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    pub certificate: &'a str,
    pub key: &'a str,
}

/// A front as a browser knows it.
#[derive(Debug, Clone)]
pub struct Site {
    https: SocketAddr,
    http: SocketAddr,
    /// The SHA-256 of the public key in the certificate (SPKI), in base64.
    pub key: String,
}

impl Site {
    /// Where each name and port of the domain `test` leads. The front knows one of these names.
    pub(super) fn places(&self) -> [(&'static str, SocketAddr); 2] {
        [("*.test:443", self.https), ("*.test:80", self.http)]
    }
}

/// A server that ends https. Dropping this value ends it.
#[derive(Debug)]
pub struct WebFront {
    _server: Process,
    https: SocketAddr,
    http: SocketAddr,
    _dir: Folder,
}

impl WebFront {
    /// Starts nginx in front of a host, for this name below `test`, and waits until it listens. With a base path, the
    /// host is below that path.
    pub fn start(name: &str, base: &str, to: SocketAddr, files: Files<'_>) -> Result<Self> {
        if !Path::new(NGINX).exists() {
            return Err(format!("`{NGINX}` is not installed; run `make systems`").into());
        }
        let example = example(base)?;
        let example = example.replace(NAME, name).replace(HOST, &to.to_string());
        attempts(|| Self::try_start(&example, files))
    }

    fn try_start(example: &str, files: Files<'_>) -> Result<Self> {
        let (https, http) = (free_address()?, free_address()?);
        let dir = Folder::new(&format!("deed-web-front-{}", https.port()))?;
        fs::write(dir.0.join("deed.pem"), files.certificate)?;
        fs::write(dir.0.join("deed.key"), files.key)?;
        let folder = dir.0.to_string_lossy();
        let servers = example
            .replace("listen 443", &format!("listen {https}"))
            .replace("listen 80", &format!("listen {http}"))
            .replace(FOLDER, &format!("{folder}/"));
        let text = AROUND.replace("@dir@", &folder).replace("@servers@", &servers);
        let (conf, log) = (dir.0.join("front.conf"), dir.0.join("log"));
        fs::write(&conf, text)?;
        let mut command = Command::new(NGINX);
        command.arg("-p").arg(&dir.0).args(["-e", "stderr", "-c"]).arg(&conf).env_clear();
        let mut server = Process::start(&mut command, &log)?;
        let listens = |address: SocketAddr| TcpStream::connect(address).is_ok();
        server.wait_until(|| listens(https) && listens(http), &log)?;
        Ok(Self { _server: server, https, http, _dir: dir })
    }

    /// The front as a browser knows it that trusts this key.
    pub fn site(&self, key: &str) -> Site {
        Site { https: self.https, http: self.http, key: key.to_owned() }
    }
}

/// The servers of the example in the documentation. Its second part replaces lines of the first one for the base path
/// `/deed`.
fn example(base: &str) -> Result<String> {
    let page = fs::read_to_string(workspace().join(GUIDE))?;
    let mut blocks = page.split("\n```nginx\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (Some(servers), Some(below), None) = (blocks.next(), blocks.next(), blocks.next()) else {
        return Err(format!("{GUIDE} does not have two examples for nginx").into());
    };
    if base.is_empty() {
        return Ok(servers.to_owned());
    }
    let root = below.replace("/deed/", "/").replace(&format!("{HOST}/"), HOST);
    if base != "/deed" || !servers.contains(&root) {
        return Err(format!("{GUIDE} has no example for the base path `{base}`").into());
    }
    Ok(servers.replace(&root, below))
}
