//! Shared code of the sandbox's tests: a server with scripted answers, upstreams that point to that server, and guests
//! written as core WebAssembly text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deed_record::action::Slot;
use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::kind::Accepted;
use deed_system::clock::Clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::egress::allowlist::Allowance;
use super::super::egress::open::Rules;
use super::super::egress::{Egress, Network};
use super::super::exchange_log::ExchangeLog;
use super::super::prior_writes::Writes;
use super::super::redact::Redactor;
use super::super::transport::Transport;
use super::super::{Intent, Keep, WriteStep};
use crate::credentials::{Memory, Secret, Stored};
use crate::upstream::{AddressClass, Base, Credential, Upstream};

pub(crate) const READ: &str = "read-credential-0123456789";
pub(crate) const WRITE: &str = "write-credential-0123456789";

/// How the test server handles one connection.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes after it has read the request.
    Bytes(Vec<u8>),
    /// Sends these bytes after a pause.
    Late(Duration, Vec<u8>),
    /// Reads the request and closes the connection.
    Close,
    /// Reads the request and never answers.
    Hang,
}

/// A server on loopback that answers its connections one after another.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, reply, Arc::clone(&seen)));
            }
        });
        Self { port, requests }
    }

    /// The complete requests, in the order in which they arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, seen: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    let (pause, bytes) = match reply {
        Reply::Bytes(bytes) => (Duration::ZERO, bytes),
        Reply::Late(pause, bytes) => (pause, bytes),
        Reply::Close => return,
        Reply::Hang => (Duration::from_mins(1), Vec::new()),
    };
    tokio::time::sleep(pause).await;
    drop(stream.write_all(&bytes).await);
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |digits| digits.parse().unwrap()) {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await.unwrap() {
            0 => return text,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

pub(crate) fn answer(status: &str, kind: &str, body: &str) -> Reply {
    Reply::Bytes(text(status, kind, body))
}

pub(crate) fn ok(body: &Value) -> Reply {
    answer("200 OK", "application/json", &body.to_string())
}

pub(crate) fn text(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\netag: W/\"1\"\r\nset-cookie: a=b\r\n"
    );
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

pub(crate) fn upstream(port: u16) -> Upstream {
    let credential = |name: &str, value: &str| {
        let secret = Stored::fixed(Secret::new(name, value.as_bytes()).unwrap());
        Credential::stored(Arc::new(secret), Slot::Bearer)
    };
    Upstream {
        name: "idp".into(),
        base: Base::parse(&format!("http://127.0.0.1:{port}/v2")).unwrap(),
        addresses: BTreeSet::from([AddressClass::Loopback]),
        tls: None,
        client_certificate: None,
        proxy: None,
        timeout: Duration::from_secs(5),
        concurrency: 32,
        lookups: crate::upstream::Lookups::default(),
        headers: BTreeMap::new(),
        accepted: Accepted::default(),
        idempotency: None,
        read: Some(credential("idp-read", READ)),
        write: Some(credential("idp-write", WRITE)),
    }
}

pub(crate) fn get(path: &str) -> Rendered {
    let (upstream, method, path) = ("idp".into(), "GET".into(), path.into());
    Rendered { upstream, method, path, calls: 5, ..Rendered::default() }
}

pub(crate) fn patch(path: &str) -> Rendered {
    Rendered {
        method: "PATCH".into(),
        body: Some(json!({"active": true})),
        writes: true,
        ..get(path)
    }
}

pub(crate) fn egress(upstream: &Upstream, requests: Vec<Rendered>, keep: Option<Keep>) -> Egress {
    egress_of(&Arc::default(), upstream, requests, keep)
}

/// Like [`egress`], for a tenant with this memory.
pub(crate) fn egress_of(
    memory: &Arc<Memory>,
    upstream: &Upstream,
    requests: Vec<Rendered>,
    keep: Option<Keep>,
) -> Egress {
    let upstreams = BTreeMap::from([("idp".to_owned(), Arc::new(upstream.clone()))]);
    let credentials = crate::credentials_of(&upstreams);
    let known: Vec<_> = credentials.iter().flat_map(Credential::secrets).collect();
    let requests = requests.into_iter().map(Prepared::plain).collect();
    Egress {
        rules: Rules::Closed(Allowance::new("idp.restore_access", "perform", requests)),
        road: Transport::Network(Network {
            upstreams,
            tags: BTreeMap::new(),
            once: Writes::default(),
            keep,
            redactor: Arc::new(Redactor::of(memory, known.iter())),
            person: "alice".into(),
            access: None,
            credentials,
            action: ActionId::new(1, [0; 10]),
            slots: Arc::default(),
            writes: Vec::new(),
        }),
        exchanges: ExchangeLog::new(Clock::new()),
    }
}

/// Stores every intent in `kept`. Accepts every step, or refuses every step with the reason `refusal`.
pub(crate) fn intend(kept: &Arc<Mutex<Vec<Intent>>>, refusal: Option<&'static str>) -> Keep {
    let kept = Arc::clone(kept);
    Arc::new(move |step| {
        if let WriteStep::Intended(intent) = step {
            kept.lock().unwrap().push(*intent);
        }
        Box::pin(async move { refusal.map_or(Ok(()), |reason| Err(reason.to_owned())) })
    })
}

/// A private directory for one test, which is removed when this value is dropped.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("deed-sandbox-{}-{count}", std::process::id())))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Builds an adapter component whose two exports run these bodies. Each body leaves the pointer to its result on the
/// stack.
///
/// `$get`, `$patch`, `$read`, `$log` and `$forbidden` call the host. The result at address 256 of the memory is a
/// success. The result at address 512 reports `refused` with the text at address 64.
pub(crate) fn guest(observe: &str, perform: &str) -> Vec<u8> {
    let text =
        include_str!("guest.wat").replace(";;OBSERVE;;", observe).replace(";;PERFORM;;", perform);
    component(wat::parse_str(text).unwrap())
}

/// Encodes a core module as a component of the WIT world `adapter`.
pub(crate) fn component(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("adapter")).unwrap();
    let utf8 = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8).unwrap();
    let encoder = wit_component::ComponentEncoder::default().validate(true);
    encoder.module(&module).unwrap().encode().unwrap()
}

/// A PEM file with one section, such as `CERTIFICATE`.
pub(crate) fn pem(section: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {section}-----\n{text}\n-----END {section}-----\n")
}
