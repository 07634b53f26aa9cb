//! What an audit says: the signed tree, what was counted and compared, and the first fault.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Verdict;

/// What was found. Without a fault, all of it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    pub verdict: Verdict,
    /// The tree that a trusted key signed; absent where no such checkpoint was found.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Tree>,
    /// How many entries of each kind were read.
    pub entries: BTreeMap<String, u64>,
    /// Tiles that were compared with what the entries make.
    pub tiles: u64,
    /// Older trees that this one only appends to.
    pub consistent: Vec<Consistent>,
    /// Witnesses of the reader's policy that vouch for this tree.
    pub cosigned: Vec<Cosigned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Said>,
}

/// A tree head as the report shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tree {
    pub origin: String,
    pub size: u64,
    /// Base64, as in the checkpoint.
    pub root: String,
}

/// An older tree that is a prefix of this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consistent {
    pub name: String,
    pub size: u64,
}

/// A witness's word for the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    pub witness: String,
    /// When, in seconds of Unix time, by the witness's clock.
    pub time: u64,
}

impl Cosigned {
    pub(super) fn of((witness, time): &(String, u64)) -> Self {
        Self { witness: witness.clone(), time: *time }
    }
}

/// The first fault, or why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    pub file: String,
    pub reason: String,
}
