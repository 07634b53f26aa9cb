//! Keeps other programs away from the second address of `localhost`.
//!
//! People open the console at `http://localhost:PORT`, because passkeys belong to a name. A browser takes `127.0.0.1`
//! and `[::1]` for that name, and may first try the one at which the host does not listen. Any user of the machine could
//! listen there, ask for tokens, and let passkeys sign on a page with the origin of the host.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpSocket;

/// The beginning of the addresses at which people reach a host by this name.
const NAME: &str = "http://localhost";

/// The socket that keeps the second address; `None` if people do not use the name, or the machine has no such address.
/// It is bound and does not listen, so a browser that connects to it is refused at once and tries the listener.
///
/// # Errors
///
/// Fails when another program has the address.
pub(crate) fn keep(
    listen: SocketAddr,
    public_url: Option<&str>,
) -> Result<Option<TcpSocket>, String> {
    let is_used = public_url.is_some_and(|url| url.to_ascii_lowercase().starts_with(NAME));
    let Some(second) = second(listen).filter(|_| is_used) else { return Ok(None) };
    match bound(second) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(format!(
            "another program has {second}, which browsers may open for `localhost`, so it could get the tokens of \
             people; stop that program, set another port in `listen` under [http] in deed.toml, or set `public_url`"
        )),
        Err(error) => {
            tracing::debug!(%error, "{second} is not kept, because it cannot be bound");
            Ok(None)
        }
    }
}

/// The other address of `localhost`, with the same port.
fn second(listen: SocketAddr) -> Option<SocketAddr> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let other = both.into_iter().find(|ip| *ip != listen.ip())?;
    both.contains(&listen.ip()).then(|| SocketAddr::new(other, listen.port()))
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_address_is_kept_only_for_people_who_use_the_name() {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 7117));
        for url in [None, Some("https://deed.example.com"), Some("http://127.0.0.1:7117")] {
            assert!(keep(listen, url).unwrap().is_none(), "{url:?}");
        }
        assert_eq!(second("127.0.0.2:7".parse().unwrap()), None);
        assert_eq!(second("[::1]:7".parse().unwrap()), Some("127.0.0.1:7".parse().unwrap()));
        assert_eq!(second("127.0.0.1:7".parse().unwrap()), Some("[::1]:7".parse().unwrap()));
    }
}
