//! Commands on a served directory, most of them while no host runs in it, and exports for third parties.

pub mod backup;
pub mod check;
pub mod policy_test;
pub mod replay;
pub mod restore;
pub mod rotate;
pub mod trust_export;
