//! `from`: the requests of `observe` rules from whose answers the host reads a state.

use serde::{Deserialize, Serialize};

use super::{Contract, StateShape};
use crate::contract::template::Rule;

/// The request from whose answer a state is read, or several requests whose answers are the pages of one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged, expecting = "`from` must be a request, or a list of requests")]
pub enum Requests {
    One(String),
    Pages(Vec<String>),
}

impl StateShape {
    /// The requests from whose answers the host reads the state, as they are written in the contract. Empty if the
    /// adapter reads the state.
    pub fn requests(&self) -> &[String] {
        match &self.from {
            None => &[],
            Some(Requests::One(request)) => std::slice::from_ref(request),
            Some(Requests::Pages(requests)) => requests,
        }
    }

    /// Whether the host reads the state from the answer to this request.
    pub(crate) fn is_read_from(&self, request: &str) -> bool {
        self.requests().iter().any(|one| one == request)
    }
}

impl Contract {
    /// The positions of the `observe` rules that the host reads a state from, in the order of `from`.
    pub fn sources_of(&self, shape: &StateShape) -> impl Iterator<Item = usize> {
        let position = move |request: &String| {
            self.observe.http.iter().position(|rule| rule.request == *request)
        };
        shape.requests().iter().filter_map(position)
    }

    /// The first `observe` rule that the host reads a state from; `None` if the adapter reads it. All rules of one
    /// state have the same `upstream`, `where`, `control` and `expose`.
    pub fn source_of(&self, shape: &StateShape) -> Option<&Rule> {
        self.sources_of(shape).next().and_then(|at| self.observe.http.get(at))
    }
}
