//! An HTTP proxy that opens tunnels to one server, whatever name it is asked for, or misbehaves on purpose.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::proxy::wire::PATIENCE;
use crate::record::{Gate, Stop};
use crate::services::Result;

/// What the proxy does with a request for a tunnel.
#[derive(Debug, Clone)]
pub enum Reply {
    Tunnel,
    /// Sends these bytes and waits until the client disconnects.
    Says(Vec<u8>),
    /// Sends these bytes again and again until the client disconnects.
    Repeats(Vec<u8>, Duration),
    /// Sends these bytes and disconnects.
    Closes(Vec<u8>),
    /// Waits at this point until the test releases it, and is then a tunnel. [`ConnectProxy::hold`] makes this reply.
    Held(Hold, Gate),
}

/// The points at which a tunnel can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The request for the tunnel has arrived and is not answered.
    Asked,
    /// The tunnel is open, and no byte passes, so the TLS handshake does not end.
    Open,
}

/// A proxy on a loopback port; it stops accepting when dropped.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    next: Mutex<VecDeque<Reply>>,
    /// The reply when `next` is empty.
    usual: Mutex<Reply>,
    asked: Mutex<Vec<String>>,
    /// Bytes that clients sent after their requests for a tunnel.
    carried: Mutex<Vec<u8>>,
    stopped: AtomicBool,
}

impl ConnectProxy {
    /// Starts a proxy whose tunnels all lead to this address.
    pub fn start(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            to,
            next: Mutex::default(),
            usual: Mutex::new(Reply::Tunnel),
            asked: Mutex::default(),
            carried: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let proxy = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // Errors are ignored, because clients disconnect on purpose.
                thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Ok(proxy)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The reply to the next request, before the usual one.
    pub fn next(&self, reply: Reply) {
        lock(&self.shared.next).push_back(reply);
    }

    /// The reply to all requests for which there is no other.
    pub fn usually(&self, reply: Reply) {
        *lock(&self.shared.usual) = reply;
    }

    /// Opens the next `skip` tunnels, and holds the one after them back at this point until the test releases it.
    pub fn hold(&self, skip: usize, at: Hold) -> Stop {
        let gate = Gate::default();
        let mut next = lock(&self.shared.next);
        next.extend(std::iter::repeat_n(Reply::Tunnel, skip));
        next.push_back(Reply::Held(at, gate.clone()));
        Stop::new(gate)
    }

    /// The requests for tunnels, as they arrived.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }

    /// What clients sent after their requests since the last call.
    pub fn carried(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.shared.carried))
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // This connection wakes the accepting thread, which then closes the port.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.extend(byte);
        }
        lock(&self.asked).push(String::from_utf8_lossy(&head).into_owned());
        let next = lock(&self.next).pop_front();
        match next.unwrap_or_else(|| lock(&self.usual).clone()) {
            Reply::Tunnel => self.tunnel(client, None),
            Reply::Held(Hold::Asked, gate) if gate.pass() => self.tunnel(client, None),
            Reply::Held(Hold::Asked, _) => Ok(()),
            Reply::Held(Hold::Open, gate) => self.tunnel(client, Some(&gate)),
            Reply::Says(bytes) => {
                client.write_all(&bytes)?;
                self.carry(&mut client, |_| Ok(()))
            }
            Reply::Repeats(bytes, pause) => loop {
                client.write_all(&bytes)?;
                thread::sleep(pause);
            },
            Reply::Closes(bytes) => Ok(client.write_all(&bytes)?),
        }
    }

    fn tunnel(&self, mut client: TcpStream, gate: Option<&Gate>) -> Result<()> {
        let mut server = TcpStream::connect(self.to)?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        if gate.is_some_and(|gate| !gate.pass()) {
            return Ok(());
        }
        let (mut from, mut back) = (server.try_clone()?, client.try_clone()?);
        let answers = thread::spawn(move || {
            std::io::copy(&mut from, &mut back).ok();
            back.shutdown(Shutdown::Write).ok();
        });
        self.carry(&mut client, |bytes| Ok(server.write_all(bytes)?)).ok();
        server.shutdown(Shutdown::Write).ok();
        answers.join().ok();
        Ok(())
    }

    /// Reads what the client sends until it disconnects.
    fn carry(
        &self,
        client: &mut TcpStream,
        mut pass: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = [0; 4096];
        loop {
            let came = client.read(&mut bytes)?;
            let part = bytes.get(..came).unwrap_or_default();
            if part.is_empty() {
                return Ok(());
            }
            lock(&self.carried).extend_from_slice(part);
            pass(part)?;
        }
    }
}

/// A panic while the lock was held leaves no partial state here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
