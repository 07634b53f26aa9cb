//! Capacity limits for the admission of new work, fair shares, request rates and the number of connections.

pub mod admission;
pub(crate) mod concurrency_limit;
pub(crate) mod connection_slots;
pub mod counters;
pub(crate) mod fair_share;
pub(crate) mod rate_limit;
