//! The counted stages, in the order in which an action passes them.

use deed_tests::services::Result;

use super::material::Material;
use super::{evidence, judged, planned, records, sandbox};

/// Does the work of a stage once.
pub(crate) type Once<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// One stage: its preparation and its repeated work.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// The number of repetitions in the shorter of the two runs. Expensive stages are repeated less often.
    pub(crate) times: u32,
    pub(crate) begin: for<'a> fn(&'a Material) -> Result<Once<'a>>,
}

const fn stage(
    name: &'static str,
    times: u32,
    begin: for<'a> fn(&'a Material) -> Result<Once<'a>>,
) -> Stage {
    Stage { name, times, begin }
}

pub(crate) const ALL: [Stage; 25] = [
    stage("parse", 200, records::parse),
    stage("bind", 20, records::bind),
    stage("decide", 10, judged::decide),
    stage("question", 100, judged::question),
    stage("decode", 200, judged::decode),
    stage("look", 200, judged::look),
    stage("before", 200, judged::before),
    stage("rehearse", 20, planned::rehearse),
    stage("ask", 20, judged::request),
    stage("answer", 10, judged::answer),
    stage("clearance", 10, evidence::clearance),
    stage("follow", 20, planned::follow),
    stage("judge", 20, judged::judge),
    stage("receipt", 10, evidence::receipt),
    stage("publish", 10, evidence::publish),
    stage("read", 20, records::read),
    stage("fold", 200, records::fold),
    stage("clone", 500, records::clone),
    stage("write", 20, records::write),
    stage("digest", 100, records::digest),
    stage("journal", 10, records::journal),
    stage("view", 20, evidence::view),
    stage("bundle", 10, evidence::bundle),
    stage("verify", 5, evidence::verified),
    stage(sandbox::STAGE, 5, sandbox::replay),
];

impl Stage {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|stage| stage.name == name)
    }
}
