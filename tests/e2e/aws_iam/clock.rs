//! A host whose clock differs from that of the upstream.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use deed_record::timeline::from_utc;
use deed_test_support::shared::{declared, ended, scim};
use deed_tests::services::moto::Key;
use deed_tests::world::World;
use serde_json::json;

use super::account::lay_out;

/// The largest difference that AWS accepts.
const ACCEPTED_MS: u64 = 5 * 60 * 1000;

/// What AWS IAM answers to a signature with another time, and to one with the right time and an unknown key.
const LATE: &str = "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
    <Code>SignatureDoesNotMatch</Code><Message>Signature not yet current: the signature is later than now (+ 5 min.)\
    </Message></Error><RequestId>1</RequestId></ErrorResponse>";
const UNKNOWN: &str = "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
    <Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error>\
    <RequestId>1</RequestId></ErrorResponse>";

/// A server that checks only the time of a signature.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let lines = BufReader::new(&stream).lines().map(Result::unwrap_or_default);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let date = head.iter().find_map(|line| line.strip_prefix("x-amz-date: "));
    let off = date.and_then(signed_ms).is_none_or(|at_ms| at_ms.abs_diff(now_ms()) > ACCEPTED_MS);
    let body = if off { LATE } else { UNKNOWN };
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).ok();
}

/// The time in a header such as `20261130T053500Z`.
fn signed_ms(text: &str) -> Option<i64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let day = [part(day, 0, 4)?, part(day, 4, 6)?, part(day, 6, 8)?].join("-");
    let time = [part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?].join(":");
    from_utc(&format!("{day} {time}Z"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of the upstream, which is not that of the host"
)]
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// What the host says if its clock is ahead by this time.
fn reason(ahead_ms: i64, why: &str) {
    let key = Key {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "a-secret-access-key-of-nobody".to_owned(),
        token: None,
    };
    let mut world = World::lay_out(scim(), "scim").unwrap();
    lay_out(&world.dir, &format!("http://{}", server()), &key, &key).unwrap();
    world.pin().unwrap();
    let file = world.dir.join("clock");
    fs::write(&file, ahead_ms.to_string()).unwrap();
    world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
    let view = world.run(&declared("aws_iam.get_user", json!({"user_name": "anna"}))).unwrap();
    ended(&world, &view, "failed", why);
}

#[test]
fn a_clock_that_is_off_is_named_and_a_small_difference_is_not() {
    reason(10 * 60 * 1000, "check the clock of the host");
    reason(60 * 1000, "access key `AKIAIOSFODNN7EXAMPLE` is not known or not active");
}
