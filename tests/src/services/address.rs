//! Free ports for servers that are told their port before they bind it.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    ops::Range,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Ports below the range from which Linux takes the port of a socket that asks for any (`ip_local_port_range`, from
/// 32768 by default). So no listener at port 0 and no connection of a parallel test takes one of these ports.
const PORTS: Range<u16> = 20_000..32_000;

/// How many ports of this process were given out.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A loopback address whose port was free at `127.0.0.1` and at `::1` a moment ago. Each call in one process gives another
/// port, and two processes begin at different ports.
pub fn free_address() -> io::Result<SocketAddr> {
    for _ in PORTS {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, next_port()));
        if is_free(address.port()) {
            return Ok(address);
        }
    }
    let message = format!("no port from {} to {} is free", PORTS.start, PORTS.end - 1);
    Err(io::Error::new(io::ErrorKind::AddrInUse, message))
}

fn next_port() -> u16 {
    let size = u32::from(PORTS.end - PORTS.start);
    // A prime step puts processes with adjacent identifiers far from each other.
    let place = process::id().wrapping_mul(1_009);
    let place = place.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed).into());
    PORTS.start + u16::try_from(place % size).unwrap_or_default()
}

fn is_free(port: u16) -> bool {
    let free = |error: io::Error| error.kind() != io::ErrorKind::AddrInUse;
    let here = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    // A machine without IPv6 refuses the second address for another reason.
    here.is_ok() && TcpListener::bind((Ipv6Addr::LOCALHOST, port)).err().is_none_or(free)
}
