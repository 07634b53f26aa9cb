//! A registry in this process, with the routes of the distribution API that packages need. It can ask for
//! authentication, and give one false answer for a path.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;

pub(super) const USER: &str = "author";
pub(super) const PASSWORD: &str = "password-of-the-fake-registry";
const TOKEN: &str = "token-of-the-fake-registry";

/// What the registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Basic,
    Bearer,
}

/// A false answer.
#[derive(Clone)]
pub(super) enum Lie {
    /// Status, further header lines, and body.
    Says(u16, String, Vec<u8>),
    /// A body that does not end.
    Endless,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) authorization: Option<String>,
}

struct Shared {
    asks: Asks,
    address: SocketAddr,
    /// Blobs and manifests by the last part of their path.
    stored: Mutex<BTreeMap<String, Vec<u8>>>,
    /// False answers by a part of the request line.
    lies: Mutex<Vec<(String, Lie)>>,
    asked: Mutex<Vec<Asked>>,
    stopped: AtomicBool,
}

/// The registry. It stops when it is dropped.
pub(super) struct Fake(Arc<Shared>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    pub(super) fn start(asks: Asks) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let shared = Arc::new(Shared {
            asks,
            address: listener.local_addr().unwrap(),
            stored: Mutex::default(),
            lies: Mutex::default(),
            asked: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let own = Arc::clone(&own);
                thread::spawn(move || own.serve(stream).is_ok());
            }
        });
        Self(shared)
    }

    pub(super) fn reference(&self, tag: &str) -> String {
        format!("{}/team/titles:{tag}", self.0.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Every request whose first line contains this text gets a false answer.
    pub(super) fn lie(&self, about: &str, lie: Lie) {
        lock(&self.0.lies).push((about.to_owned(), lie));
    }

    pub(super) fn be_honest(&self) {
        lock(&self.0.lies).clear();
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.0.asked).clone()
    }

    /// What is stored under a tag or digest.
    pub(super) fn stored(&self, name: &str) -> Vec<u8> {
        lock(&self.0.stored).get(name).unwrap().clone()
    }

    pub(super) fn store(&self, name: &str, bytes: Vec<u8>) {
        lock(&self.0.stored).insert(name.to_owned(), bytes);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        // The connection lets the listener see that it has to stop.
        TcpStream::connect(self.0.address).ok();
    }
}

/// The request line, the headers in lower case, and the body.
fn read(stream: &TcpStream) -> std::io::Result<(String, BTreeMap<String, String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((line.trim().to_owned(), headers, body))
}

fn answer(status: u16, headers: &str, body: &[u8], is_head: bool) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    let body: &[u8] = if is_head { &[] } else { body };
    [head.as_bytes(), body].concat()
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (line, headers, body) = read(&stream)?;
        let authorization = headers.get("authorization").cloned();
        lock(&self.asked).push(Asked { line: line.clone(), authorization: authorization.clone() });
        let lie = lock(&self.lies)
            .iter()
            .find(|(about, _)| line.contains(about))
            .map(|lie| lie.1.clone());
        let said = match lie {
            Some(Lie::Says(status, headers, body)) => answer(status, &headers, &body, false),
            Some(Lie::Endless) => {
                stream.write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")?;
                let part = vec![b'x'; 1 << 16];
                loop {
                    stream.write_all(&part)?;
                }
            }
            None => self.honest(&line, authorization.as_deref(), body),
        };
        stream.write_all(&said)
    }

    fn honest(&self, line: &str, authorization: Option<&str>, body: Vec<u8>) -> Vec<u8> {
        let (method, path) = line.split_once(' ').unwrap_or_default();
        let path = path.split(' ').next().unwrap_or_default();
        let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        if path.starts_with("/token") {
            return if authorization == Some(basic.as_str()) {
                answer(200, "", format!("{{\"token\":\"{TOKEN}\"}}").as_bytes(), false)
            } else {
                answer(401, "", b"{}", false)
            };
        }
        let (wanted, challenge) = match self.asks {
            Asks::Nothing => (authorization.unwrap_or_default().to_owned(), String::new()),
            Asks::Basic => (basic, "Basic realm=\"fake\"".to_owned()),
            Asks::Bearer => {
                let realm = format!("http://{}/token", self.address);
                let scope = "scope=\"repository:team/titles:pull,push\"";
                (
                    format!("Bearer {TOKEN}"),
                    format!("Bearer realm=\"{realm}\",service=\"fake\",{scope}"),
                )
            }
        };
        if authorization.unwrap_or_default() != wanted {
            let headers = format!("WWW-Authenticate: {challenge}\r\n");
            return answer(401, &headers, b"", method == "HEAD");
        }
        self.route(method, path, body)
    }

    fn route(&self, method: &str, path: &str, body: Vec<u8>) -> Vec<u8> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        match method {
            "POST" => answer(202, "Location: /v2/team/titles/blobs/uploads/7\r\n", b"", false),
            "PUT" if path.contains("/uploads/") => {
                let digest = query.trim_start_matches("digest=").to_owned();
                assert_eq!(digest, Digest::of(&body).to_string());
                lock(&self.stored).insert(digest, body);
                answer(201, "", b"", false)
            }
            "PUT" => {
                let mut stored = lock(&self.stored);
                stored.insert(Digest::of(&body).to_string(), body.clone());
                stored.insert(name.to_owned(), body);
                answer(201, "", b"", false)
            }
            _ => match lock(&self.stored).get(name) {
                Some(bytes) => answer(200, "", bytes, method == "HEAD"),
                None => answer(404, "", b"{}", method == "HEAD"),
            },
        }
    }
}
