//! Attacks from the side of: configuration.

use crate::case::{Case, cases};

pub(crate) fn cases() -> Vec<Case> {
    cases![]
}
