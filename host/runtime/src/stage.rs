//! The stages of an action: each is a function from the previous record to the next. Stages do not call each other.

pub mod activation;
pub mod approval;
pub mod contract;
pub mod notify;
pub mod observe;
pub mod policy;
pub mod receipt;
pub mod reconcile;
pub mod resolution;
