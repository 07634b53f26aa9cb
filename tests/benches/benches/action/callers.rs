//! The requests that the bench's callers repeat: one part of the floor (the minimum work of an action), an action that
//! needs no approval, the same action over MCP, and an action that a person approves.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use deed_benches::load::{Answer, Caller, Work, get, post};
use deed_record::statement::approval::{self, Answer as Word, ApprovalRequest};
use deed_tests::services::Result;
use deed_tests::world::{BOB, World};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::stage::{AGENTS, token};

/// Requests one part of the floor, the minimum cost of an action.
pub(super) struct Floor(pub(super) &'static str);

impl Work for Floor {
    async fn once(&self, to: &mut Caller, _n: u64) -> Result<()> {
        let answer = to.send(&post(&format!("/{}", self.0), "", b"")).await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(format!("{}: {}", self.0, answer.status).into())
        }
    }
}

/// Runs an action from the proposal to its end. Each action is about a different user.
pub(super) struct Plain(pub(super) &'static str);

/// The number of users so far, which makes each action be about a different user.
static USERS: AtomicU64 = AtomicU64::new(0);

fn user() -> String {
    format!("{:032x}", USERS.fetch_add(1, Ordering::Relaxed))
}

fn propose(contract: &str, n: u64) -> Vec<u8> {
    let user = user();
    let body = World::proposal(contract, &user).to_string();
    let headers = format!("{}prefer: wait=60\r\n", authorization(&token(n % AGENTS)));
    post("/v1/actions", &headers, body.as_bytes())
}

fn authorization(token: &str) -> String {
    format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n")
}

/// The view of the action in an answer. Fails unless the action has the status `wanted`.
fn view(answer: &Answer, wanted: &str) -> Result<Value> {
    let view: Value = serde_json::from_slice(&answer.body)?;
    if view.get("status").is_some_and(|status| status == wanted) {
        return Ok(view);
    }
    Err(format!("{} instead of `{wanted}`: {view}", answer.status).into())
}

impl Work for Plain {
    async fn once(&self, to: &mut Caller, n: u64) -> Result<()> {
        view(&to.send(&propose(self.0, n)).await?, "verified").map(drop)
    }
}

/// Makes the same action as [`Plain`] with `idp.read_user`, as a call of a tool of the MCP server.
pub(super) struct Called;

const TOOL: &str = "idp_read_user";

fn call(n: u64) -> Vec<u8> {
    let proposal = World::proposal("idp.read_user", "");
    let of = |name: &str| proposal.get(name).cloned();
    let arguments = json!({"user_id": user(), "intent": of("intent"), "sources": of("sources")});
    let client = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": TOOL, "arguments": arguments, "_meta": client});
    let body = json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params});
    let headers = format!(
        "{}accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
         mcp-method: tools/call\r\nmcp-name: {TOOL}\r\n",
        authorization(&token(n % AGENTS))
    );
    post("/mcp", &headers, body.to_string().as_bytes())
}

impl Work for Called {
    async fn once(&self, to: &mut Caller, n: u64) -> Result<()> {
        let answer = to.send(&call(n)).await?;
        let message: Value = serde_json::from_slice(&answer.body)?;
        let status = message.pointer("/result/structuredContent/status");
        if status.is_some_and(|status| status == "verified") {
            return Ok(());
        }
        Err(format!("{} instead of `verified`: {message}", answer.status).into())
    }
}

/// Runs an action that a person approves: the caller fetches the approval request, signs the approval, and waits for
/// the action to end.
pub(super) struct Approved {
    key: SigningKey,
}

impl Approved {
    pub(super) fn new(dir: &Path) -> Result<Self> {
        Ok(Self { key: deed_host::config::keys::read(&dir.join("approvers/bob.key"))? })
    }
}

impl Work for Approved {
    async fn once(&self, to: &mut Caller, n: u64) -> Result<()> {
        let waiting = view(&to.send(&propose("idp.restore_access", n)).await?, "waiting")?;
        let id = waiting.get("id").and_then(Value::as_str).unwrap_or_default();
        let asked = to
            .send(&get(&format!("/v1/actions/{id}/approval_request"), &authorization(BOB)))
            .await?;
        let request: ApprovalRequest = serde_json::from_slice(&asked.body)?;
        let terms = request.terms(Word::Approve, "bob", "support-lead")?;
        let envelope = approval::sign(request.action.digest()?, &terms, &self.key)?;
        let headers = format!("{}prefer: wait=60\r\n", authorization(BOB));
        let body = serde_json::to_vec(&envelope)?;
        let answer =
            to.send(&post(&format!("/v1/actions/{id}/approvals"), &headers, &body)).await?;
        view(&answer, "verified").map(drop)
    }
}
