//! Lists every class of mutation. If the format gets a new part of a bundle, a class in this list must mutate this
//! part.

mod bytes;
mod chain;
pub(crate) mod container;
mod documents;
mod envelopes;
mod host;
mod log;
mod parts;
mod passkeys;
mod proofs;
mod rules;
mod trust;

use crate::class::{Class, End};

macro_rules! classes {
    ($($name:literal, $what:literal => $make:path),* $(,)?) => {
        vec![$(Class { name: $name, what: $what, make: $make, end: End::Caught }),*]
    };
}

pub(crate) fn all() -> Vec<Class> {
    let mut all = classes![
        "bytes/flipped", "one bit of one byte of the file" => bytes::flipped,
        "bytes/flipped-in-parts", "one bit of one byte of a part, the container made again around it" => bytes::flipped_in_parts,
        "bytes/cut", "the file cut short, or a piece of it cut out or doubled" => bytes::cut,
        "container/tricks", "data before, between and after, comments, extra fields, flags, times, other methods, sizes that lie" => container::tricks,
        "container/names", "two entries of a name, absolute paths, `..`, other cases, directories, names of no part" => container::names,
        "container/order", "entries in another order, or not in the directory, or only there" => container::order,
        "parts/dropped", "one part, or any set of evidence and question that the host would not leave out" => parts::dropped,
        "parts/renamed", "a part under another part's name, two parts exchanged, a part twice" => parts::renamed,
        "parts/of-another-action", "a part of another bundle in its place, of the same and of every other kind" => parts::foreign,
        "parts/emptied", "a part empty, cut, doubled, or with white space" => parts::emptied,
        "chain/lines", "a line dropped, doubled, moved, empty, or with white space" => chain::lines,
        "chain/lines-with-proofs", "the same, and the log proofs move along" => chain::lines_with_proofs,
        "chain/of-another-action", "a line of another bundle, with and without its proof" => chain::foreign,
        "proofs/exchanged", "a proof doubled, moved, or of another bundle" => proofs::exchanged,
        "proofs/edited", "index, path, header, line ends, spare lines, signature lines" => proofs::edited,
        "log/another-checkpoint", "an older or later checkpoint, one of another tenant or another origin, a forged one, two at a time" => log::checkpoints,
        "log/another-leaf", "the envelopes in the log as another kind, or other envelopes" => log::leaves,
        "log/files", "the log itself truncated, rolled back, forked or edited, found by its audit" => log::files,
        "envelopes/another-key", "signed again by a key that nobody trusts, under its own name or a trusted one" => envelopes::another_key,
        "envelopes/key-of-another-purpose", "an approver's or the log's key under a receipt, the receipt key under an approval" => envelopes::another_purpose,
        "envelopes/kind", "another predicate type, payload type or subject, rightly signed and logged" => envelopes::kinds,
        "envelopes/base64", "url-safe, unpadded, spaced, or with spare bits" => envelopes::base64,
        "envelopes/signatures", "none, two, S + L, small order, zeros, cut" => envelopes::signatures,
        "envelopes/json", "duplicate keys, unknown fields, deep nesting, floats, white space" => envelopes::json,
        "envelopes/payload", "a statement that is not canonical or has more fields, rightly signed and logged" => envelopes::payloads,
        "envelopes/passkeys", "an assertion changed in each byte, left out, of another answer, or added to a key file's signature; the other S" => passkeys::assertions,
        "documents/of-another-action", "contract, grant, policy, question, evidence of another bundle, every digest made to fit, signed by a stranger" => documents::foreign,
        "documents/approved", "a part of an approved action edited, every digest made to fit, signed and logged by the host" => documents::approved,
        "rules/states", "a state that does not follow from the exchanges, or is not in normal form, signed and logged by the host" => rules::states,
        "rules/answers", "an answer that does not give the state: left out, empty, or with another status, signed and logged by the host" => rules::answers,
        "rules/paths", "a path without the value of the answer, or another value in the answer, signed and logged by the host" => rules::paths,
        "rules/meanings", "another meaning of an answer in the receipt, signed and logged by the host" => rules::meanings,
        "rules/outputs", "an output that differs, is missing or is not declared, signed and logged by the host" => rules::outputs,
        "rules/contracts", "`where`, `throttled`, `refused_when` or another member taken out of the contract, the grant and the requests, signed and logged by the host" => rules::contracts,
        "rules/searches", "a search without `reads`, with another method or query, or that writes, signed and logged by the host" => rules::searches,
        "rules/approvals", "an approval of other values than those in `depends_on`, or of another plan, signed by the approver" => rules::approvals,
        "rules/confirmations", "a confirmation by an approver or in an approver's name, an approval by the responsible person, each rightly listed, signed and logged by the host" => rules::confirmations,
        "rules/plans", "a plan that the contract does not allow, an attempt that does not follow its plan, another list of unsent writes, another `dry_run`, a question to policy without the state or the plan, signed and logged by the host" => rules::plans,
        "trust/approver", "the approver's key retired before or enrolled after, of another person or role, or nobody's" => trust::approvers,
        "trust/host", "another receipt key, another log key, another tenant, none at all" => trust::host,
    ];
    all.extend(others());
    all
}

/// The classes whose changes one bundle alone cannot show, or that are not a fault.
fn others() -> [Class; 5] {
    let more = |name, what, make, end| Class { name, what, make, end };
    [
        more(
            "host/claims",
            "another outcome, no changes, no approvals, uncounted ones, another verdict, looks that count though their run failed, signed and logged by the host",
            host::claims as fn(&mut crate::class::Sink<'_>, &crate::samples::Sample),
            End::Word,
        ),
        more(
            "host/fields",
            "every field of every statement and part, one at a time, every digest made to fit, signed and logged by the host",
            host::fields,
            End::Word,
        ),
        more(
            "proofs/strangers-line",
            "a signature line of an unknown key under the checkpoint",
            proofs::strangers_line,
            End::Idle,
        ),
        more(
            "chain/unsettled",
            "a reconciliation left out in all its parts, so that the receipt stands alone as it did before",
            chain::unsettled,
            End::Witness,
        ),
        more(
            "host/another-log",
            "the same envelopes in another log under the same key: a history for this reader alone",
            host::another_log,
            End::Witness,
        ),
    ]
}
