//! An upstream whose every answer a test writes, one function for each.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// What the upstream answers.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// The body as text, which takes the place of `body`.
    pub(super) raw: Option<String>,
}

/// The server, which runs until the process exits.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn is(&self, method: &str, start: &str) -> bool {
        self.method == method && self.target.starts_with(start)
    }
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: vec![], body: Some(body), raw: None }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: None, raw: None }
    }

    /// A JSON body that is sent as it is written.
    pub(super) fn raw(status: u16, text: &str) -> Self {
        Self { raw: Some(text.to_owned()), ..Self::json(status, Value::Null) }
    }
}

impl Upstream {
    /// Answers each request by `reply`; one request at a time.
    pub(super) fn start(reply: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (kept, reply) = (Arc::clone(&seen), Arc::new(Mutex::new(reply)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                    let answer = {
                        let mut reply = reply.lock().unwrap_or_else(PoisonError::into_inner);
                        reply(&request)
                    };
                    write(stream, &answer);
                });
            }
        });
        Self { address, seen }
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests so far that are neither GET nor HEAD.
    pub(super) fn writes(&self) -> Vec<Request> {
        self.seen().into_iter().filter(|one| one.method != "GET" && one.method != "HEAD").collect()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, digits)| digits.parse().unwrap_or(0))];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Request { method, target, headers, body })
}

fn write(mut stream: TcpStream, reply: &Reply) {
    let body = reply.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let body = reply.raw.clone().unwrap_or(body);
    let mut lines = vec![format!("HTTP/1.1 {} X", reply.status), "connection: close".into()];
    if reply.body.is_some() {
        lines.push("content-type: application/json".into());
    }
    lines.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if reply.status != 204 {
        lines.push(format!("content-length: {}", body.len()));
    }
    let head = lines.join("\r\n");
    write!(stream, "{head}\r\n\r\n{body}").ok();
}
