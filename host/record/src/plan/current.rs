//! What the rehearsal read from the paths that the plan writes to, so that people see a planned body beside the present
//! one.

use deed_spec::json::{self, Change};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Planned, Rehearsal};
use crate::exchange::Exchange;

/// The maximum size in bytes, as JSON, of all values that are kept for one plan.
const SIZE_MAX: usize = 1 << 20;

/// The present value of what a planned write replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// The position of the write in the plan, from 1.
    pub write: u32,
    /// The answer to the last `GET` of the same path in the rehearsal.
    pub body: Value,
    /// JSON pointers to the parts of the answer that the host kept; the whole answer if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Vec<String>>,
}

impl Rehearsal {
    /// The present values of what the plan replaces: for each `PUT` whose path the rehearsal has read, the answer to
    /// the last read. Other methods do not replace the value at their path, so they are not compared.
    pub fn current(&self) -> Vec<Current> {
        let (mut found, mut size) = (Vec::new(), 0);
        let writes = self.plan.iter().flat_map(|plan| &plan.writes);
        for (write, planned) in (1..).zip(writes) {
            let Some(one) = self.read(planned) else { continue };
            let Some(body) = &one.response else { continue };
            size += body.to_string().len();
            if size > SIZE_MAX {
                break;
            }
            let expose = one.request.expose.clone();
            found.push(Current { write, body: body.clone(), expose });
        }
        found
    }

    /// The last successful `GET` of the path of a planned `PUT`.
    fn read(&self, planned: &Planned) -> Option<&Exchange> {
        let write = &planned.request;
        let is_of = |read: &&Exchange| {
            let request = &read.request;
            request.method == "GET"
                && (&request.upstream, &request.path) == (&write.upstream, &write.path)
                && read.is_success()
        };
        let replaces = write.method == "PUT" && !write.awaits_answer();
        self.exchanges.iter().rev().filter(|_| replaces).find(is_of)
    }
}

impl Current {
    /// How a planned body differs from the present value. Where the host kept only parts of the present value, only
    /// these parts are compared.
    pub fn changes(&self, planned: &Value) -> Vec<Change> {
        let mut changes = json::diff(&self.body, planned);
        if let Some(kept) = &self.expose {
            changes.retain(|one| kept.iter().any(|part| json::covers(part, &one.pointer)));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use deed_spec::digest::Digest;
    use serde_json::json;

    use super::*;
    use crate::exchange::claim::Claim;
    use crate::exchange::{Fate, Rendered};
    use crate::fixtures::{exchange, request};
    use crate::plan::Plan;

    fn rehearsal(writes: Vec<Rendered>, reads: Vec<Exchange>) -> Rehearsal {
        let writes = writes.into_iter().map(|request| Planned { rule: 0, request }).collect();
        Rehearsal {
            seed: Digest::of(b""),
            claim: Claim::Done,
            exchanges: reads,
            refused: vec![],
            plan: Some(Plan { writes }),
            problem: None,
            started_ms: 0,
            ended_ms: 0,
        }
    }

    fn read(path: &str, status: u16, body: Value) -> Exchange {
        Exchange { response: Some(body), ..exchange("GET", path, Fate::Answered { status }) }
    }

    #[test]
    fn a_put_is_compared_with_the_last_read_of_its_path() {
        let reads = vec![
            read("/doc/1", 200, json!({"a": 1})),
            read("/doc/1", 200, json!({"a": 2, "b": {"c": 1}})),
            read("/doc/1", 500, json!({"error": 1})),
            read("/doc/2", 200, json!({"a": 3})),
        ];
        let writes = vec![
            request("POST", "/doc/1"),
            request("PUT", "/doc/1"),
            request("PUT", "/doc/3"),
            request("PUT", "/doc/{answer.create.id}"),
        ];
        let found = rehearsal(writes, reads).current();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].write, &found[0].body), (2, &json!({"a": 2, "b": {"c": 1}})));
        let changes = found[0].changes(&json!({"a": 2, "b": {"c": 5}}));
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].pointer, "/b/c");
        assert_eq!((&changes[0].old, &changes[0].new), (&Some(json!(1)), &Some(json!(5))));
    }

    /// A part that the host did not keep would otherwise look as if the write added it.
    #[test]
    fn only_what_was_exposed_is_compared() {
        let mut one = read("/doc/1", 200, json!({"a": 1}));
        one.request.expose = Some(vec!["/a".to_owned()]);
        let found = rehearsal(vec![request("PUT", "/doc/1")], vec![one]).current();
        let changes = found[0].changes(&json!({"a": 2, "b": 3}));
        assert_eq!(changes.iter().map(|one| one.pointer.as_str()).collect::<Vec<_>>(), ["/a"]);
    }

    #[test]
    fn very_large_values_are_left_out() {
        let large = || read("/doc/1", 200, json!("x".repeat(SIZE_MAX / 2)));
        let writes = vec![request("PUT", "/doc/1"), request("PUT", "/doc/1")];
        assert_eq!(rehearsal(writes, vec![large()]).current().len(), 1);
    }
}
