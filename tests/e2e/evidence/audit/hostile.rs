//! Tests of audits of hostile logs: files that never end, pipes, links, and servers that redirect.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use super::*;

/// The time limit for an audit. The limit is generous, because it only has to distinguish an audit that hangs from an
/// audit that ends.
const PATIENCE: Duration = Duration::from_mins(1);

fn in_time(log: &str, more: &[&str]) -> (i32, String) {
    let args = [&["log", "audit", log], more].concat();
    let output = host::run_within(&args, PATIENCE).unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn files_that_are_none_neither_hang_nor_pass() {
    let proof = proof("pipes@example.com");
    let world = &proof.world;
    let trust = world.dir.join("trust");
    let keys = ["--trust", text(&trust)];
    let tile = "tile/0/000.p/4";
    let replaced = |name: &str, with: fn(&Path)| {
        let log = copy(world, LOG, name);
        fs::remove_file(log.join(tile)).unwrap();
        with(&log.join(tile));
        in_time(text(&log), &keys)
    };
    let (code, said) = replaced("pipe", |path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    });
    assert!(code == 2 && said.contains("not a regular file"), "{code} {said}");
    let (code, said) = replaced("link", |path| symlink("/dev/zero", path).unwrap());
    assert!(code == 2 && said.contains("link"), "{code} {said}");
    let (code, said) = replaced("long", |path| fs::write(path, vec![0; 8193]).unwrap());
    assert!(code == 1 && said.contains("longer than 8192 bytes"), "{code} {said}");
}

/// Answers every request with this head, followed by zeros for as long as the client reads.
fn server(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/log/acme", listener.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let asked = stream.read(&mut [0; 4096]);
            let mut going = asked.is_ok() && stream.write_all(head.as_bytes()).is_ok();
            while going {
                going = stream.write_all(&[b'0'; 4096]).is_ok();
            }
        }
    });
    url
}

#[test]
fn a_server_that_never_ends_or_leads_elsewhere_is_left() {
    let proof = proof("endless@example.com");
    let world = &proof.world;
    let trust = world.dir.join("trust");
    let keys = ["--trust", text(&trust)];
    let endless = server("HTTP/1.1 200 OK\r\n\r\n");
    let (code, said) = in_time(&endless, &keys);
    assert!(code == 1 && said.contains("longer than"), "{code} {said}");
    let elsewhere = format!("{}/log/acme", world.url());
    let head = format!(
        "HTTP/1.1 302 Found\r\nlocation: {elsewhere}/checkpoint\r\ncontent-length: 0\r\n\r\n"
    );
    let (code, said) = in_time(&server(head.leak()), &[&keys[..], &["--token", BOB]].concat());
    assert!(code == 2 && said.contains("302"), "{code} {said}");
}

#[test]
fn a_log_that_grows_meanwhile_holds_at_every_moment() {
    let proof = proof("grows@example.com");
    let world = &proof.world;
    let (log, trust) = (world.dir.join(LOG), world.dir.join("trust"));
    let url = format!("{}/log/acme", world.url());
    let kept = copy(world, &format!("{LOG}/checkpoint"), "kept");
    let since = ["--trust", text(&trust), "--since", text(&kept), "--token", BOB];
    thread::scope(|scope| {
        let acting = scope.spawn(|| (0..4).for_each(|_| act(world)));
        while !acting.is_finished() {
            for source in [text(&log), url.as_str()] {
                let (code, said) = audit(source, &since);
                assert_eq!(code, 0, "{said}");
            }
        }
    });
}
