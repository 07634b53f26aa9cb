//! What happens to an action: its events, the fold over them, and how an attempt is judged.

pub mod event;
pub mod observation;
pub mod outcome;
pub mod recovery;
pub mod status;
pub mod story;
