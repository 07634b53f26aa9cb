//! Witnesses that lie, flood, stall or redirect. No action fails or waits long because of a witness that misbehaves.
//! The host stores no false signature line, and uses the witness again as soon as the witness behaves correctly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::locked_out;
use deed_test_support::witness::{Mind, Peer, now, witnessed};
use deed_tests::client::Client;
use deed_tests::hostile::{Hostile, Script, Step, answer, does, says};
use deed_tests::wait::until;
use deed_tests::world::{BOB, World, edit};

use crate::case::{Case, cases, unharmed};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        "witness-signs-something-else" => signs_something_else,
        "witness-floods-or-stalls" => floods_or_stalls,
        "witness-delays-a-reload" => delays_a_reload,
        "witness-contradicts" => contradicts,
        "witness-redirects" => redirects,
    ]
}

/// A time limit far above the timeout of one request to a witness and the pause after the request.
const PATIENCE: Duration = Duration::from_mins(2);

struct Stage {
    peer: Peer,
    world: World,
}

impl Stage {
    fn set() -> Self {
        let peer = Peer::start("one");
        let world = witnessed(&[&peer], "");
        let stage = Self { peer, world };
        stage.act();
        stage.is_good_again();
        stage
    }

    fn act(&self) -> String {
        let proposal = World::proposal("idp.restore_access", &locked_out());
        let view = self.world.run(&proposal).unwrap();
        assert_eq!(view["status"], "verified", "{view}");
        view["id"].as_str().unwrap().to_owned()
    }

    fn served(&self) -> String {
        let answer = Client::new(self.world.url(), BOB).get("/log/acme/checkpoint").unwrap();
        String::from_utf8(answer.bytes).unwrap()
    }

    fn has_alarm(&self) -> bool {
        let alarm = "deed_witness_alarm{tenant=\"acme\",witness=\"one\"}";
        self.world.metric(alarm).unwrap() == Some(1)
    }

    /// Checks that an action is carried out while the witness answers with `script`, and that the checkpoint has no
    /// signature line of the witness.
    fn meets(&self, lie: &str, script: Script) {
        self.peer.turn(script);
        let started = Instant::now();
        let id = self.act();
        assert!(started.elapsed() < PATIENCE, "{lie}");
        let bundle = self.world.bundle(&id).unwrap();
        let files = deed_record::bundle::read(&bundle).unwrap();
        let proof = String::from_utf8(files["0.tlog-proof"].clone()).unwrap();
        assert!(!proof.contains(&self.peer.mark()), "{lie} was kept: {proof}");
        until(lie, || self.peer.hostile.count("POST") > 0);
        assert!(!self.served().contains(&self.peer.mark()), "{lie} is shown");
    }

    fn is_good_again(&self) {
        self.peer.turn_good();
        until("the witness vouches", || self.served().contains(&self.peer.mark()));
        until("there is no alarm", || !self.has_alarm());
        // The test does not compare the last status, because the witness does not know the other tenant's log and may
        // answer a request for that log with 404 at any time.
        assert!(self.peer.mind.said().contains(&200));
    }
}

fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK\r\nconnection: close", body)
}

/// An answer with status 200 whose body is built from the submitted note and from the checkpoint text in it.
fn vouching(body: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Script {
    Arc::new(move |request| {
        let note = request.body.split_once("\n\n").unwrap().1;
        let text = format!("{}\n", note.split_once("\n\n").unwrap().0);
        vec![Step::Send(ok(body(note, &text)))]
    })
}

fn signs_something_else() {
    let stage = Stage::set();
    let two = Peer::start("two");
    let as_one = |line: fn(&Mind, &str, &str) -> String| -> Script {
        let mind = Arc::clone(&stage.peer.mind);
        vouching(move |note, text| line(&mind, note, text))
    };
    let lies: Vec<(&str, Script)> = vec![
        (
            "another tree",
            as_one(|one, _, text| one.line(&text.replace("acme\n", "acme\n1"), now())),
        ),
        ("another log", as_one(|one, _, text| one.line(&text.replace("acme", "globex"), now()))),
        ("the future", as_one(|one, _, text| one.line(text, now() + 3_600))),
        ("long ago", as_one(|one, _, text| one.line(text, now() - 3 * 24 * 3_600))),
        ("no time at all", as_one(|one, _, text| one.line(text, 0))),
        (
            "a longer text",
            as_one(|one, note, _| format!("more\n\n{}", one.line(&format!("{note}more\n"), now()))),
        ),
        (
            "a good line and a bad one",
            as_one(|one, _, text| one.line(text, now()) + &one.line("another text\n", now())),
        ),
        ("another witness", vouching(move |_, text| two.mind.line(text, now()))),
        ("the log's own line", vouching(|note, _| note.split_once("\n\n").unwrap().1.to_owned())),
        (
            "a blob of the wrong length",
            vouching(|_, _| format!("— one.example/witness {}\n", STANDARD.encode([7; 40]))),
        ),
        ("nothing", says(ok(""))),
        ("no text", says(ok([0xff; 64]))),
        ("a page", says(ok("<html>witnessed</html>"))),
    ];
    for (lie, script) in lies {
        stage.meets(lie, script);
        assert!(!stage.has_alarm(), "{lie}");
        stage.is_good_again();
    }
    unharmed(&stage.world);
}

/// The host waits for a cosignature of an action's checkpoint for as long as it is configured to, but a reload does not
/// wait, because it may revoke something.
fn delays_a_reload() {
    let peer = Peer::start("one");
    let stage = Stage { world: witnessed(&[&peer], "witness_wait = \"30s\""), peer };
    stage.act();
    stage.is_good_again();
    stage.peer.turn(does(vec![Step::Hold]));
    let named = ["restore-needs-lead", "restore-needs-a-lead"];
    edit(&stage.world.dir, "policies/starter.cedar", named[0], named[1]).unwrap();
    let started = Instant::now();
    let says = stage.world.reload().unwrap();
    assert_eq!(says["result"], "applied", "{says:#}");
    // The host gives up a request to a witness after 10 s.
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    until("the witness is asked for the activation", || stage.peer.hostile.count("POST") > 0);
    stage.is_good_again();
    unharmed(&stage.world);
}

fn floods_or_stalls() {
    let stage = Stage::set();
    let forever = |head: &str, bytes: &[u8], every| {
        let flood = Step::Forever { bytes: bytes.to_vec(), every };
        does(vec![Step::Send(head.as_bytes().to_vec()), flood])
    };
    let (now, slowly) = (Duration::ZERO, Duration::from_millis(200));
    let begun = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let lies = [
        ("an endless body", forever(&format!("{begun}\r\n"), &vec![b'x'; 65_536], now)),
        (
            "endless lines",
            forever(&format!("{begun}\r\n"), "— one.example/witness AAAA\n".as_bytes(), now),
        ),
        ("endless headers", forever(begun, b"x: y\r\n", now)),
        ("a drip", forever(&format!("{begun}content-length: 100\r\n\r\n"), b"x", slowly)),
        ("silence", does(vec![Step::Hold])),
        ("silence in the head", does(vec![Step::Send(begun.into()), Step::Hold])),
        ("an end at once", does(vec![Step::Cut])),
        (
            "more promised",
            does(vec![
                Step::Send(format!("{begun}content-length: 99999999999\r\n\r\n").into()),
                Step::Cut,
            ]),
        ),
    ];
    for (lie, script) in lies {
        stage.meets(lie, script);
        assert!(!stage.has_alarm(), "{lie}");
        stage.is_good_again();
    }
    assert!(
        stage.peer.hostile.sent() < 256 << 20,
        "{} bytes were taken",
        stage.peer.hostile.sent()
    );
    unharmed(&stage.world);
}

fn size(status: &str, body: &str) -> Vec<u8> {
    answer(&format!("{status}\r\ncontent-type: text/x.tlog.size\r\nconnection: close"), body)
}

fn contradicts() {
    let stage = Stage::set();
    let turn = AtomicUsize::new(0);
    let each_time: Script = Arc::new(move |_| {
        let n = turn.fetch_add(1, Ordering::Relaxed);
        vec![Step::Send(size("409 Conflict", if n.is_multiple_of(2) { "1\n" } else { "2\n" }))]
    });
    let own: Script = Arc::new(|request| {
        let old = request.body.lines().next().unwrap().strip_prefix("old ").unwrap();
        vec![Step::Send(size("409 Conflict", &format!("{old}\n")))]
    });
    let conflict = |body: &str| says(size("409 Conflict", body));
    let lies = [
        ("another size each time", each_time, false),
        ("a size that is none", conflict("many\n"), false),
        ("a size beyond all", conflict("99999999999999999999\n"), false),
        ("sizes without end", conflict(&"9".repeat(60_000)), false),
        ("a huge size", conflict("18446744073709551615\n"), true),
        ("the size that it was told", own, true),
        ("no consistency", says(answer("422 Unprocessable Entity\r\nconnection: close", "")), true),
        ("another tree", says(answer("409 Conflict\r\nconnection: close", "")), true),
    ];
    for (lie, script, alarm) in lies {
        let started = Instant::now();
        stage.meets(lie, script);
        // A submission sends at most three requests to the witness, and the pause after a submission is one second or
        // more.
        let posts = u64::try_from(stage.peer.hostile.count("POST")).unwrap();
        assert!(posts <= 12 + 3 * started.elapsed().as_secs(), "{lie}: {posts} requests");
        if alarm {
            until(lie, || stage.has_alarm());
        }
        assert_eq!(stage.has_alarm(), alarm, "{lie}");
        stage.is_good_again();
    }
    let log = stage.world.host.as_ref().unwrap().log();
    assert!(log.contains("a witness contradicts this log"), "{log}");
    unharmed(&stage.world);
}

fn redirects() {
    let stage = Stage::set();
    let elsewhere = Hostile::start().unwrap();
    let targets = [
        format!("{}/add-checkpoint", elsewhere.base_url()),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for target in &targets {
            let head = format!("{status}\r\nlocation: {target}\r\nconnection: close");
            let lie = format!("{status} to {target}");
            stage.meets(&lie, says(answer(&head, "")));
            stage.is_good_again();
        }
    }
    assert_eq!(elsewhere.connections(), 0, "it was followed");
    unharmed(&stage.world);
}
