//! An SMTP relay on the loopback device. It records each message, and answers as the test says.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::listening::Listening;
use crate::services::Result;
use crate::wait;
use crate::world::edit;

/// The pause after each byte of a relay that drips.
const DRIP: Duration = Duration::from_millis(200);
/// The answers to EHLO, AUTH, MAIL, RCPT, DATA and the message.
const EARLY: &[u8] =
    b"250-relay.example.com\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 fine\r\n250 fine\r\n\
                       354 go ahead\r\n250 taken\r\n";

/// How the relay answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    Accept,
    /// With this line to each receiver, such as `550 no such user`.
    Refuse(String),
    /// With this line to a message that it read completely.
    Reject(String),
    /// Never: the connection stays open until the relay is dropped.
    Silence,
    /// With lines that never end.
    Flood,
    /// With one byte at a time of a line that never ends.
    Drip,
    /// With the answers to commands that come after TLS, sent before TLS begins.
    Early,
}

/// A message as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    pub from: String,
    pub to: String,
    /// The headers and the body, without the dots that SMTP adds.
    pub data: String,
    /// The user and the password of AUTH PLAIN, each after a NUL.
    pub login: String,
    /// Whether it arrived over TLS.
    pub is_secure: bool,
}

/// A running relay; it stops accepting when dropped.
#[derive(Debug)]
pub struct Relay {
    listening: Listening,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The configuration of TLS, if the relay offers STARTTLS.
    tls: Option<Arc<ServerConfig>>,
    letters: Mutex<Vec<Letter>>,
    /// The lines that arrived without TLS, except for the lines of messages.
    clear: Mutex<Vec<String>>,
    manner: Mutex<Manner>,
    held: Mutex<Vec<TcpStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Starts a relay, which offers STARTTLS if it has a configuration of TLS.
    pub fn start(tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let shared = Arc::new(Shared {
            tls,
            letters: Mutex::default(),
            clear: Mutex::default(),
            manner: Mutex::new(Manner::Accept),
            held: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listening = Listening::start(address, move |client| serve(client, &own))?;
        Ok(Self { listening, shared })
    }

    pub fn port(&self) -> u16 {
        self.listening.address().port()
    }

    /// Answers later sessions in this way.
    pub fn manner(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// All messages so far, in the order of their arrival.
    pub fn letters(&self) -> Vec<Letter> {
        lock(&self.shared.letters).clone()
    }

    /// The messages to this address.
    pub fn to(&self, address: &str) -> Vec<Letter> {
        self.letters().into_iter().filter(|one| one.to == address).collect()
    }

    /// The commands that arrived without TLS.
    pub fn in_clear(&self) -> Vec<String> {
        lock(&self.shared.clear).clone()
    }

    /// Waits until this many messages have arrived for the address, and returns all of them.
    #[track_caller]
    pub fn wait_for(&self, address: &str, count: usize) -> Vec<Letter> {
        let what = format!("{count} messages for {address}");
        wait::answer(&what, || self.to(address), |all| all.len() >= count)
    }
}

/// Serves one session.
fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let manner = lock(&shared.manner).clone();
    if manner == Manner::Silence {
        lock(&shared.held).push(client);
        return Ok(());
    }
    if manner == Manner::Flood {
        loop {
            client.write_all(&[b'2'; 4_096])?;
        }
    }
    if manner == Manner::Drip {
        loop {
            client.write_all(b"2")?;
            thread::sleep(DRIP);
        }
    }
    client.write_all(b"220 relay.example.com ESMTP\r\n")?;
    let mut session = Session { shared, manner, letter: Letter::default() };
    if session.talk(&mut client)? {
        let Some(tls) = &shared.tls else { return Ok(()) };
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        let mut secured = StreamOwned::new(connection, client);
        session.letter.is_secure = true;
        session.talk(&mut secured)?;
    }
    Ok(())
}

struct Session<'a> {
    shared: &'a Shared,
    manner: Manner,
    letter: Letter,
}

impl Session<'_> {
    /// Answers commands until the session ends. Returns whether the client asked for TLS.
    fn talk(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        loop {
            let line = line(stream)?;
            if !self.letter.is_secure {
                lock(&self.shared.clear).push(line.clone());
            }
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let reply = match verb {
                "EHLO" => self.offers(),
                "STARTTLS" => {
                    let early: &[u8] = if self.manner == Manner::Early { EARLY } else { b"" };
                    stream.write_all(&[b"220 go ahead\r\n".as_slice(), early].concat())?;
                    return Ok(true);
                }
                "AUTH" => self.log_in(rest),
                "MAIL" => address(rest, &mut self.letter.from),
                "RCPT" => match &self.manner {
                    Manner::Refuse(reply) => format!("{reply}\r\n"),
                    _ => address(rest, &mut self.letter.to),
                },
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n")?;
                    self.letter.data = data(stream)?;
                    self.take()
                }
                "QUIT" => return Ok(false),
                _ => "500 what\r\n".to_owned(),
            };
            stream.write_all(reply.as_bytes())?;
            stream.flush()?;
        }
    }

    fn offers(&self) -> String {
        let secure = self.letter.is_secure;
        let starttls = if self.shared.tls.is_some() && !secure { "250-STARTTLS\r\n" } else { "" };
        format!("250-relay.example.com\r\n{starttls}250-AUTH LOGIN PLAIN\r\n250 8BITMIME\r\n")
    }

    fn log_in(&mut self, rest: &str) -> String {
        let decoded = rest.strip_prefix("PLAIN ").and_then(|text| STANDARD.decode(text).ok());
        self.letter.login = String::from_utf8(decoded.unwrap_or_default()).unwrap_or_default();
        "235 welcome\r\n".to_owned()
    }

    fn take(&self) -> String {
        if let Manner::Reject(reply) = &self.manner {
            return format!("{reply}\r\n");
        }
        lock(&self.shared.letters).push(self.letter.clone());
        "250 taken\r\n".to_owned()
    }
}

/// Keeps the address between the angle brackets.
fn address(rest: &str, kept: &mut String) -> String {
    let inner = rest.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    inner.unwrap_or_default().clone_into(kept);
    "250 fine\r\n".to_owned()
}

/// Reads a line, byte by byte, because bytes after the line may belong to TLS.
fn line(stream: &mut impl Read) -> io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(io::Error::other)
}

fn data(stream: &mut impl Read) -> io::Result<String> {
    let mut data = String::new();
    loop {
        let line = line(stream)?;
        if line == "." {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
}

/// The address of a person of tenant `acme`.
pub fn address_of(person: &str) -> String {
    format!("{person}@people.example.com")
}

/// Gives each person of tenant `acme` an address, and the tenant this table `[tenant.acme.notify]`.
pub fn for_people(dir: &Path, table: &str) -> Result<()> {
    let head = "[tenant.acme.upstream.idp]\n";
    edit(dir, "deed.toml", head, &format!("[tenant.acme.notify]\n{table}\n{head}"))?;
    for person in ["alice", "bob", "carol"] {
        let head = format!("[tenant.acme.person.{person}]\n");
        let email = format!("{head}email = \"{}\"\n", address_of(person));
        edit(dir, "deed.toml", &head, &email)?;
    }
    let http = "[http]\npublic_url = \"http://localhost:18480\"\n";
    edit(dir, "deed.toml", "[http]\n", http)
}

/// The line of a table for a relay at this port, with these further fields.
pub fn smtp(port: u16, more: &str) -> String {
    format!(
        "smtp = {{ host = \"127.0.0.1\", port = {port}, from = \"deed@host.example.com\"{more} }}\n"
    )
}
