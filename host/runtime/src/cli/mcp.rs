//! `deed mcp`: connects an MCP client that starts a process to the MCP server of a host. The command reads one message
//! from each line of stdin, posts it to the host, and writes each answer as one line to stdout.

mod calls;
mod events;
mod headers;
mod lines;
mod slots;

use std::io::{self, Read as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use self::calls::{Call, Calls, cancelled};
use self::events::Events;
use self::headers::Header;
use self::lines::Line;
use self::slots::Slots;
use super::client::{Client, Connection, Opened, refusal};
use super::out::{self, Failure};
use crate::api::BODY_MAX;

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
    calls: Calls,
}

const PATH: &str = "/mcp";
const ACCEPT: &str = "application/json, text/event-stream";
/// JSON-RPC 2.0: a line is not JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: a line is not a request.
const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC 2.0: the host did not answer with a message.
const INTERNAL_ERROR: i32 = -32603;
/// The maximum length of a line whose id is read for the error, in bytes. The host accepts lines up to `BODY_MAX`.
const LINE_MAX: usize = 16 * BODY_MAX;
/// How many requests are in progress at once. Further lines are read when one of them has its answer.
const REQUESTS_MAX: usize = 16;
/// The same for messages that are not requests. They have places of their own, so that a notification that cancels a
/// request does not wait for that request.
const OTHERS_MAX: usize = 4;

/// Runs until stdin ends and every answer is written. Messages are carried at the same time, because a call may wait.
pub(super) fn run(args: &McpArgs) -> Result<ExitCode, Failure> {
    let (client, revision, calls) = (args.connection.open()?, Mutex::default(), Calls::default());
    let bridge = &Bridge { client, revision, calls };
    let (requests, others) = (&Slots::new(REQUESTS_MAX), &Slots::new(OTHERS_MAX));
    thread::scope(|scope| {
        let mut input = io::stdin().lock();
        let unreadable = |e: io::Error| Failure::Failed(format!("stdin: {e}"));
        while let Some(line) = lines::next(&mut input, LINE_MAX).map_err(unreadable)? {
            let Some((message, text)) = message(line) else { continue };
            if let Some(id) = cancelled(&message) {
                bridge.calls.cancel(id);
            }
            let slot = if id(&message).is_some() { requests.take() } else { others.take() };
            // The call is noted here, so that the next line can cancel it.
            let call = bridge.begin(&message);
            scope.spawn(move || {
                bridge.carry(&message, &text, call.as_ref());
                drop(slot);
            });
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The message in a line, and its text. A line that is not a message is answered with an error; an empty line is
/// skipped.
fn message(line: Line) -> Option<(Value, Vec<u8>)> {
    let Line::Whole(text) = line else {
        say(&too_long(&Value::Null));
        return None;
    };
    if text.trim_ascii().is_empty() {
        return None;
    }
    match serde_json::from_slice::<Value>(&text) {
        read if text.len() > BODY_MAX => {
            let message = read.unwrap_or_default();
            say(&too_long(id(&message).unwrap_or(&Value::Null)));
            None
        }
        Ok(message) => Some((message, text)),
        Err(error) => {
            say(&failed(&Value::Null, PARSE_ERROR, &format!("the line is not JSON: {error}")));
            None
        }
    }
}

fn too_long(id: &Value) -> Value {
    failed(id, INVALID_REQUEST, &format!("a line can have at most {} KiB", BODY_MAX / 1024))
}

/// The id of a request; `None` for a notification or an answer.
fn id(message: &Value) -> Option<&Value> {
    message.get("id").filter(|_| message.get("method").is_some())
}

/// Writes one message. When stdout cannot be written, the client is gone.
fn say(message: &Value) {
    out::print(&message.to_string()).unwrap_or_else(|why| out::note(&why.to_string()));
}

impl Bridge {
    /// Notes a call of a tool. Other requests end soon, so they share connections and are not cancelled.
    fn begin(&self, message: &Value) -> Option<Arc<Call>> {
        let method = message.get("method").and_then(Value::as_str);
        let id = id(message).filter(|_| method == Some("tools/call"))?;
        Some(self.calls.begin(id, self.client.separate()))
    }

    /// Posts one message, and writes the answers. Every request gets an answer, also if the host gave none, unless the
    /// client cancelled it.
    fn carry(&self, message: &Value, text: &[u8], call: Option<&Arc<Call>>) {
        let client = call.map_or(&self.client, |call| &call.client);
        let agreed = self.revision.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let carried = match headers::of(message, agreed) {
            Ok(headers) => {
                let sent = self.exchange(client, &headers, (message, text));
                sent.map_err(|why| (INTERNAL_ERROR, why.what()))
            }
            Err(why) => Err((INVALID_REQUEST, why)),
        };
        let id = id(message);
        if let (Some(id), Some(call)) = (id, call) {
            self.calls.end(id, call);
        }
        let is_cancelled = call.is_some_and(|call| call.is_cancelled());
        if let (Err((code, why)), Some(id)) = (carried, id.filter(|_| !is_cancelled)) {
            say(&failed(id, code, &why));
        }
    }

    /// Fails if the host did not answer a request.
    fn exchange(
        &self,
        client: &Client,
        headers: &[Header],
        (message, text): (&Value, &[u8]),
    ) -> Result<(), Failure> {
        let mut sent = vec![("accept", ACCEPT)];
        sent.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        let opened = client.open("POST", PATH, &sent, text)?;
        if opened.is_event_stream {
            self.stream(message, opened)
        } else {
            self.whole(message, opened)
        }
    }

    /// Writes the answer that is the whole body.
    fn whole(&self, message: &Value, mut opened: Opened) -> Result<(), Failure> {
        let mut body = Vec::new();
        opened.body.read_to_end(&mut body).map_err(|e| cut_off(&e))?;
        if let Some(answer) = answer(&body) {
            self.forward(message, answer);
            return Ok(());
        }
        if id(message).is_none() && (200..300).contains(&opened.status) {
            return Ok(());
        }
        Err(refusal(opened.status, &body, true))
    }

    /// Writes each message of an event stream when it arrives, until the answer to the request.
    fn stream(&self, message: &Value, opened: Opened) -> Result<(), Failure> {
        for event in Events::of(opened.body) {
            let Some(one) = answer(&event.map_err(|e| cut_off(&e))?) else { continue };
            let ends = one.get("method").is_none();
            self.forward(message, one);
            if ends {
                return Ok(());
            }
        }
        Err(Failure::Failed("the host's event stream ended without an answer".to_owned()))
    }

    /// Writes a message of the host. An error without an id is the answer to the only request that was sent.
    fn forward(&self, message: &Value, mut answer: Value) {
        self.note_revision(message, &answer);
        let is_error = answer.get("error").is_some();
        if let (Some(place), Some(id)) = (answer.get_mut("id"), id(message))
            && is_error
            && place.is_null()
        {
            *place = id.clone();
        }
        say(&answer);
    }

    fn note_revision(&self, message: &Value, answer: &Value) {
        if message.get("method").and_then(Value::as_str) != Some("initialize") {
            return;
        }
        if let Some(agreed) = answer.pointer("/result/protocolVersion").and_then(Value::as_str) {
            let mut revision = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
            *revision = Some(agreed.to_owned());
        }
    }
}

fn cut_off(error: &io::Error) -> Failure {
    Failure::Failed(format!("the host's answer was cut off: {error}"))
}

/// The JSON-RPC message in these bytes.
fn answer(bytes: &[u8]) -> Option<Value> {
    let message = serde_json::from_slice::<Value>(bytes).ok()?;
    Some(message).filter(|message| message.get("jsonrpc").is_some())
}

/// The error for a request that has no other answer.
fn failed(id: &Value, code: i32, why: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_json_rpc_message_is_an_answer() {
        let one = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
        assert_eq!(answer(one.to_string().as_bytes()), Some(one));
        assert_eq!(answer(b""), None);
        assert_eq!(answer(br#"{"title":"no valid token","status":401}"#), None);
    }

    #[test]
    fn only_a_request_has_an_id() {
        assert_eq!(id(&json!({"id": 1, "method": "ping"})), Some(&json!(1)));
        assert_eq!(id(&json!({"id": 1, "result": {}})), None);
        assert_eq!(id(&json!({"method": "notifications/cancelled"})), None);
    }
}
