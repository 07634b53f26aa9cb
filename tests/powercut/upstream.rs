//! The system of record: a small SCIM directory over real sockets in which every id is a user. The directory counts the
//! writes that it applied for each user, and pauses briefly before and after a write.
//!
//! Power cuts do not affect the system of record: every applied write stays applied.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use deed_tests::hostile;
use deed_tests::proxy::{Recorded, wire};
use deed_tests::rng::Rng;
use deed_tests::services::Result;
use serde_json::{Value, json};

/// The longest pause before or after a write, in milliseconds.
const PAUSE_MS: u64 = 15;

/// A directory on a loopback port; it stops accepting when dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    users: Mutex<BTreeMap<String, User>>,
    rng: Mutex<Rng>,
    stopped: AtomicBool,
}

/// The writes to a user, and the user's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    active: Option<bool>,
    /// Writes that arrived and were not refused, whatever happened to their answers.
    pub(crate) came: u64,
    /// The number of writes that were applied.
    pub(crate) applied: u64,
    /// The idempotency keys that were used. Writes with the same key are applied only once.
    keys: Vec<String>,
}

impl Upstream {
    pub(crate) fn start(seed: u64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            users: Mutex::default(),
            rng: Mutex::new(Rng::new(seed)),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let served = Arc::clone(&served);
                // Errors are ignored, because this test makes callers disconnect in the middle of a request.
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

    /// The changed users whose number is at least `first`.
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
        // This connection wakes the listener, which then notices that it has to stop.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn talk(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(wire::PATIENCE))?;
        stream.set_nodelay(true)?;
        let request = wire::read_request(&stream)?;
        let id = request.path.rsplit('/').next().unwrap_or_default();
        let answer = if request.method == "PATCH" {
            self.pause();
            let answer = self.patch(id, &request);
            self.pause();
            answer
        } else {
            self.show(id)
        };
        stream.write_all(&answer)?;
        Ok(())
    }

    fn pause(&self) {
        let pause = lock(&self.rng).below(PAUSE_MS);
        thread::sleep(Duration::from_millis(pause));
    }

    fn patch(&self, id: &str, request: &Recorded) -> Vec<u8> {
        let mut users = lock(&self.users);
        let user = users.entry(id.to_owned()).or_default();
        if request.header("if-match").is_some_and(|tag| tag != user.tag()) {
            return answer("412 Precondition Failed", &user.tag(), "");
        }
        user.came += 1;
        if let Some(key) = request.header("idempotency-key") {
            if user.keys.iter().any(|known| known == key) {
                return answer("204 No Content", &user.tag(), "");
            }
            user.keys.push(key.to_owned());
        }
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        user.active = body.pointer("/Operations/0/value").and_then(Value::as_bool);
        user.applied += 1;
        answer("204 No Content", &user.tag(), "")
    }

    fn show(&self, id: &str) -> Vec<u8> {
        let user = lock(&self.users).get(id).cloned().unwrap_or_default();
        let shown = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": id, "userName": "somebody@example.com",
            "active": user.active.unwrap_or_else(|| active_at_first(id)),
        });
        answer("200 OK", &user.tag(), &shown.to_string())
    }
}

impl User {
    fn tag(&self) -> String {
        format!("W/\"{}\"", self.applied)
    }
}

/// Whether the user is active at first and can therefore be suspended. A user who is not active at first can be
/// restored. Half of all ids belong to each group.
pub(crate) fn active_at_first(id: &str) -> bool {
    id.starts_with(|digit: char| digit >= '8')
}

/// An id that contains this number but looks like any other id.
pub(crate) fn id(looks: u64, number: u64) -> String {
    format!("{looks:016x}{number:016x}")
}

fn number(id: &str) -> u64 {
    id.get(16..).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

/// A complete HTTP answer. A 204 answer has no content length, and only an answer with a body has a content type.
fn answer(status: &str, tag: &str, body: &str) -> Vec<u8> {
    let head = format!("{status}\r\netag: {tag}\r\nconnection: close");
    if status.starts_with("204") {
        return format!("HTTP/1.1 {head}\r\n\r\n").into_bytes();
    }
    let kind = if body.is_empty() { "" } else { "\r\ncontent-type: application/scim+json" };
    hostile::answer(&format!("{head}{kind}"), body)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
