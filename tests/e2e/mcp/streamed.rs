//! Tests of `deed mcp` with a host that answers with an event stream.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use deed_tests::host;
use serde_json::{Value, json};

/// Reads one request to its end.
fn request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
}

/// Answers one request with two events. The second is sent once the first has reached the client.
fn answer(listener: &TcpListener, [first, second]: &[Value; 2], reached: &Receiver<()>) {
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    write!(stream, "{head}id: 0\nretry: 3000\ndata:\n\n: open\n\ndata: {first}\n\n").unwrap();
    reached.recv().unwrap();
    write!(stream, "event: message\ndata: {second}\n\n").unwrap();
}

#[test]
fn the_messages_of_an_event_stream_are_passed_on_as_they_arrive() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}});
    let result = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    let events = [progress.clone(), result.clone()];
    let (reach, reached) = mpsc::channel();
    let server = thread::spawn(move || answer(&listener, &events, &reached));
    let mut child = Command::new(host::binary().unwrap())
        .args(["mcp", "--url", &url, "--token", "deed_token"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}});
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{call}").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    assert_eq!(next(), progress);
    reach.send(()).unwrap();
    assert_eq!(next(), result);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    server.join().unwrap();
}
