//! The upstream `office`, and open contracts for it with their adapters: a document that is read and put back, a thing
//! whose id later writes contain, and a group with members on many pages.
//!
//! The upstream logs the writes that it applied. Tests read the log and the data over a connection of their own.

mod case;
mod data;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use deed_tests::client::Client;
use serde_json::{Value, json};

pub use self::case::Case;
use self::data::Data;
use crate::upstream::{Reply, Request, Upstream};

/// The upstream. Its document is `d-1`, its kits are `k-1` (with a label) and `k-2`, and its group is `staff`. The group
/// has 3000 members, of which seven are outside of the domain `example.com`.
#[derive(Debug)]
pub struct Office {
    pub upstream: Upstream,
    data: Arc<Mutex<Data>>,
    is_holding: Arc<AtomicBool>,
}

/// What happens to one request instead of its usual answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request has no effect, and is answered with this status.
    Refuse(u16),
    /// The write is applied, and its answer is lost.
    LoseAnswer,
    /// Another client changes the text of the document directly before the write arrives.
    EditFirst,
    /// The write is neither applied nor answered until [`Office::release`]; then the connection is closed.
    Hold,
    /// The write is applied at [`Office::release`], and its answer is lost.
    Late,
    /// The request gets its usual answer, so that the next fault meets a later request.
    Pass,
}

impl Office {
    pub fn open() -> Self {
        let data = Arc::new(Mutex::new(Data::new()));
        let is_holding = Arc::new(AtomicBool::new(false));
        let (served, held) = (Arc::clone(&data), Arc::clone(&is_holding));
        let upstream = Upstream::start(move |request| answer(&served, &held, request));
        Self { upstream, data, is_holding }
    }

    /// The next request with this method, whose path begins with `start`, meets this fault.
    pub fn next(&self, method: &'static str, start: &'static str, fault: Fault) {
        if matches!(fault, Fault::Hold | Fault::Late) {
            self.is_holding.store(true, Ordering::SeqCst);
        }
        locked(&self.data).faults.push((method, start, fault));
    }

    /// Ends a [`Fault::Hold`] or a [`Fault::Late`].
    pub fn release(&self) {
        self.is_holding.store(false, Ordering::SeqCst);
    }

    /// Changes the document as another client would: it gets another entity tag.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        locked(&self.data).edit(change);
    }

    /// Counts a view of the document. Its entity tag stays the same.
    pub fn view(&self) {
        locked(&self.data).view();
    }

    /// Adds this many members from outside of the domain `example.com` to the group.
    pub fn add_outsiders(&self, count: usize) {
        locked(&self.data).add_outsiders(count);
    }

    /// The body of the answer to a GET, over a connection of its own.
    pub fn get(&self, path: &str) -> Value {
        let url = format!("http://{}", self.upstream.address);
        Client::new(&url, "").get(path).unwrap().json()
    }

    /// The writes that were applied, as `METHOD /path`, from the log of the upstream.
    pub fn applied(&self) -> Vec<String> {
        let line = |one: &Value| one["request"].as_str().unwrap().to_owned();
        self.log().iter().map(line).collect()
    }

    /// The bodies of the writes that were applied.
    pub fn bodies(&self) -> Vec<Value> {
        self.log().iter().map(|one| one["body"].clone()).collect()
    }

    fn log(&self) -> Vec<Value> {
        self.get("/log").as_array().unwrap().clone()
    }

    /// How many GETs with this path and query have arrived.
    pub fn reads(&self, target: &str) -> usize {
        let seen = self.upstream.seen();
        seen.iter().filter(|one| one.method == "GET" && one.target == target).count()
    }
}

fn answer(data: &Mutex<Data>, is_holding: &AtomicBool, request: &Request) -> Reply {
    let fault = locked(data).fault(request);
    match fault {
        Some(Fault::Refuse(status)) => Reply::json(status, json!({})),
        Some(Fault::LoseAnswer) => {
            locked(data).reply(request);
            Reply::empty(0)
        }
        Some(Fault::EditFirst) => {
            let mut data = locked(data);
            data.edit(|document| document["text"] = json!("Somebody else was here."));
            data.reply(request)
        }
        Some(fault @ (Fault::Hold | Fault::Late)) => {
            while is_holding.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            if fault == Fault::Late {
                locked(data).reply(request);
            }
            Reply::empty(0)
        }
        Some(Fault::Pass) | None => locked(data).reply(request),
    }
}

fn locked(data: &Mutex<Data>) -> MutexGuard<'_, Data> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}
