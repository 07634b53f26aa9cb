//! The system of record: a little SCIM directory over real sockets in which every id is a user, and which
//! counts for each user what it applied. It takes its time, a little, before and after.
//!
//! It has no part in the cut: what it applied, it applied.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use deed_tests::dice::Dice;
use deed_tests::services::Result;
use serde_json::{Value, json};

/// No host takes longer to send what it began.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest pause before or after a write, in milliseconds.
const PAUSE_MS: u64 = 15;

/// A directory on a loopback port; it takes no more connections when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    users: Mutex<BTreeMap<String, User>>,
    dice: Mutex<Dice>,
    stopped: AtomicBool,
}

/// What was done to a user.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    active: Option<bool>,
    /// Writes that got here and were not turned away, whatever came of their answers.
    pub(crate) came: u64,
    /// Of them, those that were applied.
    pub(crate) applied: u64,
    /// Idempotency keys that were seen: such a write is applied once.
    keys: Vec<String>,
}

struct Request {
    method: String,
    id: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Upstream {
    pub(crate) fn start(seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            users: Mutex::default(),
            dice: Mutex::new(Dice::new(seed)),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let served = Arc::clone(&served);
                // A caller that goes away in the middle is what this is about.
                thread::spawn(move || served.talk(stream).is_ok());
            }
        });
        Ok(Self { address, shared })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v2", self.address)
    }

    pub(crate) fn user(&self, id: &str) -> User {
        lock(&self.shared.users).get(id).cloned().unwrap_or_default()
    }

    /// Everybody to whom something was done, from this number on.
    pub(crate) fn touched(&self, first: u64) -> BTreeSet<String> {
        let users = lock(&self.shared.users);
        let is_new = |id: &&String| number(id) >= first;
        users
            .iter()
            .filter(|(_, user)| user.applied > 0)
            .map(|(id, _)| id)
            .filter(is_new)
            .cloned()
            .collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn talk(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let request = read(&stream)?;
        let answer = if request.method == "PATCH" {
            self.pause();
            let answer = self.patch(&request);
            self.pause();
            answer
        } else {
            self.show(&request.id)
        };
        stream.write_all(answer.as_bytes())?;
        Ok(())
    }

    fn pause(&self) {
        let pause = lock(&self.dice).below(PAUSE_MS);
        thread::sleep(Duration::from_millis(pause));
    }

    fn patch(&self, request: &Request) -> String {
        let mut users = lock(&self.users);
        let user = users.entry(request.id.clone()).or_default();
        if request.headers.get("if-match").is_some_and(|tag| *tag != user.tag()) {
            return answer("412 Precondition Failed", &[], "");
        }
        user.came += 1;
        if let Some(key) = request.headers.get("idempotency-key") {
            if user.keys.contains(key) {
                return answer("204 No Content", &[("etag", &user.tag())], "");
            }
            user.keys.push(key.clone());
        }
        user.active = request.body.pointer("/Operations/0/value").and_then(Value::as_bool);
        user.applied += 1;
        answer("204 No Content", &[("etag", &user.tag())], "")
    }

    fn show(&self, id: &str) -> String {
        let user = lock(&self.users).get(id).cloned().unwrap_or_default();
        let shown = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": id, "userName": "somebody@example.com",
            "active": user.active.unwrap_or_else(|| active_at_first(id)),
        });
        let headers = [("etag", user.tag()), ("content-type", "application/scim+json".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        answer("200 OK", &headers, &shown.to_string())
    }
}

impl User {
    fn tag(&self) -> String {
        format!("W/\"{}\"", self.applied)
    }
}

/// Who can be suspended, and who restored: half of all ids each.
pub(crate) fn active_at_first(id: &str) -> bool {
    id.starts_with(|digit: char| digit >= '8')
}

/// An id that looks like any other, with this number in it.
pub(crate) fn id(looks: u64, number: u64) -> String {
    format!("{looks:016x}{number:016x}")
}

fn number(id: &str) -> u64 {
    id.get(16..).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

fn read(stream: &TcpStream) -> Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse::<u64>())?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err("the request ended too early".into());
    }
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Request { method, id, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let line = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
    let lines = headers.iter().map(line).collect::<Vec<_>>().concat();
    let length = if status.starts_with("204") {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    format!("HTTP/1.1 {status}\r\n{lines}{length}connection: close\r\n\r\n{body}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
