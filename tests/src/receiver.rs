//! A receiver of webhooks on the loopback device. It records each delivery, and answers as the test says.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::listening::Listening;
use crate::services::Result;
use crate::wait;
use crate::world::{edit, store};

/// The secret of the operators' receiver: 32 bytes in the form of Standard Webhooks.
pub const SECRET: &str = "whsec_ZGVlZC10ZXN0cy1zaWduLXdlYmhvb2tzLTAxMjM0NTY=";
/// The secret of an agent's receiver: a text of another form.
pub const AGENT_SECRET: &str = "a-secret-of-the-receiver-of-an-agent";

/// How a delivery is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With this status, reason and further header lines, such as `500 Internal Server Error`.
    Status(String),
    /// Never: the connection stays open until the receiver is dropped.
    Silence,
}

impl Reply {
    pub fn accept() -> Self {
        Self::status("204 No Content")
    }

    pub fn status(head: &str) -> Self {
        Self::Status(head.to_owned())
    }
}

/// One delivery as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub head: String,
    pub body: String,
}

impl Delivery {
    /// The value of a header; empty if the header is missing.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.trim())
    }

    /// The id of the event.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The time of the attempt in seconds; 0 if it is missing.
    pub fn seconds(&self) -> i64 {
        self.header("webhook-timestamp").parse().unwrap_or_default()
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The text at a JSON pointer of the body; empty if there is none.
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Whether the message reports this event of this action.
    pub fn is(&self, event: &str, action: &str) -> bool {
        self.text("/type") == event && self.text("/data/action") == action
    }
}

/// A running receiver; it stops accepting when dropped.
#[derive(Debug)]
pub struct Receiver {
    listening: Listening,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    deliveries: Mutex<Vec<Delivery>>,
    reply: Mutex<Reply>,
    /// The connections that are never answered.
    held: Mutex<Vec<TcpStream>>,
}

impl Receiver {
    pub fn start() -> Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts at the address of a receiver that was dropped.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            deliveries: Mutex::default(),
            reply: Mutex::new(Reply::accept()),
            held: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let listening = Listening::start(address, move |client| receive(client, &own))?;
        Ok(Self { listening, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address())
    }

    /// Answers later deliveries in this way.
    pub fn reply(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// All deliveries so far, in the order of their arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The deliveries of this event of this action.
    pub fn of(&self, event: &str, action: &str) -> Vec<Delivery> {
        let all = self.deliveries().into_iter();
        all.filter(|one| one.is(event, action)).collect()
    }

    /// Waits until this many deliveries have arrived, and returns all.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Delivery> {
        let what = format!("{count} deliveries");
        wait::answer(&what, || self.deliveries(), |all| all.len() >= count)
    }

    /// Waits for this event of this action, and returns its first delivery.
    #[track_caller]
    pub fn event(&self, event: &str, action: &str) -> Delivery {
        let what = format!("`{event}` of {action}");
        let mut found = wait::answer(&what, || self.of(event, action), |found| !found.is_empty());
        found.swap_remove(0)
    }
}

/// Reads one request, records it, and answers it. The connection ends with the answer.
fn receive(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let delivery = read(&client)?;
    // A test changes the reply after it has seen a delivery, so the reply to that delivery is chosen first.
    let reply = shared.reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.deliveries.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    match reply {
        Reply::Status(head) => {
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            client.write_all(format!("HTTP/1.1 {head}\r\n{end}").as_bytes())
        }
        Reply::Silence => {
            shared.held.lock().unwrap_or_else(PoisonError::into_inner).push(client);
            Ok(())
        }
    }
}

fn read(client: &TcpStream) -> io::Result<Delivery> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut delivery = Delivery { head, body: String::new() };
    let length = delivery.header("content-length").parse().unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    delivery.body = String::from_utf8(body).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(delivery)
}

/// Adds the operators' webhook to `deed.toml`, and stores its secret. `more` has further lines of its table.
pub fn for_operators(dir: &Path, url: &str, more: &str) -> Result<()> {
    let table = format!(
        "[notify]\nurl = \"{url}\"\nsecret = {{ file = \"secrets/notify\" }}\n{more}\n[tenant.acme]\n"
    );
    edit(dir, "deed.toml", "[tenant.acme]\n", &table)?;
    store(dir, "notify", SECRET)
}

/// Adds the webhook of an agent to `deed.toml`, and stores its secret.
pub fn for_agent(dir: &Path, tenant: &str, agent: &str, url: &str) -> Result<()> {
    let file = format!("secrets/{tenant}-{agent}");
    let table = format!(
        "\n[tenant.{tenant}.agent.{agent}.notify]\nurl = \"{url}\"\nsecret = {{ file = \"{file}\" }}\n"
    );
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    fs::write(dir.join("deed.toml"), text + &table)?;
    store(dir, &format!("agent.{agent}.notify"), &format!("{AGENT_SECRET}-{tenant}-{agent}"))
}
