//! Opens one new connection to an upstream, at an address that the operator allows.
//!
//! The connection uses no connection pool and no second name resolution, so the host connects to the address that was
//! checked. If the operator configured a proxy for the upstream, that address is the proxy's, and the proxy resolves
//! the upstream's name. No other proxy is used, whatever the environment says.

mod bounded;
mod tunnel;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::{fmt, io};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::bounded::Bounded;
use self::tunnel::TunnelError;
use crate::limits;
use crate::upstream::client_certificate::refusal;
use crate::upstream::{AddressClass, Base, Lookups, Upstream, classify};

/// Maximum number of addresses of one name that are tried, in the resolver's order.
const ADDRESSES: usize = 4;

/// The addresses that were checked; the list is never empty, and the host tries them in order.
#[derive(Debug)]
pub(crate) struct Pinned(Vec<SocketAddr>);

impl Pinned {
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

/// An open connection, with what the host learned about the other end.
pub(crate) struct Reached {
    pub(crate) stream: Box<dyn Stream>,
    /// The address of the upstream, or of its proxy.
    pub(crate) address: SocketAddr,
    /// The upstream's own certificate, which was checked; `None` without TLS.
    pub(crate) certificate: Option<CertificateDer<'static>>,
}

/// The party at the other end of the TCP connection: the upstream, or its proxy.
struct Hop<'a> {
    upstream: &'a str,
    is_proxy: bool,
    base: &'a Base,
    addresses: &'a BTreeSet<AddressClass>,
    lookups: &'a Lookups,
}

impl<'a> Hop<'a> {
    fn of(upstream: &'a Upstream) -> Self {
        let name = upstream.name.as_str();
        match &upstream.proxy {
            None => Self {
                upstream: name,
                is_proxy: false,
                base: &upstream.base,
                addresses: &upstream.addresses,
                lookups: &upstream.lookups,
            },
            Some(proxy) => Self {
                upstream: name,
                is_proxy: true,
                base: &proxy.base,
                addresses: &proxy.addresses,
                lookups: &proxy.lookups,
            },
        }
    }

    /// The field of `deed.toml` that allows classes of addresses.
    fn key(&self) -> &'static str {
        if self.is_proxy { "proxy_addresses" } else { "addresses" }
    }
}

impl fmt::Display for Hop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = if self.is_proxy { "the proxy of upstream" } else { "upstream" };
        write!(f, "{of} `{}`", self.upstream)
    }
}

/// Resolves the host name of the upstream, or of its proxy, once and returns its first addresses. Fails when the name
/// does not resolve, or when any of its addresses is not allowed.
pub(crate) async fn resolve(upstream: &Upstream) -> Result<Pinned, ConnectError> {
    let hop = Hop::of(upstream);
    let mut found = look_up(&hop)
        .await
        .map_err(|source| ConnectError::Resolve { hop: hop.to_string(), source })?;
    for address in &found {
        check(&hop, *address)?;
    }
    found.truncate(ADDRESSES);
    if found.is_empty() { Err(ConnectError::NoAddress(hop.to_string())) } else { Ok(Pinned(found)) }
}

/// Looks up the addresses of a host name. The system's resolver blocks a thread and cannot be cancelled, so each
/// upstream may use only a few threads while its name server does not answer.
async fn look_up(hop: &Hop<'_>) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = (hop.base.host.clone(), hop.base.port);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let place = hop.lookups.take().await.map_err(io::Error::other)?;
    let found = tokio::task::spawn_blocking(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(place);
        found
    });
    found.await.map_err(io::Error::other)?
}

/// Connects to one of the pinned addresses and, if the base URL is `https`, completes the TLS handshake with the
/// upstream, through the tunnel of a proxy if there is one. If no
/// connection is established, or not in time, the next address is tried, because no byte of a request was sent. Fails
/// with the error of the last address that was tried.
pub(crate) async fn connect(
    upstream: &Upstream,
    pinned: Pinned,
) -> Result<Box<dyn Stream>, ConnectError> {
    reach(upstream, pinned).await.map(|reached| reached.stream)
}

/// Connects like [`connect`], and also says where the connection leads.
pub(crate) async fn reach(upstream: &Upstream, pinned: Pinned) -> Result<Reached, ConnectError> {
    let mut last = ConnectError::NoAddress(Hop::of(upstream).to_string());
    for address in pinned.0 {
        match dial(upstream, address).await {
            Err(error @ (ConnectError::Connect { .. } | ConnectError::Slow(_))) => last = error,
            ended => return ended,
        }
    }
    Err(last)
}

async fn dial(upstream: &Upstream, address: SocketAddr) -> Result<Reached, ConnectError> {
    let hop = Hop::of(upstream);
    let dial = async {
        let mut tcp = TcpStream::connect(address)
            .await
            .map_err(|source| ConnectError::Connect { hop: hop.to_string(), source })?;
        // Nagle's algorithm is turned off, because it would only delay a request, which is one small write.
        drop(tcp.set_nodelay(true));
        through_proxy(upstream, &mut tcp).await?;
        // The limit on received bytes does not count the overhead of TLS, so that the limit is the same with and
        // without TLS.
        if upstream.base.tls {
            let tls = secure(upstream, tcp).await?;
            let chain = tls.get_ref().1.peer_certificates();
            let certificate = chain.and_then(|chain| chain.first()).cloned();
            let stream: Box<dyn Stream> = Box::new(Bounded::new(tls));
            Ok(Reached { stream, address, certificate })
        } else {
            let stream: Box<dyn Stream> = Box::new(Bounded::new(tcp));
            Ok(Reached { stream, address, certificate: None })
        }
    };
    match tokio::time::timeout(limits::CONNECT, dial).await {
        Ok(connected) => connected,
        Err(_) => Err(ConnectError::Slow(hop.to_string())),
    }
}

/// Opens a tunnel to the upstream, if the connection leads to its proxy.
async fn through_proxy(upstream: &Upstream, tcp: &mut TcpStream) -> Result<(), ConnectError> {
    let Some(proxy) = &upstream.proxy else { return Ok(()) };
    if !upstream.base.tls {
        return Err(ConnectError::Clear(upstream.name.clone()));
    }
    tunnel::open(tcp, proxy, &upstream.base)
        .await
        .map_err(|source| ConnectError::Tunnel { upstream: upstream.name.clone(), source })
}

/// A byte stream in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why no connection was made. In every case, no byte of the request was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{hop}: its host name does not resolve: {source}")]
    Resolve { hop: String, source: io::Error },
    #[error("{0}: its host name has no address")]
    NoAddress(String),
    #[error(
        "{hop} resolves to a {class} address, which is not allowed; \
         `{key} = [\"{class}\"]` in its configuration would allow it"
    )]
    Class { hop: String, key: &'static str, class: &'static str },
    #[error(
        "{0} resolves to an address that the host never connects to (link-local, metadata, multicast or reserved)"
    )]
    Never(String),
    #[error("{hop}: no connection: {source}")]
    Connect { hop: String, source: io::Error },
    #[error("{0}: no connection within 10 s")]
    Slow(String),
    #[error("the proxy of upstream `{upstream}` {source}")]
    Tunnel { upstream: String, source: TunnelError },
    #[error("upstream `{0}` has a proxy but no `https` URL; a proxy is used only with TLS")]
    Clear(String),
    /// `remedy` begins with a semicolon if it is not empty.
    #[error("upstream `{upstream}`: the TLS handshake failed: {source}{remedy}")]
    Handshake { upstream: String, source: io::Error, remedy: String },
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
fn check(hop: &Hop<'_>, address: SocketAddr) -> Result<(), ConnectError> {
    match classify(address.ip()) {
        None => Err(ConnectError::Never(hop.to_string())),
        Some(class) if hop.addresses.contains(&class) => Ok(()),
        Some(class) => {
            let (hop, key) = (hop.to_string(), hop.key());
            Err(ConnectError::Class { hop, key, class: class.as_str() })
        }
    }
}

async fn secure(upstream: &Upstream, tcp: TcpStream) -> Result<TlsStream<TcpStream>, ConnectError> {
    let no_tls = || ConnectError::NoTls(upstream.name.clone());
    let config = upstream.tls.as_ref().ok_or_else(no_tls)?;
    let host = ServerName::try_from(upstream.base.host.clone()).map_err(|_no_name| no_tls())?;
    TlsConnector::from(Arc::clone(config)).connect(host, tcp).await.map_err(|source| {
        let remedy = refusal::of_error(upstream.client_certificate.as_deref(), &source);
        let remedy = remedy.map(|text| format!("; {text}")).unwrap_or_default();
        ConnectError::Handshake { upstream: upstream.name.clone(), source, remedy }
    })
}

#[cfg(test)]
mod tests;
