//! Attacks from the side of: guests.

use crate::case::{Case, cases};

pub(crate) fn cases() -> Vec<Case> {
    cases![]
}
