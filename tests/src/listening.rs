//! A listener that serves each connection in a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::services::Result;

/// A running listener; it stops accepting when dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Listening {
    /// Listens at this address; the system chooses the port if it is 0. An error of `serve` ends its connection only.
    pub(crate) fn start<S>(address: SocketAddr, serve: S) -> Result<Self>
    where
        S: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (ends, serve) = (Arc::clone(&stopped), Arc::new(serve));
        let accepting = Some(thread::spawn(move || accept(&listener, &serve, &ends)));
        Ok(Self { address, stopped, accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // This connection wakes the accepting thread, which then ends and releases the address.
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn accept<S>(listener: &TcpListener, serve: &Arc<S>, stopped: &AtomicBool)
where
    S: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
{
    for client in listener.incoming().map_while(io::Result::ok) {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let serve = Arc::clone(serve);
        thread::spawn(move || serve(client).ok());
    }
}
