//! Tests of requests that are answered before their body was read. The answer says that the connection ends, because a
//! client that is not told sends its next request on a connection that is closed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use deed_test_support::shared::scim;
use deed_tests::world::{HELPDESK, World};

const ABSENT: &str = "/v1/actions/act_00000000000000000000000000/cancel";

fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.url().strip_prefix("http://").unwrap()).unwrap()
}

/// Sends a head that announces this body.
fn announce(stream: &mut TcpStream, method: &str, path: &str, token: &str, body: &str) {
    let host = stream.peer_addr().unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
}

/// One answer: its status and whether it ends the connection.
fn answer(stream: &mut TcpStream) -> (u16, bool) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(char::from(byte[0]));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    let connection = head.lines().find_map(|line| line.strip_prefix("connection: "));
    let status = head.split(' ').nth(1).unwrap();
    (status.parse().unwrap(), connection == Some("close"))
}

#[test]
fn an_answer_before_the_body_ends_the_connection() {
    let world = World::start(scim()).unwrap();
    for (method, path, token, status) in [
        ("POST", ABSENT, HELPDESK, 404),
        ("POST", "/v1/actions", "deed_unknown", 401),
        ("POST", "/mcp", "deed_unknown", 401),
        ("POST", "/nowhere", HELPDESK, 404),
        ("PUT", "/v1/actions", HELPDESK, 405),
        ("GET", "/v1/actions", HELPDESK, 200),
    ] {
        let mut stream = connect(&world);
        announce(&mut stream, method, path, token, "null");
        assert_eq!(answer(&mut stream), (status, true), "{method} {path}");
        // The rest of the request does not destroy the answer, and nothing more is answered.
        stream.write_all(b"null").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{method} {path}");
    }
}

/// Such a client keeps the connection if the answer has `keep-alive`.
#[test]
fn an_answer_to_an_older_client_says_only_that_the_connection_ends() {
    let world = World::start(scim()).unwrap();
    for token in ["deed_unknown", HELPDESK] {
        let mut stream = connect(&world);
        let head = format!(
            "POST {ABSENT} HTTP/1.0\r\nconnection: keep-alive\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 4\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        assert!(answer(&mut stream).1, "{token}");
    }
}

#[test]
fn an_answer_after_the_body_keeps_the_connection() {
    let world = World::start(scim()).unwrap();
    let mut stream = connect(&world);
    for (body, status) in [("{}", 422), ("not JSON", 400), ("", 400)] {
        announce(&mut stream, "POST", "/v1/actions", HELPDESK, body);
        stream.write_all(body.as_bytes()).unwrap();
        assert_eq!(answer(&mut stream), (status, false), "{body}");
    }
    announce(&mut stream, "POST", ABSENT, HELPDESK, "");
    assert_eq!(answer(&mut stream), (404, false));
    announce(&mut stream, "GET", "/v1/contracts", HELPDESK, "");
    assert_eq!(answer(&mut stream), (200, false));
}
