//! The result of an audit: the signed tree, what was counted and compared, and the first fault.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Verdict;

/// The findings of an audit. If there is no fault, every check passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    pub verdict: Verdict,
    /// The tree in the checkpoint that a trusted key signed; absent if no signed checkpoint was found.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Tree>,
    /// The number of entries read, by kind.
    pub entries: BTreeMap<String, u64>,
    /// Tiles that were compared with the hashes computed from the entries.
    pub tiles: u64,
    /// Older trees that are prefixes of the audited tree.
    pub consistent: Vec<Consistent>,
    /// Witnesses of the reader's policy that cosigned the audited tree.
    pub cosigned: Vec<Cosigned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Said>,
}

/// The tree head that the report shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tree {
    pub origin: String,
    pub size: u64,
    /// Root hash in base64, as in the checkpoint.
    pub root: String,
}

/// An older tree that is a prefix of the audited tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consistent {
    pub name: String,
    pub size: u64,
}

/// A witness's cosignature of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    pub witness: String,
    /// The Unix time of the cosignature in seconds, by the witness's clock.
    pub time: u64,
}

impl Cosigned {
    pub(super) fn of((witness, time): &(String, u64)) -> Self {
        Self { witness: witness.clone(), time: *time }
    }
}

/// The first fault, or why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    pub file: String,
    pub reason: String,
}
