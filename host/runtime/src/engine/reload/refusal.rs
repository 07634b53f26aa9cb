//! Why a reload changed nothing.

use std::fmt::Display;

use deed_spec::digest::Digest;

use crate::config::{Fault, Faults};

/// The faults of a configuration that was not put in force, or the reason why the host could not do so.
#[derive(Debug)]
pub struct Refusal {
    pub faults: Vec<Fault>,
    /// The digest of the parts of that configuration; `None` if it could not be read.
    pub asked: Option<Digest>,
}

impl Refusal {
    pub(super) fn of(faults: &Faults) -> Self {
        Self::from(faults.list().to_vec())
    }

    /// A refusal that does not depend on the content of a file.
    pub(super) fn of_host(why: impl Display) -> Self {
        Self::from(Fault::new("reload", 0, why.to_string()))
    }

    pub(super) fn about(self, asked: Digest) -> Self {
        Self { asked: Some(asked), ..self }
    }
}

impl From<Vec<Fault>> for Refusal {
    fn from(faults: Vec<Fault>) -> Self {
        Self { faults, asked: None }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::from(vec![fault])
    }
}
