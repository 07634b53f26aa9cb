//! An upstream whose answers are too large, too deep or too slow. Each answer ends at a limit of the host or at its
//! deadline, and the host's memory stays within bounds.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use deed_test_support::shared::ended;
use deed_tests::hostile::{Hostile, Script, Step, answer, does, says};
use deed_tests::world::edit;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::stage::{READ, RESTORE, Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "header-bombs" => heads,
        "body-bombs" => endless_bodies,
        "gzip-bombs-and-garbage" => gzip,
        "depth-bombs-and-costly-shapes" => shapes,
        "floods-interim-answers" => interim,
        "drips" => drips,
        "drips-to-a-write" => dripped_write,
    ]
}

const KIND: &str = "content-type: application/json";
/// The time limit for a read. The host's timeout for the upstream is 2 s, and a busy machine adds its own delay.
const GENEROUS: Duration = Duration::from_mins(1);
/// A memory limit for each answer. It is above what a host needs for an answer of 1 MiB with many small values (20 MiB in
/// a debug build), because the answers are read at the same time. For all answers of a case, it is below what the bomb
/// would need.
const GROWTH: usize = 48 << 20;
/// An upper bound for the bytes that an upstream can send before it notices that the host has stopped reading. The
/// bound allows for the host's limit of 4 MiB and the buffers of both sockets.
const TAKEN: usize = 16 << 20;

fn each_fails(scripts: &[(&str, Script)]) -> Stage {
    each_fails_on(Stage::new(), scripts)
}

/// Answers one read with each script at the same time, and checks that each read soon ends as failed and that the
/// host's memory stays within bounds.
fn each_fails_on(stage: Stage, scripts: &[(&str, Script)]) -> Stage {
    // The first run allocates memory that the host keeps, such as compiled code and the pool of sandboxes, so it is not
    // measured.
    stage.propose(READ, &fresh());
    stage.hostile.forget();
    let (before, start) = (resident(&stage, "VmRSS"), Instant::now());
    let views = stage.all(READ, "GET", scripts);
    assert!(start.elapsed() < GENEROUS, "the host took {:?}", start.elapsed());
    let peak = resident(&stage, "VmHWM");
    assert!(peak < before + scripts.len() * GROWTH, "the host grew from {before} to {peak} bytes");
    for view in views {
        ended(&stage.world, &view, "failed", "the state could not be read");
    }
    assert_eq!(stage.hostile.count("GET"), scripts.len());
    let taken = stage.hostile.sent() / scripts.len();
    assert!(taken < TAKEN, "the host took {taken} bytes of an answer");
    stage
}

/// A value in bytes from the host's memory statistics (`/proc/PID/status`).
fn resident(stage: &Stage, figure: &str) -> usize {
    let pid = stage.world.host.as_ref().unwrap().pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// A script that sends `start`, and then `again` without end.
fn endless(start: &str, again: impl Into<Vec<u8>>) -> Script {
    let bytes = again.into();
    does(vec![Step::Send(start.into()), Step::Forever { bytes, every: Duration::ZERO }])
}

fn heads() {
    let mut many = String::new();
    for count in 0..200 {
        write!(many, "\r\nx-{count}: y").unwrap();
    }
    let long = "x".repeat(256 << 10);
    let user = r#"{"id":"1","userName":"u"}"#;
    let stage = each_fails(&[
        ("200 headers", says(answer(&format!("200 OK\r\n{KIND}{many}"), user))),
        ("a long header", says(answer(&format!("200 OK\r\n{KIND}\r\nx: {long}"), user))),
        ("a long name", says(answer(&format!("200 OK\r\n{KIND}\r\n{long}: x"), user))),
        ("a long reason", says(answer(&format!("200 {long}\r\n{KIND}"), user))),
        ("headers without end", endless("HTTP/1.1 200 OK\r\n", "a: b\r\n".repeat(1000))),
        ("a header without end", endless("HTTP/1.1 200 OK\r\na: ", vec![b'x'; 8192])),
        ("a status line without end", endless("HTTP/1.1 200 ", vec![b'x'; 8192])),
        ("line breaks without end", endless("", b"\r\n".repeat(4096))),
    ]);
    unharmed(&stage.world);
}

fn endless_bodies() {
    let head = format!("HTTP/1.1 200 OK\r\n{KIND}\r\n");
    let chunks = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let big = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let stage = each_fails(&[
        (
            "a length of 8 EiB",
            endless(
                &format!("{head}content-length: 9223372036854775807\r\n\r\n"),
                vec![b' '; 8192],
            ),
        ),
        (
            "a byte over 1 MiB",
            says(answer(&format!("200 OK\r\n{KIND}"), vec![b' '; (1 << 20) + 1])),
        ),
        ("no length at all", endless(&format!("{head}\r\n"), vec![b' '; 8192])),
        ("chunks", endless(&chunks, big)),
        ("chunks of a byte", endless(&chunks, "1\r\n \r\n".repeat(1000))),
        ("a chunk size", endless(&chunks, "0".repeat(8192))),
        ("a chunk extension", endless(&format!("{chunks}1;a="), "x".repeat(8192))),
        (
            "chunk extensions",
            endless(&chunks, format!("1;a={}\r\n \r\n", "x".repeat(100)).repeat(100)),
        ),
        ("trailers", endless(&format!("{chunks}2\r\n{{}}\r\n0\r\n"), "a: b\r\n".repeat(1000))),
        ("a trailer", endless(&format!("{chunks}2\r\n{{}}\r\n0\r\na: "), "x".repeat(8192))),
    ]);
    unharmed(&stage.world);
}

/// Tests compressed answers, which the configuration of this upstream allows.
fn gzip() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(
            dir,
            "deed.toml",
            "addresses = [\"loopback\"]",
            "addresses = [\"loopback\"]\ngzip = true",
        )
    });
    let packed = |content: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let head = format!("200 OK\r\n{KIND}\r\ncontent-encoding: gzip");
    let of = |bytes: Vec<u8>| says(answer(&head, bytes));
    let user = packed(br#"{"id":"1","userName":"u"}"#);
    let bomb = packed(&vec![b' '; 512 << 20]);
    assert!(bomb.len() < 1 << 20, "it is small enough on the wire");
    let mut header = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
    header.extend(vec![b'n'; 1 << 19]);
    let start = format!("HTTP/1.1 {head}\r\n\r\n");
    let stage = each_fails_on(
        stage,
        &[
            ("a bomb", of(bomb.clone())),
            ("a bomb in a bomb", of(packed(&bomb))),
            ("a byte over 1 MiB", of(packed(&vec![b' '; (1 << 20) + 1]))),
            ("a user and a bomb", of([user.clone(), bomb].concat())),
            ("a user and a byte", of([user.clone(), vec![0]].concat())),
            ("two users", of([user.clone(), user.clone()].concat())),
            ("a cut stream", of(user[..user.len() - 9].to_vec())),
            ("a cut checksum", of(user[..user.len() - 1].to_vec())),
            ("no stream", of(br#"{"id":"1","userName":"u"}"#.to_vec())),
            ("a name without end in the header of the stream", of(header)),
            ("a stream without end", endless(&start, [31, 139, 8, 0, 0, 0, 0, 0, 0, 255])),
            ("deep", of(packed("[".repeat(1 << 20).as_bytes()))),
        ],
    );
    unharmed(&stage.world);
}

fn shapes() {
    let full = (1 << 20) - 100;
    let user = |more: &str| {
        says(answer(
            &format!("200 OK\r\n{KIND}"),
            format!(r#"{{"id":"1","userName":7,"x":{more}}}"#),
        ))
    };
    let list =
        |item: &str| format!("[{}{item}]", format!("{item},").repeat(full / (item.len() + 1) - 4));
    let keys: Vec<String> = (0..full / 12).map(|key| format!("\"{key:x}\":0")).collect();
    let keys = format!("{{{}}}", keys.join(","));
    let stage = each_fails(&[
        ("arrays in arrays", says(answer(&format!("200 OK\r\n{KIND}"), "[".repeat(full)))),
        (
            "objects in objects",
            says(answer(&format!("200 OK\r\n{KIND}"), "{\"a\":".repeat(full / 5))),
        ),
        ("65 deep, closed", user(&format!("{}{}", "[".repeat(65), "]".repeat(65)))),
        ("empty arrays", user(&list("[]"))),
        ("empty texts", user(&list("\"\""))),
        ("numbers that become texts", user(&list("1e1"))),
        ("keys", user(&keys)),
        ("a number of a million digits", user(&"1".repeat(full - 10))),
        ("escapes to undo", user(&format!("\"{}\"", "%25\\\\u0026amp;=3D".repeat(full / 20)))),
        ("half escapes", user(&format!("\"{}\"", "%2&#\\\\u00=".repeat(full / 13)))),
    ]);
    unharmed(&stage.world);
}

fn interim() {
    let stage = each_fails(&[
        ("100 without end", endless("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(300))),
        (
            "103 without end",
            endless("", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(200)),
        ),
    ]);
    unharmed(&stage.world);
}

fn drips() {
    let drip = |start: &str, byte: &str| {
        let every = Duration::from_millis(50);
        does(vec![Step::Send(start.into()), Step::Forever { bytes: byte.into(), every }])
    };
    let head = format!("HTTP/1.1 200 OK\r\n{KIND}\r\n");
    let stage = each_fails(&[
        ("the head", drip("HTTP/1.1 200 OK\r\nx: ", "y")),
        ("headers", drip("HTTP/1.1 200 OK\r\n", "x: y\r\n")),
        ("the body", drip(&format!("{head}content-length: 1000000\r\n\r\n"), " ")),
        ("chunks", drip(&format!("{head}transfer-encoding: chunked\r\n\r\n"), "1\r\n \r\n")),
        (
            "trailers",
            drip(
                &format!("{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n"),
                "x: y\r\n",
            ),
        ),
        ("interim answers", drip("", "HTTP/1.1 100 Continue\r\n\r\n")),
        ("silence", does(vec![Step::Hold])),
        (
            "silence after the head",
            does(vec![Step::Send(format!("{head}\r\n").into_bytes()), Step::Hold]),
        ),
    ]);
    unharmed(&stage.world);
}

fn dripped_write() {
    let stage = Stage::new();
    let every = Duration::from_millis(50);
    let body = b" ".to_vec();
    let script = does(vec![
        Step::Send(
            format!("HTTP/1.1 200 OK\r\n{KIND}\r\ncontent-length: 9999\r\n\r\n").into_bytes(),
        ),
        Step::Forever { bytes: body, every },
    ]);
    stage.hostile.lie("PATCH", 0, 1, script);
    let view: Value = stage.propose(RESTORE, &fresh());
    ended(&stage.world, &view, "failed", "there was no definite answer");
    assert_eq!(fates(&view, "perform"), ["no_answer"]);
    assert_eq!(stage.hostile.count("PATCH"), 1);
    unharmed(&stage.world);
}
