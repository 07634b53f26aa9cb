//! Attacks on contracts of format 2, which have no adapter code: values of an agent that try to leave their place in a
//! request, answers of an upstream that try to name another request or another state, and contracts that permit more
//! than they appear to permit.

mod absence;
mod answers;
mod arrays;
mod decimals;
mod escapes;
mod headers;
mod locations;
mod names;
mod paths;
mod patterns;
mod searches;
mod stage;

pub(crate) use self::searches::queries_otherwise;
use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [
        headers::cases(),
        names::cases(),
        escapes::cases(),
        patterns::cases(),
        paths::cases(),
        answers::cases(),
        locations::cases(),
        absence::cases(),
        decimals::cases(),
        arrays::cases(),
        searches::cases(),
    ]
    .concat()
}
