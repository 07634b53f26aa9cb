//! Bounds on the data of one action, so that one bundle can hold all of it.

use deed_record::bundle;
use deed_record::contract::ATTEMPTS_MAX;

/// Maximum number of attempts of an action, whatever their results.
const ATTEMPTS: usize = ATTEMPTS_MAX as usize;

/// Statements in a chain other than answers: for each attempt a decision and the activation at that time, then the last
/// activation, the receipt, the reconciliations by a person and by the host, and one denial.
const RESERVED: usize = 2 * ATTEMPTS + 5;

/// Maximum number of answers of an action: with more, no bundle could hold them.
pub(super) const ANSWERS_MAX: usize = bundle::CHAIN_MAX - RESERVED;

/// Another attempt is made only while the attempts so far have at most this many bytes: the part of a bundle that holds
/// all attempts must have room for one more, with requests of 4 MiB, answers of 6 MiB and their metadata.
pub(super) const ATTEMPTS_BYTES: usize = 5 << 20;
