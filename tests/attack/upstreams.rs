//! Attacks from the side of: upstreams.

use crate::case::{Case, cases};

pub(crate) fn cases() -> Vec<Case> {
    cases![]
}
