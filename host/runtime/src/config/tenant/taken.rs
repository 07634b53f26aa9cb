//! Headers that belong to the host.

/// Headers that the host itself sets, or that belong to the connection (RFC 9110, RFC 9112).
pub(super) const TAKEN: [&str; 15] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "if-match",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
