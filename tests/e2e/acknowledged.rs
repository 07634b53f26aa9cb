//! The host sends an acknowledgement only after the acknowledged data is on disk. The test reads the host's system
//! calls with strace instead of trusting the host's own reports.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use deed_tests::world::HELPDESK;
use serde_json::Value;

use crate::fixture::{Fixture, RESTORE, SUSPEND};

mod trace;

use self::trace::{Ports, Trace};

/// System calls that write data, and system calls that wait for the disk.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,fsync,fdatasync,syncfs,sync";

/// Attaches strace to a running host. Returns `None` if strace is missing or may not trace the process.
fn attach(pid: u32, out: &Path) -> Option<Child> {
    let mut strace = Command::new("strace")
        .args(["-f", "-yy", "-s", "1000000", "-e", CALLS, "-o"])
        .arg(out)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .inspect_err(|why| skip(&format!("strace cannot be run: {why}")))
        .ok()?;
    let mut said = String::new();
    let mut lines = BufReader::new(strace.stderr.take().unwrap());
    lines.read_line(&mut said).unwrap();
    if said.contains("attached") {
        // strace prints more output when it ends, so a thread drains the pipe.
        thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()).is_ok());
        return Some(strace);
    }
    skip(&format!("strace may not look at the host: {said}"));
    strace.wait().unwrap();
    None
}

fn skip(why: &str) {
    // The test runner does not capture direct writes to stderr, so this message is always visible.
    writeln!(std::io::stderr(), "acknowledged: SKIPPED: {}", why.trim()).unwrap_or_default();
}

/// Runs several actions at a time: some end at once, some wait, some are approved and some are cancelled. Returns the
/// checkpoints that were published while the actions ran.
fn work(fixture: &Fixture) -> Vec<String> {
    let before = fixture.checkpoint();
    let mut notes = thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u32)
            .map(|of| {
                scope.spawn(move || {
                    let mut notes = Vec::new();
                    for n in 0..3 {
                        let user = of * 100 + n * 10;
                        let ended = fixture.propose(SUSPEND, user + 1, "wait=60");
                        assert_eq!(ended["status"], "verified", "{ended:#}");
                        notes.push(fixture.checkpoint());
                        fixture.propose(SUSPEND, user + 2, "wait=0");
                        let waits = fixture.propose(RESTORE, user + 3, "wait=60");
                        let id = waits["id"].as_str().unwrap();
                        assert_eq!(fixture.approve(id).text("/status"), "verified");
                        let waits = fixture.propose(RESTORE, user + 4, "wait=60");
                        let cancel =
                            format!("/v1/actions/{}/cancel", waits["id"].as_str().unwrap());
                        let cancelled =
                            fixture.client(HELPDESK).post(&cancel, &Value::Null).unwrap();
                        assert_eq!(cancelled.text("/status"), "cancelled");
                        notes.push(fixture.checkpoint());
                    }
                    notes
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    notes.retain(|note| *note != before);
    notes
}

fn port(url: &str) -> u16 {
    url.trim_end_matches("/v2").rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn no_acknowledgement_and_no_write_leaves_before_the_disk_has_what_it_is_about() {
    let mut fixture = Fixture::prepare("acknowledged");
    fixture.serve();
    let out = fixture.home.dir.join("trace");
    let Some(mut strace) = attach(fixture.host().pid(), &out) else { return };
    let notes = work(&fixture);
    let ports =
        Ports { host: port(&fixture.host().url), upstream: port(&fixture.upstream.base_url()) };
    assert!(fixture.home.stop().unwrap());
    strace.wait().unwrap();
    let lines: Vec<String> =
        BufReader::new(File::open(&out).unwrap()).lines().map(Result::unwrap).collect();
    let found = Trace::read(&lines, ports).check(&notes);
    assert_eq!(found.faults, [""; 0]);
    // The host answered 48 proposals, 12 approvals and 12 cancellations; 36 of these actions sent a write.
    assert_eq!((found.answers, found.writes), (72, 36), "{found:?}");
    assert!(found.checkpoints >= 12, "{found:?}");
    check_the_check(&lines, ports, &notes);
}

/// The check must find many faults if one kind of sync is removed from the trace, or if all syncs are moved to its end.
fn check_the_check(lines: &[String], ports: Ports, notes: &[String]) {
    let is_sync = |line: &String, of: &str| line.contains("fdatasync(") && line.contains(of);
    for (file, says) in
        [("/segments/", "answer"), ("/segments/", "write"), ("/TAIL>", "checkpoint")]
    {
        let without: Vec<String> = lines.iter().filter(|l| !is_sync(l, file)).cloned().collect();
        assert!(without.len() < lines.len(), "no sync of {file}");
        let late: Vec<String> =
            without.iter().chain(lines.iter().filter(|l| is_sync(l, file))).cloned().collect();
        for bad in [without, late] {
            let faults = Trace::read(&bad, ports).check(notes).faults;
            let about = faults.iter().filter(|fault| fault.starts_with(says)).count();
            // The number of published checkpoints depends on how many actions share a checkpoint.
            assert!(about >= 4, "without {file}: {faults:?}");
        }
    }
    // A failed sync does not make data durable.
    let failed = |line: &String| {
        if is_sync(line, "/segments/") { line.replace(" = 0", " = -1 EIO") } else { line.clone() }
    };
    let bad: Vec<String> = lines.iter().map(failed).collect();
    assert!(!Trace::read(&bad, ports).check(notes).faults.is_empty());
}
