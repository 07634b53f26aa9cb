//! Signed statements: the envelope, and one file for each kind of statement.

pub mod activation;
pub mod approval;
pub mod approver;
pub mod decision;
pub mod envelope;
pub mod receipt;
pub mod reconciliation;
pub mod resolution;
pub mod resolution_request;
pub mod rotation;
