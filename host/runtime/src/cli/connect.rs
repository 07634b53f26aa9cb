//! How a client of MCP is connected to a host.

use std::net::SocketAddr;

use super::quote::quoted;

/// The base URL under which agents reach a host. The name of a proxy in front of the host is not known.
pub(super) fn address(listen: SocketAddr, behind_proxy: bool) -> String {
    if behind_proxy { "https://HOST".to_owned() } else { format!("http://{listen}") }
}

/// An example: the command with which one client adds a host. The token is in a variable, so that it is not in the
/// history of the shell.
pub(super) fn example(address: &str) -> String {
    let url = quoted(&format!("{address}/mcp"));
    format!(
        "claude mcp add --transport http deed {url} --header \"Authorization: Bearer $DEED_TOKEN\""
    )
}
