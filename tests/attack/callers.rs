//! Attacks from the side of: callers.

use crate::case::{Case, cases};

pub(crate) fn cases() -> Vec<Case> {
    cases![]
}
