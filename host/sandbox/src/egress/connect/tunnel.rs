//! Asks a proxy for a tunnel to an upstream (RFC 9110 section 9.3.6).
//!
//! The proxy gets the name and the port of the upstream, and its own credential. No part of a request is sent before
//! the tunnel is open and the TLS handshake with the upstream has succeeded. The text of the proxy's answer is never
//! shown.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::upstream::Base;
use crate::upstream::proxy::Proxy;

/// Maximum bytes of the proxy's answer.
const HEAD: usize = 8 << 10;
/// The end of the answer's head.
const END: &[u8] = b"\r\n\r\n";

/// Why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("closed the connection without a complete answer")]
    Closed,
    #[error("sent more than 8 KiB in answer to CONNECT")]
    Long,
    #[error("sent data before the TLS handshake")]
    Early,
    #[error("did not answer with HTTP/1.1; is `proxy` the address of an HTTP proxy?")]
    NoHttp,
    #[error("asks for a credential (407); set `proxy_user` and `proxy_secret`")]
    LoginMissing,
    #[error("refused the credential `{0}` ({1}); correct the secret or `proxy_user`")]
    LoginRefused(String, u16),
    #[error(
        "answered CONNECT with status {0}; only 200 opens a tunnel, so allow this host and port there"
    )]
    Status(u16),
}

/// Asks for a tunnel to the host and port of this base URL over a new connection to the proxy. On success, the next
/// byte on the connection belongs to the upstream.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    proxy: &Proxy,
    to: &Base,
) -> Result<(), TunnelError> {
    let request = match &proxy.login {
        None => request(to, None),
        Some(login) => request(to, Some(&login.pair(&login.secret.current().await))),
    };
    stream.write_all(request.as_bytes()).await.map_err(|_closed| TunnelError::Closed)?;
    stream.flush().await.map_err(|_closed| TunnelError::Closed)?;
    let (head, is_all) = head(stream).await?;
    match status(&head).ok_or(TunnelError::NoHttp)? {
        200 if is_all => Ok(()),
        200 => Err(TunnelError::Early),
        other => Err(refused(other, proxy)),
    }
}

/// Some proxies refuse a wrong credential with 401, which is the status of origin servers (RFC 9110 section 15.5.2).
fn refused(status: u16, proxy: &Proxy) -> TunnelError {
    match (status, &proxy.login) {
        (401 | 407, Some(login)) => {
            TunnelError::LoginRefused(login.secret.name().to_owned(), status)
        }
        (407, None) => TunnelError::LoginMissing,
        _ => TunnelError::Status(status),
    }
}

/// The request in `authority-form`, which always has a port.
fn request(to: &Base, credentials: Option<&str>) -> Zeroizing<String> {
    let place = Place(to);
    let mut text = Zeroizing::new(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"));
    if let Some(coded) = credentials {
        // A text that grows later would leave a copy of the credential in memory.
        text.reserve(coded.len().saturating_add(64));
        text.push_str("Proxy-Authorization: Basic ");
        text.push_str(coded);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text
}

struct Place<'a>(&'a Base);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Base { host, port, .. } = self.0;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Reads the head of the answer, and returns whether nothing came after it. The upstream does not speak before the host
/// has begun the TLS handshake, so bytes that come with the head are the proxy's own, such as the page of a refusal. They
/// must not reach the handshake. Bytes that come later do, and end it with an error, because only the upstream can take
/// part in it.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Vec<u8>, bool), TunnelError> {
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    loop {
        let came = stream.read(&mut part).await.map_err(|_closed| TunnelError::Closed)?;
        if came == 0 {
            return Err(TunnelError::Closed);
        }
        head.extend_from_slice(part.get(..came).unwrap_or_default());
        if head.len() > HEAD {
            return Err(TunnelError::Long);
        }
        if let Some(at) = head.windows(END.len()).position(|bytes| bytes == END) {
            let is_all = at.saturating_add(END.len()) == head.len();
            return Ok((head, is_all));
        }
    }
}

/// The status of an answer in HTTP/1.0 or HTTP/1.1 (RFC 9112 section 4). A successful answer to CONNECT has no body,
/// whatever its headers say, so the headers are not read.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let ends = after.first().is_none_or(|byte| *byte == b' ');
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (ends && is_number && status >= 100).then_some(status)
}

#[cfg(test)]
mod tests;
