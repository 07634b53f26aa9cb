use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_record::action::salts::Salts;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_system::files::Files;
use serde_json::{Value, json};

use super::super::super::transport::Transport;
use super::super::Error;
use super::*;
use crate::bindings::deed::adapter::http::Request;
use crate::credentials::{Memory, Vault, VaultSlots, learn_stored};
use crate::tests::support::{self, Reply, Server};

const VALUE: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const FILE: &str = "vault/aws/act_00000000040000000000000000-key";

/// A served directory, and what a write with one secret left there.
struct Bench {
    dir: PathBuf,
    memory: Arc<Memory>,
    intents: usize,
}

impl Bench {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-taken-{}-{count}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).unwrap();
        Self { dir, memory: Arc::default(), intents: 0 }
    }

    fn slots(&self) -> VaultSlots {
        let files = Arc::new(Files::open(&self.dir).unwrap());
        let vault = Vault::open(&files, "vault/aws").unwrap();
        let salts: Salts = serde_json::from_value(json!({"key": "11".repeat(32)})).unwrap();
        VaultSlots { vaults: [("key".to_owned(), Arc::new(vault))].into(), salts }
    }

    /// Sends one write whose answer is this reply.
    async fn send(&mut self, rule: Rendered, reply: Reply) -> (Result<Value, Error>, Exchange) {
        let server = Server::start(vec![reply]).await;
        let upstream = support::upstream(server.port);
        let kept = Arc::<Mutex<Vec<crate::Intent>>>::default();
        let keep = Some(support::intend(&kept, None));
        let slots = Arc::new(self.slots());
        let mut egress = support::egress_of(&self.memory, &upstream, vec![rule.clone()], keep);
        let Transport::Network(network) = &mut egress.road else { unreachable!() };
        network.slots = slots;
        let request = Request {
            upstream: rule.upstream.clone(),
            method: rule.method.clone(),
            path: rule.path.clone(),
            headers: Vec::new(),
            body: rule.body.as_ref().map(ToString::to_string),
        };
        let told = egress.send(&request).await;
        let told = told.map(|told| serde_json::from_str(&told.body).unwrap());
        self.intents = kept.lock().unwrap().len();
        (told, egress.close().await.0.remove(0))
    }

    fn file(&self) -> Option<String> {
        std::fs::read_to_string(self.dir.join(FILE)).ok()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

fn rule() -> Rendered {
    let secrets = [("key".to_owned(), "/key/secret".to_owned())].into();
    Rendered { secrets, ..support::patch("/keys") }
}

#[tokio::test]
async fn a_secret_is_stored_and_nothing_else_has_it() {
    let mut bench = Bench::new();
    let echo = format!("your key is {VALUE}");
    let body = json!({"key": {"id": "k1", "secret": VALUE}, "note": echo});
    let (told, exchange) = bench.send(rule(), support::ok(&body)).await;
    let shown = json!({"key": {"id": "k1", "secret": "secret key"}, "note": "redacted"});
    assert_eq!(told.unwrap(), shown);
    assert_eq!(exchange.response, Some(shown));
    assert_eq!(exchange.redacted, ["/key/secret", "/note"]);
    assert_eq!(bench.file().as_deref(), Some(VALUE));
    let [taken] = exchange.secrets.as_slice() else { panic!("{exchange:?}") };
    assert_eq!((taken.name.as_str(), taken.file.as_deref()), ("key", Some(FILE)));
    assert_eq!(taken.commitment, bench.slots().salts.commitment("key", VALUE));
    assert_eq!(taken.problem, None);
    let record = serde_json::to_string(&exchange).unwrap();
    assert!(!record.contains("wJalrXUtnFEMI"), "{record}");
    // Other runs of the tenant find the value too.
    assert!(bench.memory.forms().finds(&echo));
}

#[tokio::test]
async fn a_secret_outside_of_what_is_exposed_is_stored_too() {
    let mut bench = Bench::new();
    let rule = Rendered { expose: Some(vec!["/key/id".to_owned()]), ..rule() };
    let body = json!({"key": {"id": "k1", "secret": VALUE}, "note": "x"});
    let (told, exchange) = bench.send(rule, support::ok(&body)).await;
    assert_eq!(told.unwrap(), json!({"key": {"id": "k1"}}));
    assert_eq!(exchange.redacted, [""; 0]);
    assert_eq!(bench.file().as_deref(), Some(VALUE));
}

#[tokio::test]
async fn a_value_that_is_no_text_is_hidden_and_not_stored() {
    let long = "x".repeat(17_000);
    for (value, why) in [
        (json!({"a": [VALUE]}), "no text at `/key/secret`"),
        (json!(1_234_567_890_123_456_i64), "no text at `/key/secret`"),
        (json!(null), "no text at `/key/secret`"),
        (json!(""), "an empty text"),
        (json!(long), "more than 16 KiB"),
    ] {
        let mut bench = Bench::new();
        let echo = value.to_string();
        let body = json!({"key": {"secret": value}, "note": VALUE, "echo": echo});
        let (told, exchange) = bench.send(rule(), support::ok(&body)).await;
        assert_eq!(told.unwrap()["key"]["secret"], "secret key");
        let taken = &exchange.secrets[0];
        assert!(taken.problem.as_ref().unwrap().contains(why), "{taken:?}");
        assert_eq!((taken.file.as_ref(), bench.file()), (None, None));
    }
    let mut bench = Bench::new();
    let (_, exchange) = bench.send(rule(), support::ok(&json!({"key": {}}))).await;
    let problem = exchange.secrets[0].problem.as_deref();
    assert_eq!(problem, Some("the answer has nothing at `/key/secret`"));
}

#[tokio::test]
async fn a_secret_of_ordinary_words_is_stored_and_found_by_its_own_run_only() {
    let mut bench = Bench::new();
    let words = "The Quarterly Report of 2026";
    let body = json!({"key": {"secret": words}, "echo": words});
    let (told, exchange) = bench.send(rule(), support::ok(&body)).await;
    assert_eq!(told.unwrap()["echo"], "redacted");
    assert!(exchange.secrets[0].is_stored());
    assert_eq!(bench.file().as_deref(), Some(words));
    assert!(!bench.memory.forms().finds(words), "another upstream may send these words");
    // A host that starts again does not search for them either.
    let vaults = bench.slots().vaults;
    learn_stored(&bench.memory, vaults.values());
    assert!(!bench.memory.forms().finds(words));
}

#[tokio::test]
async fn a_value_that_is_no_text_does_not_fill_the_memory_of_the_tenant() {
    let part = |n: usize| format!("x9-{n:08}-Kq7");
    let mut bench = Bench::new();
    let value = json!({ "a9-Kq7-member": [part(1), part(2), "secret key"] });
    let body = json!({"key": {"secret": value}, "echo": [part(2), "a9-Kq7-member", "other"]});
    let (told, exchange) = bench.send(rule(), support::ok(&body)).await;
    assert_eq!(told.unwrap()["echo"], json!(["redacted", "redacted", "other"]));
    assert_eq!(exchange.redacted, ["/echo/0", "/echo/1", "/key/secret"]);
    assert!(!bench.memory.forms().finds(&part(2)), "only this run searches for the parts");
    // Of a value with too many parts, nothing else of the answer is shown.
    let parts: Vec<String> = (0..3_000).map(part).collect();
    let body = json!({"key": {"secret": parts}, "echo": part(2_999)});
    let (told, exchange) = Bench::new().send(rule(), support::ok(&body)).await;
    assert_eq!(told.unwrap(), json!("redacted"));
    assert_eq!(exchange.redacted, [""]);
    assert_eq!(exchange.secrets[0].file, None);
}

#[tokio::test]
async fn an_answer_that_cannot_be_decoded_is_not_quoted() {
    for (status, kind) in [("200 OK", "application/json"), ("500 Oops", "application/json")] {
        let mut bench = Bench::new();
        let body = format!("{{\"key\": {{\"secret\": \"{VALUE}\"");
        let (_, exchange) = bench.send(rule(), support::answer(status, kind, &body)).await;
        let record = serde_json::to_string(&exchange).unwrap();
        assert!(!record.contains("wJalrXUtnFEMI"), "{record}");
        assert_eq!(bench.file(), None);
    }
}

#[tokio::test]
async fn a_refusal_with_a_secret_hides_it_and_stores_nothing() {
    let mut bench = Bench::new();
    let body = json!({"key": {"secret": VALUE}}).to_string();
    let reply = support::answer("409 Conflict", "application/json", &body);
    let (told, exchange) = bench.send(rule(), reply).await;
    assert_eq!(told.unwrap(), json!({"key": {"secret": "secret key"}}));
    assert_eq!((exchange.secrets.len(), bench.file()), (0, None));
}

#[tokio::test]
async fn nothing_is_sent_if_the_secret_could_not_be_stored() {
    let mut bench = Bench::new();
    std::fs::create_dir_all(bench.dir.join("vault/aws")).unwrap();
    std::fs::set_permissions(bench.dir.join("vault/aws"), PermissionsExt::from_mode(0o700))
        .unwrap();
    std::fs::write(bench.dir.join(FILE), "planted").unwrap();
    let (told, exchange) = bench.send(rule(), Reply::Close).await;
    let why = "not sent: secret `key` could not be stored; the log of the host says why";
    assert!(matches!(told, Err(Error::NotSent(text)) if text == why));
    assert_eq!((exchange.fate, bench.intents), (Fate::NotSent, 0));
    assert_eq!(bench.file().as_deref(), Some("planted"));
}

#[tokio::test]
async fn a_folder_that_becomes_a_link_after_the_check_gets_no_secret() {
    let bench = Bench::new();
    let slots = bench.slots();
    std::fs::create_dir(bench.dir.join("elsewhere")).unwrap();
    std::fs::create_dir(bench.dir.join("vault")).unwrap();
    symlink("../elsewhere", bench.dir.join("vault/aws")).unwrap();
    let found = [Found { name: "key".to_owned(), value: Ok(VALUE.to_owned().into()) }];
    let action = deed_record::action::id::ActionId::new(1, [0; 10]);
    let taken = slots.store(&action, &found).remove(0);
    assert!(taken.problem.unwrap().contains("is a link"));
    assert_eq!((taken.file, bench.file()), (None, None));
}
