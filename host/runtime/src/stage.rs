//! The stages of an action: each takes the previous record and gives the next. No stage calls another.

pub mod activation;
pub mod approval;
pub mod contract;
pub mod notify;
pub mod observe;
pub mod policy;
pub mod receipt;
pub mod reconcile;
pub mod resolution;
