//! How much one action may gather, so that one bundle can hold all of it.

use deed_record::bundle;
use deed_record::contract::ATTEMPTS_MAX;

/// Attempts that an action has at most, whatever they came to.
const ATTEMPTS: usize = ATTEMPTS_MAX as usize;

/// What a chain has besides answers: for each attempt a decision and what was activated then, what was
/// activated last, receipt, reconciliations of a person and of the host, and one denial.
const RESERVED: usize = 2 * ATTEMPTS + 5;

/// Answers that an action may have in all: with more, no bundle could hold them.
pub(super) const ANSWERS_MAX: usize = bundle::CHAIN_MAX - RESERVED;

/// Bytes of the attempts so far that leave room for another one in the part of a bundle that has them all:
/// requests of 4 MiB, answers of 6 MiB and what is said of them.
pub(super) const ATTEMPTS_BYTES: usize = 5 << 20;
