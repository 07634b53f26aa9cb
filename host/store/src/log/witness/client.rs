//! Client of one witness over HTTP (C2SP tlog-witness): submits a checkpoint and returns the witness's signature line.
//!
//! Answers are not trusted: each is bounded, and a line counts only if the witness's key signed this very checkpoint,
//! at a plausible time. It uses no proxy and follows no redirect.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use deed_spec::note::cosignature;
use deed_system::USER_AGENT;
use deed_system::clock::Clock;
use ureq::Agent;
use ureq::http::Response;

use super::board::Tree;
use crate::log::Log;
use crate::log::witnesses::Witness;

/// One submission, from name resolution to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Room for the lines of a handful of keys.
const ANSWER_MAX: u64 = 16 << 10;
/// A witness that has seen another size reports it once; then the proof starts there.
const TRIES: usize = 3;
/// How far a witness's clock may be ahead of the host's, and how long ago it may have signed: it may repeat its
/// signature of a checkpoint that it knows.
const AHEAD_S: i64 = 5 * 60;
const BEHIND_S: i64 = 24 * 3_600;

/// The client of one witness for one log.
#[derive(Debug)]
pub(super) struct WitnessClient {
    witness: Witness,
    agent: Agent,
    log: Arc<Mutex<Log>>,
    clock: Clock,
    /// The largest tree that the witness has seen, as far as the host knows.
    seen: u64,
}

/// Why there is no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It did not answer, or not with a valid line.
    Failed(String),
    /// It reports that this log contradicts the tree that it saw before, or is behind it.
    Alarm(String),
}

/// The content of an answer.
enum Said {
    Line(String),
    /// It has seen a tree of this size.
    Size(u64),
}

impl WitnessClient {
    pub(super) fn new(witness: Witness, log: Arc<Mutex<Log>>, clock: Clock) -> Self {
        let config = Agent::config_builder()
            .user_agent(USER_AGENT)
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false);
        Self { witness, agent: config.build().into(), log, clock, seen: 0 }
    }

    /// The witness's line on this tree, with its newline.
    pub(super) fn submit(&mut self, tree: &Tree) -> Result<String, Refusal> {
        for _ in 0..TRIES {
            // Trees only grow, so the smaller size is the older tree.
            let old = self.seen.min(tree.size);
            match self.post(old, tree)? {
                Said::Line(line) => {
                    self.seen = tree.size;
                    return Ok(line);
                }
                Said::Size(size) if size == old => return Err(contradiction(size)),
                Said::Size(size) if size > tree.size => {
                    return Err(Refusal::Alarm(format!(
                        "it has seen {size} entries of this log, which has {}: the log was rolled \
                         back or forked, or the witness is wrong",
                        tree.size
                    )));
                }
                Said::Size(size) => self.seen = size,
            }
        }
        Err(Refusal::Failed("it reports another size on each request".to_owned()))
    }

    fn post(&self, old: u64, tree: &Tree) -> Result<Said, Refusal> {
        let failed = |e: ureq::Error| Refusal::Failed(e.to_string());
        let url = format!("{}/add-checkpoint", self.witness.url);
        let request = self.agent.post(&url).header("Content-Type", "text/plain; charset=utf-8");
        let mut response = request.send(self.body(old, tree)?).map_err(failed)?;
        let status = response.status().as_u16();
        let is_size = has_type(&response, "text/x.tlog.size");
        let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
        let text = String::from_utf8(body.map_err(failed)?);
        let text = text.map_err(|_| Refusal::Failed("its answer is not text".to_owned()))?;
        match status {
            200 => self.line(&text, tree).map(Said::Line),
            409 if is_size => size(&text)
                .map(Said::Size)
                .ok_or_else(|| Refusal::Failed("its 409 has no size".to_owned())),
            409 | 422 if old > 0 => Err(contradiction(old)),
            403 => Err(Refusal::Failed("it has another key for this log (403)".to_owned())),
            404 => Err(Refusal::Failed("it does not know this log (404)".to_owned())),
            status => Err(Refusal::Failed(format!("it answered with status {status}"))),
        }
    }

    /// `old <n>`, the consistency proof, a blank line and the checkpoint.
    fn body(&self, old: u64, tree: &Tree) -> Result<String, Refusal> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = log.consistency(old, tree.size);
        drop(log);
        let proof = proof.map_err(|e| Refusal::Failed(format!("there is no proof for it: {e}")))?;
        let lines = proof.iter().map(|hash| BASE64.encode(hash) + "\n");
        Ok(format!("old {old}\n{}\n{}", lines.collect::<String>(), tree.note))
    }

    /// The witness's own line, verified; lines of unknown keys are left out.
    fn line(&self, text: &str, tree: &Tree) -> Result<String, Refusal> {
        let failed = |why: String| Refusal::Failed(why);
        // A blank line would change the text that is signed.
        let plain = |line: &str| line.starts_with("— ") && line.ends_with('\n');
        if !text.split_inclusive('\n').all(plain) {
            return Err(failed("its answer is not a list of signature lines".to_owned()));
        }
        let note = format!("{}{text}", tree.note);
        let found = cosignature(&note, &self.witness.key).map_err(|e| failed(e.to_string()))?;
        let found =
            found.ok_or_else(|| failed("its answer does not contain its signature".to_owned()))?;
        let now = self.clock.now_ms() / 1_000;
        let time = i64::try_from(found.time).unwrap_or(i64::MAX);
        if time > now.saturating_add(AHEAD_S) || time < now.saturating_sub(BEHIND_S) {
            return Err(failed(format!("it signed at Unix time {time}, but the time is {now}")));
        }
        Ok(found.line.to_owned())
    }
}

fn contradiction(size: u64) -> Refusal {
    Refusal::Alarm(format!(
        "it has seen other entries among the first {size} of this log: the log was forked, or the \
         witness is wrong"
    ))
}

fn has_type<B>(response: &Response<B>, wanted: &str) -> bool {
    let value = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == wanted)
}

/// A size in decimal and a newline.
fn size(text: &str) -> Option<u64> {
    let text = text.strip_suffix('\n')?;
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_in_one_way() {
        assert_eq!(size("0\n"), Some(0));
        assert_eq!(size("20852014\n"), Some(20_852_014));
        for bad in ["", "\n", "7", "07\n", "+7\n", " 7\n", "7\n\n", "18446744073709551616\n"] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }
}
