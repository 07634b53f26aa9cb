//! Client of one witness over HTTP (C2SP tlog-witness): submits a checkpoint and returns the witness's signature line.
//!
//! Answers of the witness are not trusted. The size of each answer is limited, and a line counts only if the witness's
//! key signed exactly this checkpoint at a plausible time. The client uses no proxy and follows no redirects.

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

/// Time limit of one submission, from name resolution to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum bytes of an answer, which is enough for the lines of a few keys.
const ANSWER_MAX: u64 = 16 << 10;
/// Maximum number of requests for one submission. A request contains a proof from the last tree size that the witness
/// is assumed to have seen. If the assumed size is wrong, the witness reports the right size, and the next request
/// contains a proof from that size.
const TRIES: usize = 3;
/// How far a witness's clock may be ahead of the host's, and how long ago the witness may have signed. A signature may
/// be old, because a witness may repeat its signature of a checkpoint that it knows.
const AHEAD_S: i64 = 5 * 60;
const BEHIND_S: i64 = 24 * 3_600;

/// The client of one witness for one log.
#[derive(Debug)]
pub(super) struct WitnessClient {
    witness: Witness,
    agent: Agent,
    log: Arc<Mutex<Log>>,
    clock: Clock,
    /// Size of the largest tree that the witness has seen, as far as the host knows.
    seen: u64,
}

/// Why the witness returned no valid signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The witness did not answer, or its answer has no valid line.
    Failed(String),
    /// The witness reports that this log contradicts a tree that the witness saw before, or is smaller than that tree.
    Alarm(String),
}

/// The content of a witness's answer.
enum Said {
    Line(String),
    /// The largest tree that the witness has seen has this size.
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

    /// Submits a checkpoint and returns the witness's signature line, including the trailing newline.
    pub(super) fn submit(&mut self, tree: &Tree) -> Result<String, Refusal> {
        for _ in 0..TRIES {
            // The witness may already have seen a larger tree than this one. A proof cannot start from a larger tree,
            // so the smaller of the two sizes is sent.
            let old = self.seen.min(tree.size);
            match self.post(old, tree)? {
                Said::Line(line) => {
                    self.seen = tree.size;
                    return Ok(line);
                }
                Said::Size(size) if size == old => return Err(contradiction(size)),
                Said::Size(size) if size > tree.size => {
                    return Err(Refusal::Alarm(format!(
                        "the witness has seen {size} entries of this log, which has {}: the log was rolled \
                         back or forked, or the witness is wrong",
                        tree.size
                    )));
                }
                Said::Size(size) => self.seen = size,
            }
        }
        Err(Refusal::Failed("the witness reports a different size on each request".to_owned()))
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
        let text = text.map_err(|_| Refusal::Failed("the answer is not text".to_owned()))?;
        match status {
            200 => self.line(&text, tree).map(Said::Line),
            409 if is_size => size(&text)
                .map(Said::Size)
                .ok_or_else(|| Refusal::Failed("the 409 answer has no size".to_owned())),
            409 | 422 if old > 0 => Err(contradiction(old)),
            403 => Err(Refusal::Failed("the witness has another log key (403)".to_owned())),
            404 => Err(Refusal::Failed("the witness does not know this log (404)".to_owned())),
            status => Err(Refusal::Failed(format!("the witness answered with status {status}"))),
        }
    }

    /// The body of a request: `old <n>`, the consistency proof, a blank line and the checkpoint.
    fn body(&self, old: u64, tree: &Tree) -> Result<String, Refusal> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = log.consistency(old, tree.size);
        drop(log);
        let proof = proof.map_err(|e| Refusal::Failed(format!("no consistency proof: {e}")))?;
        let lines = proof.iter().map(|hash| BASE64.encode(hash) + "\n");
        Ok(format!("old {old}\n{}\n{}", lines.collect::<String>(), tree.note))
    }

    /// Returns the signature line of this witness after verifying it. Lines of other keys are ignored.
    fn line(&self, text: &str, tree: &Tree) -> Result<String, Refusal> {
        let failed = |why: String| Refusal::Failed(why);
        // A blank line in the answer would move the end of the signed text.
        let plain = |line: &str| line.starts_with("— ") && line.ends_with('\n');
        if !text.split_inclusive('\n').all(plain) {
            return Err(failed("the answer is not a list of signature lines".to_owned()));
        }
        let note = format!("{}{text}", tree.note);
        let found = cosignature(&note, &self.witness.key).map_err(|e| failed(e.to_string()))?;
        let found =
            found.ok_or_else(|| failed("the answer has no signature of the witness".to_owned()))?;
        let now = self.clock.now_ms() / 1_000;
        let time = i64::try_from(found.time).unwrap_or(i64::MAX);
        if time > now.saturating_add(AHEAD_S) || time < now.saturating_sub(BEHIND_S) {
            return Err(failed(format!("a signature of Unix time {time}, but the time is {now}")));
        }
        Ok(found.line.to_owned())
    }
}

fn contradiction(size: u64) -> Refusal {
    Refusal::Alarm(format!(
        "the witness has seen other entries among the first {size} of this log: the log was forked, or the \
         witness is wrong"
    ))
}

fn has_type<B>(response: &Response<B>, wanted: &str) -> bool {
    let value = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == wanted)
}

/// Parses a decimal size followed by a newline.
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
