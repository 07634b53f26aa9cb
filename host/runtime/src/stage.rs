//! The stages of an action. Each stage is a set of functions that compute the next record of an action from the
//! previous record. Stages do not call each other.

pub mod activation;
pub mod approval;
pub mod contract;
pub mod notify;
pub mod observe;
pub mod policy;
pub mod receipt;
pub mod reconcile;
pub mod resolution;
