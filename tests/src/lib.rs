//! The harness of the end-to-end tests and the demo: real servers, a proxy that injects faults, and the real host.
#![expect(clippy::missing_errors_doc, reason = "the callers are tests, which stop at any error")]

pub mod authored;
pub mod browser;
pub mod canary;
pub mod child_guard;
pub mod client;
pub mod compiled;
pub mod connect_proxy;
pub mod disk;
pub mod doors;
pub mod guests;
pub mod home;
pub mod host;
pub mod hostile;
pub mod journal;
pub mod layout;
mod listening;
pub mod out;
pub mod people;
pub mod private;
pub mod proxy;
pub mod receiver;
pub mod record;
pub mod relay;
pub mod rng;
pub mod services;
pub mod token_proxy;
pub mod tokens;
pub mod trust;
pub mod wait;
pub mod world;
