//! The requests of a case as they arrive at an upstream, each with the answer that is sent to it.

use deed_record::exchange::codec::{Codec, Incoming, form};
use deed_spec::digest::Digest;

use super::wire::Reply;
use crate::maintenance::contract_test::{RecordedAnswer, Script, Scripted};

/// The longest `Retry-After` that is sent, so that a case does not wait for longer.
const RETRY_AFTER_MAX_S: u32 = 1;
/// The maximum number of characters of a request in a message.
const SHOWN: usize = 400;

/// The requests of one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    pub(super) before: Vec<Line>,
    pub(super) reads: Vec<Line>,
    pub(super) writes: Vec<Line>,
    pub(super) after: Vec<Line>,
}

/// One request of a case.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) asked: Asked,
    pub(super) writes: bool,
    /// `None` if the answer was lost.
    pub(super) reply: Option<Reply>,
}

/// A request as an upstream sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) upstream: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// The request in one line, without its body.
    pub(super) fn head(&self) -> String {
        format!("{} {} {}", self.upstream, self.method, self.target)
    }

    /// The request in one line, shortened.
    pub(super) fn shown(&self) -> String {
        let text = format!("{} {}", self.head(), String::from_utf8_lossy(&self.body));
        let text = text.trim_end();
        let short: String = text.chars().take(SHOWN).collect();
        if short.len() < text.len() { format!("{short} …") } else { short }
    }
}

impl Lines {
    /// Fails with the reason when an answer of the case cannot be sent.
    pub(super) fn of(script: &Script<'_>) -> Result<Self, String> {
        let all = |list: &[Scripted<'_>]| list.iter().map(line).collect::<Result<Vec<_>, String>>();
        Ok(Self {
            before: all(&script.before)?,
            reads: all(&script.reads)?,
            writes: all(&script.writes)?,
            after: all(&script.after)?,
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Line> {
        self.before.iter().chain(&self.reads).chain(&self.writes).chain(&self.after)
    }
}

fn line(one: &Scripted<'_>) -> Result<Line, String> {
    let request = &one.request;
    let body = match &request.body {
        Some(body) => request.codec.encode(body, &request.numbers)?,
        None => vec![],
    };
    let asked = Asked {
        upstream: request.upstream.clone(),
        method: request.method.clone(),
        target: request.path.clone(),
        body,
    };
    let reply = reply(one.answer, &request.codec, request.writes);
    let reply = reply.map_err(|why| format!("the answer to `{}` {why}", asked.head()))?;
    Ok(Line { asked, writes: request.writes, reply })
}

fn reply(answer: &RecordedAnswer, codec: &Codec, writes: bool) -> Result<Option<Reply>, String> {
    let Some(status) = answer.status() else { return Ok(None) };
    let (kind, body) = content(answer, codec)?;
    let mut headers = Vec::new();
    headers.extend(answer.location().map(|path| ("location", path.to_owned())));
    let after_s = answer.retry_after_s().map(|seconds| seconds.min(RETRY_AFTER_MAX_S));
    headers.extend(after_s.map(|seconds| ("retry-after", seconds.to_string())));
    // A guarded write needs the entity tag of what was read.
    if !writes && (200..300).contains(&status) {
        headers.push(("etag", format!("\"{}\"", Digest::of(body.as_bytes()))));
    }
    Ok(Some(Reply { status, headers, kind, body }))
}

/// The content type and the bytes of an answer, which the codec of the rule decodes to the recorded body.
fn content(answer: &RecordedAnswer, codec: &Codec) -> Result<(&'static str, String), String> {
    let Some(text) = answer.text() else { return Ok(("", String::new())) };
    match codec.response {
        Incoming::Json | Incoming::None => Ok(("application/json", text)),
        Incoming::Text => match serde_json::from_str::<String>(&text) {
            Ok(text) => Ok(("text/plain; charset=utf-8", text)),
            Err(_) => Ok(("application/json", text)),
        },
        Incoming::Form => {
            let value = serde_json::from_str(&text).map_err(|e| format!("is not JSON: {e}"))?;
            let body =
                form::encode(&value).map_err(|e| format!("cannot be sent as a form: {e}"))?;
            Ok(("application/x-www-form-urlencoded", body))
        }
        Incoming::Xml => {
            Err("is XML, which `deed adapter test` cannot send; test this contract with \
                              `deed contract test`"
                .to_owned())
        }
    }
}
