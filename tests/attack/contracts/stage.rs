//! A served fixture with contracts of format 2 and an upstream that keeps the raw bytes of every request and answers
//! with a function of the test.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_test_support::shared::{report, scim};
use deed_tests::client::Answer;
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World, edit};
use deed_verify::Verdict;
use serde_json::{Value, json};

pub(super) use crate::upstreams::stage::fresh;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query below the base path of the upstream, or the whole target if it is elsewhere.
    pub(super) target: String,
    /// All bytes before the empty line.
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

type Reply = Box<dyn FnMut(&Request) -> Vec<u8> + Send>;

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Request>>,
    reply: Mutex<Option<Reply>>,
}

/// The host, its contracts and the upstream `field`.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

/// The base path of the upstream.
const BASE: &str = "/v2";

/// The header line of a JSON answer.
pub(super) const JSON: &str = "content-type: application/json\r\n";

impl Request {
    pub(super) fn is_write(&self) -> bool {
        self.method != "GET" && self.method != "HEAD"
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Stage {
    /// Serves these contracts, each with its name.
    pub(super) fn new(contracts: &[(&str, String)]) -> Self {
        Self::with(contracts, "", "")
    }

    /// Serves these contracts with additional lines in the table of the upstream and with additional policies.
    pub(super) fn with(contracts: &[(&str, String)], lines: &str, policies: &str) -> Self {
        Self::changed(contracts, lines, policies, |_| Ok(()))
    }

    /// Like [`Stage::with`], with further changes to the files of the directory.
    pub(super) fn changed(
        contracts: &[(&str, String)],
        lines: &str,
        policies: &str,
        more: impl FnOnce(&Path) -> Result<()>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || kept.serve(stream).is_some());
            }
        });
        let change = |dir: &Path| {
            lay_out(dir, &address.to_string(), contracts, lines, policies)?;
            more(dir)
        };
        let world = World::with(scim(), "scim", change).unwrap();
        Self { world, address, shared }
    }

    /// Answers all further requests with this function, and forgets the earlier requests. If the answer is empty, the
    /// upstream closes the connection.
    pub(super) fn replies(&self, reply: impl FnMut(&Request) -> Vec<u8> + Send + 'static) {
        *lock(&self.shared.reply) = Some(Box::new(reply));
        lock(&self.shared.seen).clear();
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        lock(&self.shared.seen).clone()
    }

    pub(super) fn writes(&self) -> Vec<Request> {
        self.seen().into_iter().filter(Request::is_write).collect()
    }

    /// Proposes as the helpdesk agent, and waits until the action has ended.
    pub(super) fn propose(&self, contract: &str, params: &Value) -> Answer {
        self.propose_text(contract, &params.to_string())
    }

    /// Like [`Stage::propose`], with parameters that are sent exactly as they are written.
    pub(super) fn propose_text(&self, contract: &str, params: &str) -> Answer {
        let rest = r#""intent":"the attack is proposed","sources":[{"uri":"ticket:4711"}]"#;
        let body = format!(r#"{{"contract":"field.{contract}","params":{params},{rest}}}"#);
        let wait = [("prefer", "wait=60")];
        self.world.client(HELPDESK).send("POST", "/v1/actions", &wait, body.into_bytes()).unwrap()
    }

    /// Checks that an action has this outcome for a reason with this text, and that a verifier agrees.
    pub(super) fn judged(&self, answer: &Answer, outcome: &str, why: &str, variant: &str) -> Value {
        let view = answer.json();
        assert_eq!(view["status"], outcome, "{variant}: {view:#}");
        let reason = view["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{variant}: `{reason}` does not say `{why}`");
        let report = report(&self.world, view["id"].as_str().unwrap());
        assert_eq!(report.verdict, Verdict::Verified, "{variant}: {report:#?}");
        view
    }

    /// Checks that a proposal was refused with a text that contains `why`, and that nothing was sent.
    pub(super) fn refused(&self, answer: &Answer, status: u16, why: &str, variant: &str) {
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert_eq!(answer.status, status, "{variant}: {said}");
        assert!(said.contains(why), "{variant}: `{said}` does not say `{why}`");
        assert!(self.seen().is_empty(), "{variant}: {:?}", self.seen());
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let request = read(&mut stream)?;
        lock(&self.seen).push(request.clone());
        let answer = lock(&self.reply).as_mut().map(|reply| reply(&request)).unwrap_or_default();
        stream.write_all(&answer).ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one request; its body has a content length.
fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    head.truncate(head.len() - 4);
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let target = target.strip_prefix(BASE).unwrap_or(target).to_owned();
    let length = lines.find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, target, head, body })
}

/// An answer with these header lines, each of which ends with a line break. An answer with 204 has no body.
pub(super) fn raw(status: u16, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    if status == 204 {
        return format!("HTTP/1.1 204 X\r\nconnection: close\r\n{lines}\r\n").into_bytes();
    }
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\n{lines}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// An answer with this JSON body.
pub(super) fn says(status: u16, body: &Value) -> Vec<u8> {
    raw(status, JSON, body.to_string())
}

/// A contract `field.NAME` for one object of the upstream `field`, with these parameters and tables in addition to the
/// parameter `id`. `params` is the list of required parameters and their properties.
pub(super) fn contract<'n>(
    name: &'n str,
    verb: &str,
    params: &[(&str, &str)],
    tables: &str,
) -> (&'n str, String) {
    let names = params.iter().map(|(name, _)| *name);
    let required: Vec<&str> = ["id"].into_iter().chain(names).collect();
    let required = json!(required);
    let property = |(name, schema): &(&str, &str)| format!("properties.{name} = {schema}\n");
    let properties: String = params.iter().map(property).collect();
    let text = format!(
        r#"format = 2
[action]
name     = "field.{name}"
version  = "1.0.0"
title    = "Try something"
verb     = "{verb}"
mode     = "write"
effect   = "observable"
resource = "field/{name}-{{id}}"
adapter  = "declared"
[params]
required = {required}
properties.id = {{ type = "string", pattern = "^[0-9a-f]{{32}}$" }}
{properties}
{tables}
[limits]
backoff = "50ms"
observe = "3s"
"#
    );
    (name, text)
}

/// The line of a grant that permits every POST of this contract that only reads; empty if there is none, or if the
/// contract is refused.
pub(super) fn safe(text: &str) -> String {
    let Ok(contract) = Contract::from_toml("c.toml", text) else { return String::new() };
    let reviewed =
        |rule: &Rule| format!("'{}' = '{}'", rule.request, contract.reviewed(rule).unwrap());
    let rules = contract.observe.http.iter().filter(|rule| rule.reads);
    let lines: Vec<String> = rules.map(reviewed).collect();
    if lines.is_empty() { String::new() } else { format!("safe = {{ {} }}\n", lines.join(", ")) }
}

/// Adds the contracts, their grants, the upstream and a policy to the directory of a fixture. The grants permit every
/// POST that only reads, as if the operator had reviewed it.
pub(super) fn lay_out(
    dir: &Path,
    address: &str,
    contracts: &[(&str, String)],
    lines: &str,
    policies: &str,
) -> Result<()> {
    let permit = |(name, _): &(&str, String)| {
        format!(
            r#"@id("{name}")
permit (principal, action == Deed::Action::"field.{name}", resource)
when {{ principal.roles.contains("helpdesk") }};
"#
        )
    };
    let permits: String = contracts.iter().map(permit).collect();
    fs::write(dir.join("policies/field.cedar"), format!("{permits}{policies}"))?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/field.cedar\""))?;
    let upstream = format!(
        r#"
[tenant.acme.upstream.field]
base_url  = "http://{address}{BASE}"
addresses = ["loopback"]
timeout   = "2s"
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}
{lines}
"#
    );
    let mut text = fs::read_to_string(dir.join("deed.toml"))? + &upstream;
    for (name, contract) in contracts {
        fs::write(dir.join(format!("contracts/field_{name}.toml")), contract)?;
        let safe = safe(contract);
        text = format!(
            "{text}\n[tenant.acme.grant.\"field.{name}\"]\nupstreams = [\"field\"]\n{safe}"
        );
    }
    Ok(fs::write(dir.join("deed.toml"), text)?)
}
