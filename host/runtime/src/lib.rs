//! The `deed` host: the execution boundary between an agent and the software it acts on.
//!
//! Modules in the order data flows; imports run one way (ARCHITECTURE.md, "Who may import whom").

// Ports: the outside world, behind small types.
pub mod config;
pub mod keys;

// Stages: each takes the previous record and gives the next; no stage calls a stage.
pub mod activation;
pub mod approval;
pub mod contract;
pub mod observe;
pub mod policy;
pub mod receipt;
pub mod reconcile;
pub mod replay;
pub mod resolution;

// The driver, and what calls it.
pub mod cli;
pub mod http;
pub mod notify;
pub mod pipeline;
