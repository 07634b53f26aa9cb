//! The orders of a test: which requests get a fault, and which request waits at a point. Each request is matched
//! against these orders when it arrives.

use super::fault::Fault;
use super::stop::{Gate, Point, Stop};
use crate::proxy::Recorded;

/// The requests that an order matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// Reads of this item, or of any item when the name is empty.
    Reads(String),
    /// Writes to this item, or to any item when the name is empty.
    Writes(String),
    /// Reads with this text anywhere in the path, the query or the body.
    ReadsNaming(String),
    /// Writes with this text anywhere in the path, the query or the body.
    WritesNaming(String),
}

impl On {
    pub fn reads(item: &str) -> Self {
        Self::Reads(item.to_owned())
    }

    pub fn writes(item: &str) -> Self {
        Self::Writes(item.to_owned())
    }

    pub fn reads_naming(text: &str) -> Self {
        Self::ReadsNaming(text.to_owned())
    }

    pub fn writes_naming(text: &str) -> Self {
        Self::WritesNaming(text.to_owned())
    }

    pub(crate) fn means(&self, request: &Recorded) -> bool {
        let is_read = request.method == "GET" || request.method == "HEAD";
        let is_meant = match self {
            Self::Reads(_) | Self::ReadsNaming(_) => is_read,
            Self::Writes(_) | Self::WritesNaming(_) => !is_read,
        };
        is_meant && self.names(request)
    }

    fn names(&self, request: &Recorded) -> bool {
        match self {
            Self::Reads(item) | Self::Writes(item) => {
                item.is_empty() || request.path.split(['/', '?']).any(|part| part == item)
            }
            Self::ReadsNaming(text) | Self::WritesNaming(text) => {
                request.path.contains(text) || request.body.contains(text)
            }
        }
    }
}

/// One order, which skips the first `skip` matching requests, then applies to the next `times` requests.
struct Order {
    on: On,
    skip: usize,
    times: usize,
    what: What,
}

enum What {
    Fail(Fault),
    Wait(Point, Gate),
}

#[derive(Default)]
pub(crate) struct Orders(Vec<Order>);

/// The fault and the stop that the orders select for one request.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) fault: Option<Fault>,
    gate: Option<(Point, Gate)>,
}

impl Orders {
    pub(crate) fn fail(&mut self, on: &On, skip: usize, times: usize, fault: Fault) {
        self.0.push(Order { on: on.clone(), skip, times, what: What::Fail(fault) });
    }

    /// Whether every order for these requests has been applied `times` times.
    pub(crate) fn met(&self, on: &On) -> bool {
        self.0.iter().filter(|order| order.on == *on).all(|order| order.times == 0)
    }

    pub(super) fn stop(&mut self, on: &On, skip: usize, point: Point) -> Stop {
        let gate = Gate::default();
        let what = What::Wait(point, gate.clone());
        self.0.push(Order { on: on.clone(), skip, times: 1, what });
        Stop::new(gate)
    }

    pub(crate) fn clear(&mut self) {
        for order in self.0.drain(..) {
            if let What::Wait(_, gate) = order.what {
                gate.open();
            }
        }
    }

    /// Counts the request in every matching order. If several faults are due for a request, only the first one applies.
    /// If several stops are due, only the first one applies.
    pub(crate) fn turn(&mut self, request: &Recorded) -> Turn {
        let mut turn = Turn::default();
        for order in self.0.iter_mut().filter(|order| order.on.means(request)) {
            if order.skip > 0 {
                order.skip -= 1;
            } else if order.times > 0 {
                match &order.what {
                    What::Fail(fault) if turn.fault.is_none() => turn.fault = Some(*fault),
                    What::Wait(point, gate) if turn.gate.is_none() => {
                        turn.gate = Some((*point, gate.clone()));
                    }
                    _ => continue,
                }
                order.times -= 1;
            }
        }
        turn
    }
}

impl Turn {
    /// Waits at the point that the test ordered. Returns whether the exchange continues.
    pub(super) fn goes_on(&self, here: Point) -> bool {
        match &self.gate {
            Some((point, gate)) if *point == here => gate.pass(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_path_query_and_body() {
        let request = |method: &str, path: &str, body: &str| Recorded {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![],
            body: body.to_owned(),
        };
        let (reads, writes) = (On::reads_naming("item7x"), On::writes_naming("item7x"));
        assert!(reads.means(&request("GET", "/list?name=item7x&page=1", "")));
        assert!(writes.means(&request("POST", "/", "Action=Add&Name=item7x")));
        assert!(!writes.means(&request("POST", "/", "Action=Add&Name=item17x")));
        assert!(!reads.means(&request("POST", "/item7x", "")));
        assert!(!On::reads("item7x").means(&request("GET", "/list?name=item7x", "")));
    }
}
