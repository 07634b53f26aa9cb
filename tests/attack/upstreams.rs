//! Attacks by systems of record: what an upstream, its host name or its strings can do to the host, to the host's
//! conclusions, and to approvers. The module also covers attacks by witnesses.

mod bombs;
mod client;
mod echo;
mod framing;
mod leak;
mod names;
mod poison;
mod private;
mod programs;
mod proxied;
mod redirects;
mod rehearsal;
mod signed;
mod slow;
pub(crate) mod stage;
mod tags;
mod tls;
mod tokens;
mod vault;
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
        client::cases(),
        programs::cases(),
        proxied::cases(),
        tags::cases(),
        poison::cases(),
        witnesses::cases(),
        private::cases(),
        rehearsal::cases(),
        tokens::cases(),
        signed::cases(),
        slow::cases(),
        vault::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
