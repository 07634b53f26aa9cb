//! A witness (C2SP tlog-witness) for tests, over real HTTP. The witness checks signatures and consistency proofs with
//! crates that share no code with the host, and never signs two contradicting trees of a log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::host;
use deed_tests::hostile::{Hostile, Script, Step, answer};
use deed_tests::world::{World, edit};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use tlog_tiles::Hash;

use crate::shared::scim;

/// A witness that serves until it is dropped.
#[derive(Debug)]
pub struct Peer {
    pub hostile: Hostile,
    pub mind: Arc<Mind>,
}

/// The state of the witness without its network address.
#[derive(Debug)]
pub struct Mind {
    pub name: &'static str,
    key: SigningKey,
    /// Verifier keys of logs by origin.
    logs: Mutex<BTreeMap<String, String>>,
    /// For each log, by origin, the latest tree that this witness cosigned.
    trees: Mutex<BTreeMap<String, (u64, Hash)>>,
    /// The HTTP status of every answer so far.
    said: Mutex<Vec<u16>>,
}

impl Peer {
    pub fn start(name: &'static str) -> Self {
        let mind = Mind {
            name,
            key: SigningKey::from_bytes(&Sha256::digest(name).into()),
            logs: Mutex::default(),
            trees: Mutex::default(),
            said: Mutex::default(),
        };
        let peer = Self { hostile: Hostile::start().unwrap(), mind: Arc::new(mind) };
        peer.turn_good();
        peer
    }

    /// Makes the witness follow this script from now on.
    pub fn turn(&self, script: Script) {
        self.hostile.be_honest();
        self.hostile.forget();
        self.hostile.lie("POST", 0, usize::MAX, script);
    }

    /// Makes the witness behave correctly again from now on.
    pub fn turn_good(&self) {
        let honest = Arc::clone(&self.mind);
        self.turn(Arc::new(move |request| vec![Step::Send(honest.hear(&request.body).bytes())]));
    }

    /// The witness's table for `deed.toml`.
    pub fn table(&self) -> String {
        let (name, vkey, url) = (self.mind.name, self.mind.vkey(), self.hostile.base_url());
        format!("[[witness]]\nname = \"{name}\"\nvkey = \"{vkey}\"\nurl = \"{url}\"\n")
    }

    /// The beginning of the witness's signature lines.
    pub fn mark(&self) -> String {
        format!("— {}.example/witness ", self.mind.name)
    }
}

/// An answer of the witness.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    kind: &'static str,
    pub body: String,
}

impl Answer {
    fn of(status: u16, body: String) -> Self {
        Self { status, kind: "text/plain", body }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let head = format!("{} X\r\ncontent-type: {}\r\nconnection: close", self.status, self.kind);
        answer(&head, &self.body)
    }
}

impl Mind {
    /// Makes the witness cosign this log from now on.
    pub fn know(&self, vkey: &str) {
        let origin = vkey.split('+').next().unwrap().to_owned();
        lock(&self.logs).insert(origin, vkey.to_owned());
    }

    pub fn said(&self) -> Vec<u16> {
        lock(&self.said).clone()
    }

    fn id(&self) -> [u8; 4] {
        let name = format!("{}.example/witness\n\u{4}", self.name);
        let public = self.key.verifying_key();
        let digest = Sha256::new().chain_update(name).chain_update(public.as_bytes()).finalize();
        digest[..4].try_into().unwrap()
    }

    pub fn vkey(&self) -> String {
        let data = [[4].as_slice(), self.key.verifying_key().as_bytes()].concat();
        let id = data_encoding::HEXLOWER.encode(&self.id());
        format!("{}.example/witness+{id}+{}", self.name, STANDARD.encode(data))
    }

    /// The witness's signature line for this checkpoint text at this time.
    pub fn line(&self, text: &str, time: u64) -> String {
        let signature = self.key.sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
        let blob = [self.id().as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
        format!("— {}.example/witness {}\n", self.name, STANDARD.encode(blob))
    }

    /// The answer to a request.
    pub fn hear(&self, body: &str) -> Answer {
        let answer = self.judge(body);
        lock(&self.said).push(answer.status);
        answer
    }

    fn judge(&self, body: &str) -> Answer {
        let refused = |status, why: &str| Answer::of(status, format!("{why}\n"));
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let proof: Vec<Hash> =
            lines.map(|line| Hash(STANDARD.decode(line).unwrap().try_into().unwrap())).collect();
        assert!(proof.len() <= 63);
        let origin = note.lines().next().unwrap();
        let Some(vkey) = lock(&self.logs).get(origin).cloned() else {
            return refused(404, "unknown log");
        };
        let Some(text) = opened(note, &vkey) else {
            return refused(403, "bad signature");
        };
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        let (size, root) = (checkpoint.size(), *checkpoint.hash());
        if old > size {
            return refused(400, "the old size is above the new one");
        }
        // The tree is checked and replaced under one lock, so that two requests cannot both extend the same tree.
        let mut trees = lock(&self.trees);
        let (seen, before) = trees.get(origin).copied().unwrap_or((0, Hash([0; 32])));
        if seen != old {
            let kind = "text/x.tlog.size";
            return Answer { status: 409, kind, body: format!("{seen}\n") };
        }
        if seen == size && size > 0 && before != root {
            return refused(409, "another tree of this size");
        }
        let consistent = match seen {
            0 => proof.is_empty(),
            _ => tlog_tiles::check_tree(&proof, size, root, seen, before).is_ok(),
        };
        if !consistent {
            return refused(422, "no consistency");
        }
        trees.insert(origin.to_owned(), (size, root));
        Answer::of(200, self.line(&text, now()))
    }
}

/// The current Unix time in seconds.
#[expect(clippy::disallowed_methods, reason = "a witness has a clock of its own")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The text of a note that this key signed; `None` if the signature is invalid.
pub fn opened(note: &str, vkey: &str) -> Option<String> {
    let note = signed_note::Note::from_bytes(note.as_bytes()).ok()?;
    let verifier = signed_note::StandardVerifier::new(vkey).unwrap();
    note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).ok()?;
    Some(String::from_utf8(note.text().to_vec()).unwrap())
}

/// Starts a host whose logs these witnesses cosign, with more lines in `[log]`. Returns the test environment and its
/// trust directory.
pub fn witnessed(peers: &[&Peer], log: &str) -> World {
    let tables: Vec<String> = peers.iter().map(|peer| peer.table() + "\n").collect();
    let settings = format!("{log}\n\n{}[approval]", tables.concat());
    World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "[approval]", &settings)?;
        let trust = dir.join("trust");
        host::expect(&["pin", dir.to_str().unwrap()])?;
        deed_tests::trust::write(dir, &trust, "acme")?;
        let vkey = std::fs::read_to_string(trust.join("log.vkey"))?;
        for peer in peers {
            peer.mind.know(vkey.trim_end());
        }
        Ok(())
    })
    .unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
