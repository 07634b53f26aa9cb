//! Items with an id of the record's own, which is in the answer to the first write. The second write must contain the id
//! in its path, and the third write in its body.

use serde_json::Value;

use super::{Applied, Store, missing, ok, problem, sets};
use crate::proxy::Recorded;

const FIRST: &str = "one";

pub(super) fn is_chain(kind: &str) -> bool {
    ["setid", "keyid", "addid"].contains(&kind)
}

impl Store {
    pub(super) fn chain(
        &mut self,
        request: &Recorded,
        method: &str,
        kind: &str,
        item: &str,
        rest: &[&str],
    ) -> Vec<u8> {
        if let ("GET", []) = (method, rest) {
            return ok("200 OK", &self.shown(kind, item));
        }
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let id = self.id(kind, item);
        let is_id = |text: &str| id.is_some() && text.parse::<usize>().ok() == id;
        let writes = if sets(kind) { "PUT" } else { "POST" };
        match rest {
            _ if method != writes => missing(),
            [FIRST] => self.write(request, kind, item, FIRST),
            [one, "two"] if is_id(one) => self.write(request, kind, item, "two"),
            ["three"] if body.get("of").is_some_and(|of| is_id(&of.to_string())) => {
                self.write(request, kind, item, "three")
            }
            ["three"] => problem("400 Bad Request", "`of` is not the id of the item"),
            _ => missing(),
        }
    }

    /// The id of the item once it has one: the number of its first write. Repeated writes do not change it.
    pub(super) fn id(&self, kind: &str, item: &str) -> Option<usize> {
        let is_first = |one: &Applied| {
            is_chain(kind) && one.kind == kind && one.item == item && one.slot == FIRST
        };
        self.applied.iter().position(is_first).map(|place| place + 1)
    }
}
