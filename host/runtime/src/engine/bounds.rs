//! Limits on the data of one action, so that one bundle can contain all of the data.

use deed_record::bundle;
use deed_record::contract::ATTEMPTS_MAX;

/// Maximum number of attempts of an action, including failed attempts.
const ATTEMPTS: usize = ATTEMPTS_MAX as usize;

/// Maximum number of signed statements about one action, not counting the answers of people: for each attempt a
/// decision and the activation at that time, then the last activation, the receipt, the reconciliations by a person and
/// by the host, and one denial.
const RESERVED: usize = 2 * ATTEMPTS + 5;

/// Maximum number of answers of people to one action. A bundle has no room for more.
pub(super) const ANSWERS_MAX: usize = bundle::CHAIN_MAX - RESERVED;

/// Another attempt is made only if the records of the previous attempts have at most this many bytes in total.
/// Otherwise, the part of a bundle that contains all attempts would have no room for one more attempt, which may have
/// requests of 4 MiB, answers of 6 MiB and their metadata.
pub(super) const ATTEMPTS_BYTES: usize = 5 << 20;
