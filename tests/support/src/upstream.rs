//! An upstream that answers every request with a function of the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// An answer of the upstream. If the status is 0, the upstream closes the connection without an answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
    /// The content type. If the content type is empty, the answer has no `content-type` header.
    pub kind: &'static str,
    /// How many bytes the body is shorter than the content length states, and how long the connection stays open after
    /// the body.
    pub missing: (usize, Duration),
}

/// The server, which runs until the process exits.
#[derive(Debug)]
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn is(&self, method: &str, start: &str) -> bool {
        self.method == method && self.target.starts_with(start)
    }
}

impl Reply {
    pub fn json(status: u16, body: impl Into<Value>) -> Self {
        Self::bytes("application/json", body.into().to_string()).with(status)
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: None, kind: "", missing: (0, Duration::ZERO) }
    }

    /// An answer with these bytes as its body and the status 200.
    pub fn bytes(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), kind, ..Self::empty(200) }
    }

    #[must_use]
    pub fn with(self, status: u16) -> Self {
        Self { status, ..self }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// An answer with this text as its JSON body, sent without any change.
    pub fn raw(status: u16, text: &str) -> Self {
        Self::bytes("application/json", text).with(status)
    }
}

impl Upstream {
    /// Starts an upstream that answers each request with `reply`, one request at a time.
    pub fn start(reply: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
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

    /// The requests that have arrived so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests that have arrived so far and are neither GET nor HEAD.
    pub fn writes(&self) -> Vec<Request> {
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
    if reply.status == 0 {
        return;
    }
    let body = reply.body.as_deref().unwrap_or_default();
    let mut lines = vec![format!("HTTP/1.1 {} X", reply.status), "connection: close".into()];
    if !reply.kind.is_empty() {
        lines.push(format!("content-type: {}", reply.kind));
    }
    lines.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if reply.status != 204 {
        lines.push(format!("content-length: {}", body.len() + reply.missing.0));
    }
    let head = lines.join("\r\n");
    write!(stream, "{head}\r\n\r\n").and_then(|()| stream.write_all(body)).ok();
    thread::sleep(reply.missing.1);
}
