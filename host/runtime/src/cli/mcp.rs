//! `deed mcp`: connects an MCP client that starts a process to the MCP server of a host. The command reads one message
//! from each line of stdin, posts it to the host, and writes each answer as one line to stdout.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Client, Connection, refusal};
use super::out::{self, Failure};

/// Connect an MCP client on stdin and stdout to a host, as an agent does
#[derive(Debug, clap::Args)]
pub(super) struct McpArgs {
    #[command(flatten)]
    connection: Connection,
}

/// The connection to the host, and the revision of the protocol that `initialize` agreed on.
struct Bridge {
    client: Client,
    revision: Mutex<Option<String>>,
}

const PATH: &str = "/mcp";
const ACCEPT: &str = "application/json, text/event-stream";
/// The member of `_meta` that has the revision of a request, in revisions without `initialize`.
const REVISION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
/// JSON-RPC 2.0: a line is not JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: the host did not answer with a message.
const INTERNAL_ERROR: i32 = -32603;

/// Runs until stdin ends and every answer is written. Messages are carried at the same time, because a call may wait.
pub(super) fn run(args: &McpArgs) -> Result<ExitCode, Failure> {
    let bridge = &Bridge { client: args.connection.open()?, revision: Mutex::default() };
    thread::scope(|scope| {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|e| Failure::Failed(format!("stdin: {e}")))?;
            if !line.trim().is_empty() {
                scope.spawn(move || bridge.carry(&line));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

impl Bridge {
    /// Posts one message, and writes the answer. Every request gets an answer, also if the host gave none.
    fn carry(&self, line: &str) {
        let answers = match serde_json::from_str::<Value>(line) {
            Err(error) => vec![failed(&Value::Null, PARSE_ERROR, &error.to_string())],
            Ok(message) => self.post(&message, line),
        };
        for answer in answers {
            // When stdout cannot be written, the client is gone.
            out::print(&answer.to_string()).unwrap_or_else(|why| out::note(&why.to_string()));
        }
    }

    fn post(&self, message: &Value, line: &str) -> Vec<Value> {
        let headers = self.headers(message);
        let mut sent = vec![("accept", ACCEPT)];
        sent.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        let id = message.get("id").filter(|_| message.get("method").is_some());
        match self.client.answer("POST", PATH, &sent, line.as_bytes()) {
            Ok((status, body)) => {
                let answers = messages(&body);
                if answers.is_empty() && !(200..300).contains(&status) {
                    let why = refusal(status, &body, true).to_string();
                    return id.map(|id| failed(id, INTERNAL_ERROR, &why)).into_iter().collect();
                }
                self.note_revision(message, &answers);
                answers
            }
            Err(failure) => {
                let why = failure.to_string();
                id.map(|id| failed(id, INTERNAL_ERROR, &why)).into_iter().collect()
            }
        }
    }

    /// The headers that describe a message: its revision, its method, and the tool or resource that it is about.
    fn headers(&self, message: &Value) -> Vec<(&'static str, String)> {
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let mut headers = Vec::new();
        let method = text("/method");
        if method != Some("initialize") {
            let agreed = || self.revision.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let revision = text(REVISION).map(str::to_owned).or_else(agreed);
            headers.extend(revision.map(|revision| ("mcp-protocol-version", revision)));
        }
        headers.extend(method.map(|method| ("mcp-method", encoded(method))));
        let key = match method {
            Some("tools/call" | "prompts/get") => text("/params/name"),
            Some("resources/read") => text("/params/uri"),
            Some("tasks/get" | "tasks/update" | "tasks/cancel") => text("/params/taskId"),
            _ => None,
        };
        headers.extend(key.map(|key| ("mcp-name", encoded(key))));
        headers
    }

    fn note_revision(&self, message: &Value, answers: &[Value]) {
        if message.get("method").and_then(Value::as_str) != Some("initialize") {
            return;
        }
        let agreed =
            answers.iter().find_map(|one| one.pointer("/result/protocolVersion")?.as_str());
        if let Some(agreed) = agreed {
            let mut revision = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
            *revision = Some(agreed.to_owned());
        }
    }
}

/// The messages in the body of an answer: one JSON text, or the data of an event stream.
fn messages(body: &[u8]) -> Vec<Value> {
    let is_message = |value: &Value| value.get("jsonrpc").is_some();
    let parse = |text: &[u8]| serde_json::from_slice::<Value>(text).ok().filter(is_message);
    if let Some(one) = parse(body) {
        return vec![one];
    }
    let lines = body.split(|byte| *byte == b'\n');
    lines.filter_map(|line| parse(line.strip_prefix(b"data:")?)).collect()
}

/// The error for a request that has no other answer.
fn failed(id: &Value, code: i32, why: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}})
}

/// A text as the value of a header. A text that a header cannot have is sent as base64.
fn encoded(text: &str) -> String {
    let fits = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && text.trim() == text
        && !text.starts_with("=?base64?");
    if fits { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_header_cannot_have_is_encoded() {
        assert_eq!(encoded("tools/call"), "tools/call");
        for text in ["", " a", "ä", "a\nb", "=?base64?YQ==?="] {
            assert!(encoded(text).starts_with("=?base64?"), "{text:?}");
        }
    }

    #[test]
    fn an_answer_is_one_message_or_an_event_stream() {
        let one = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
        assert_eq!(messages(one.to_string().as_bytes()), std::slice::from_ref(&one));
        let stream = format!("event: message\ndata: {one}\n\ndata:\n\n");
        assert_eq!(messages(stream.as_bytes()), [one]);
        assert!(messages(b"").is_empty());
        assert!(messages(br#"{"title":"no valid token","status":401}"#).is_empty());
    }
}
