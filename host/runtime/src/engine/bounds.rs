//! Limits on the data of one action, so that one bundle can contain all of the data.

use deed_record::bundle;
use deed_record::contract::ATTEMPTS_MAX;
use deed_record::plan::draft;
use deed_sandbox::limits;
use deed_store::store::EVENTS_MAX;

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

/// Maximum number of bytes of a rehearsal, so that one record of the journal can hold it, and a bundle can hold it with
/// all other parts. A plan has at most 4 MiB, so there is room for 4 MiB of answers to reads next to the largest plan.
pub(super) const REHEARSAL_BYTES: usize = 8 << 20;

/// Maximum number of bytes of an observation: the answers of a run, and the state.
const OBSERVATION_BYTES: usize = limits::RESPONSES + limits::STATE;

/// Maximum number of bytes of the parts of a bundle that can be large: all attempts, the rehearsal, and the
/// observations before the action, after the action, and after an open outcome.
const EVIDENCE_BYTES: usize = bundle::ENTRY_MAX + REHEARSAL_BYTES + 3 * OBSERVATION_BYTES;

/// The room that a bundle needs for everything else: the action, contract, grant and policies, the question to policy
/// with the state and the plan, the signed statements, and the metadata of answers.
const OTHER_BYTES: usize = 16 << 20;

const _: () = assert!(EVIDENCE_BYTES + OTHER_BYTES <= bundle::FILE_MAX);

/// Maximum number of bytes of the state and the parameters in the form in which policies read them, if the contract is
/// open. A decimal has about ten times its length in this form. The record of a decision also has the computed parts of
/// the plan in this form, and at most 1 MiB of other facts.
pub(super) const FACTS_BYTES: usize = EVENTS_MAX - draft::PARTS_MAX - (1 << 20);
