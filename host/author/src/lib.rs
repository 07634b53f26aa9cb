//! Tools for authors of contracts and adapters. Nothing here runs in a host that serves actions.

pub mod openapi;
pub mod package;
pub mod project;
