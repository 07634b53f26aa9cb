//! The lifecycle of an action: its events, the status and story that result from these events, and the judgement of an
//! attempt.

pub mod event;
pub mod observation;
pub mod outcome;
mod permission;
pub mod recovery;
pub mod status;
pub mod story;
