//! The `deed` host: the execution boundary between an agent and the systems it acts on.
//!
//! A module may import only modules to its left in this list: `config ← stage ← capacity ← engine ← maintenance ←
//! process ← oauth ← api ← shown ← http ← console ← mcp ← cli`.

pub mod api;
pub mod capacity;
pub mod cli;
pub mod config;
pub mod console;
pub mod engine;
pub mod http;
pub mod maintenance;
pub mod mcp;
mod oauth;
pub mod process;
mod shown;
pub mod stage;
