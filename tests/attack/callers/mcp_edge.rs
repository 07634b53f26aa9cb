//! Attacks on the checks before MCP messages and on the resources that messages take.

mod crowds;
mod messages;
mod names;

use deed_tests::world::World;

use super::wire::{Said, address, bearer, exchange};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "mcp-under-another-name" => messages::host_names,
        "mcp-headers-that-say-something-else" => messages::other_headers,
        "mcp-bodies-that-are-no-message" => messages::bodies,
        "mcp-cancels-requests-of-others" => messages::cancels,
        "mcp-ten-thousand-connections" => crowds::idle_connections,
        "mcp-slow-loris" => crowds::slow_loris,
        "mcp-storms-of-cancelled-calls" => crowds::storms,
        "mcp-tools-with-the-same-name" => names::meeting,
        "mcp-contracts-named-like-tools-of-the-host" => names::shadows,
    ]
}

/// A request to the MCP server with these header lines instead of `Host`, and with a token.
fn raw(hosts: &[&str], token: &str, body: &[u8]) -> Vec<u8> {
    let mut head = "POST /mcp HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
                    Accept: application/json, text/event-stream\r\n"
        .to_owned();
    for line in hosts.iter().copied().chain([bearer(token).as_str()]) {
        head.extend([line, "\r\n"]);
    }
    head.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n"]);
    [head.as_bytes(), body].concat()
}

/// The `Host` line with the address of the host.
fn own_host(world: &World) -> String {
    format!("Host: {}", address(world))
}

fn say(world: &World, hosts: &[&str], token: &str, body: &str) -> Said {
    exchange(address(world), &raw(hosts, token, body.as_bytes()))
}
