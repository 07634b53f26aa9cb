//! Opens one new connection to an upstream, at an address that the operator allows.
//!
//! The connection uses no proxy, no connection pool and no second name resolution, so the host connects to the address
//! that was checked.

mod bounded;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::bounded::Bounded;
use crate::limits;
use crate::upstream::{Upstream, classify};

/// Maximum number of addresses of one name that are tried, in the resolver's order.
const ADDRESSES: usize = 4;

/// The addresses that were checked; the list is never empty, and the host tries them in order.
#[derive(Debug)]
pub(crate) struct Pinned(Vec<SocketAddr>);

/// Resolves the upstream's host name once and returns its first addresses. Fails when the name does not resolve, or when
/// any of its addresses is not allowed.
pub(crate) async fn resolve(upstream: &Upstream) -> Result<Pinned, ConnectError> {
    let name = upstream.name.as_str();
    let mut found = look_up(upstream)
        .await
        .map_err(|source| ConnectError::Resolve { upstream: name.into(), source })?;
    for address in &found {
        check(upstream, *address)?;
    }
    found.truncate(ADDRESSES);
    if found.is_empty() { Err(ConnectError::NoAddress(name.into())) } else { Ok(Pinned(found)) }
}

/// Looks up an upstream's addresses. The system's resolver blocks a thread and cannot be cancelled, so each upstream
/// may use only a few threads while its name server does not answer.
async fn look_up(upstream: &Upstream) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = (upstream.base.host.clone(), upstream.base.port);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let place = upstream.lookups.take().await.map_err(io::Error::other)?;
    let found = tokio::task::spawn_blocking(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(place);
        found
    });
    found.await.map_err(io::Error::other)?
}

/// Connects to one of the pinned addresses and, if the base URL is `https`, completes the TLS handshake. If no
/// connection is established, or not in time, the next address is tried, because no byte of a request was sent. Fails
/// with the error of the last address that was tried.
pub(crate) async fn connect(
    upstream: &Upstream,
    pinned: Pinned,
) -> Result<Box<dyn Stream>, ConnectError> {
    let mut last = ConnectError::NoAddress(upstream.name.clone());
    for address in pinned.0 {
        match dial(upstream, address).await {
            Err(error @ (ConnectError::Connect { .. } | ConnectError::Slow(_))) => last = error,
            ended => return ended,
        }
    }
    Err(last)
}

async fn dial(upstream: &Upstream, address: SocketAddr) -> Result<Box<dyn Stream>, ConnectError> {
    let dial = async {
        let tcp = TcpStream::connect(address)
            .await
            .map_err(|source| ConnectError::Connect { upstream: upstream.name.clone(), source })?;
        // Nagle's algorithm is turned off, because it would only delay a request, which is one small write.
        drop(tcp.set_nodelay(true));
        // The limit on received bytes does not count the overhead of TLS, so that the limit is the same with and
        // without TLS.
        if upstream.base.tls {
            Ok(Box::new(Bounded::new(secure(upstream, tcp).await?)) as Box<dyn Stream>)
        } else {
            Ok(Box::new(Bounded::new(tcp)) as Box<dyn Stream>)
        }
    };
    match tokio::time::timeout(limits::CONNECT, dial).await {
        Ok(connected) => connected,
        Err(_) => Err(ConnectError::Slow(upstream.name.clone())),
    }
}

/// A byte stream in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why no connection was made. In every case, no byte of the request was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("upstream `{upstream}`: its host name does not resolve: {source}")]
    Resolve { upstream: String, source: io::Error },
    #[error("upstream `{0}`: its host name has no address")]
    NoAddress(String),
    #[error(
        "upstream `{upstream}` resolves to a {class} address, which is not allowed; \
         `addresses = [\"{class}\"]` in its configuration would allow it"
    )]
    Class { upstream: String, class: &'static str },
    #[error(
        "upstream `{0}` resolves to an address that the host never connects to (link-local, metadata, multicast or \
         reserved)"
    )]
    Never(String),
    #[error("upstream `{upstream}`: no connection: {source}")]
    Connect { upstream: String, source: io::Error },
    #[error("upstream `{0}`: no connection within 10 s")]
    Slow(String),
    #[error("upstream `{upstream}`: the TLS handshake failed: {source}")]
    Handshake { upstream: String, source: io::Error },
    #[error("upstream `{0}` uses `https` but has no usable TLS configuration")]
    NoTls(String),
}

impl ConnectError {
    /// Whether the host refused the address, as opposed to a network failure.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Class { .. } | Self::Never(_))
    }
}

/// Checks that an address is allowed. The error does not contain the address, because a guest need not know it.
fn check(upstream: &Upstream, address: SocketAddr) -> Result<(), ConnectError> {
    let name = || upstream.name.clone();
    match classify(address.ip()) {
        None => Err(ConnectError::Never(name())),
        Some(class) if upstream.addresses.contains(&class) => Ok(()),
        Some(class) => Err(ConnectError::Class { upstream: name(), class: class.as_str() }),
    }
}

async fn secure(upstream: &Upstream, tcp: TcpStream) -> Result<impl Stream + use<>, ConnectError> {
    let no_tls = || ConnectError::NoTls(upstream.name.clone());
    let config = upstream.tls.as_ref().ok_or_else(no_tls)?;
    let host = ServerName::try_from(upstream.base.host.clone()).map_err(|_no_name| no_tls())?;
    TlsConnector::from(Arc::clone(config))
        .connect(host, tcp)
        .await
        .map_err(|source| ConnectError::Handshake { upstream: upstream.name.clone(), source })
}

#[cfg(test)]
mod tests;
