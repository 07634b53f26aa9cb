//! Maintenance commands for a served directory, most of which require that its host is stopped, and exports for third
//! parties.

pub mod backup;
pub mod check;
pub mod contract_test;
pub mod in_use;
pub mod policy_test;
pub mod replay;
pub mod restore;
pub mod rotate;
pub mod trust_export;
