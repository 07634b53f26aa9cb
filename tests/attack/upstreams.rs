//! Attacks by systems of record: what an upstream, its host name or its strings can do to the host, to the host's
//! conclusions, and to approvers. The module also covers attacks by witnesses.

mod bombs;
mod echo;
mod framing;
mod leak;
mod names;
mod poison;
mod private;
mod redirects;
pub(crate) mod stage;
mod tags;
mod tls;
mod witnesses;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [
        echo::cases(),
        redirects::cases(),
        framing::cases(),
        bombs::cases(),
        names::cases(),
        tls::cases(),
        tags::cases(),
        poison::cases(),
        witnesses::cases(),
        private::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
