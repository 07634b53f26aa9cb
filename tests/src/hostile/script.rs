//! What a hostile upstream does about a request, step by step.

use std::sync::Arc;
use std::time::Duration;

use crate::proxy::Recorded;

/// One thing that is done to whoever asked.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    Pause(Duration),
    /// Sends these bytes again and again, until the other side is gone.
    Forever {
        bytes: Vec<u8>,
        every: Duration,
    },
    /// Says nothing more, and waits until the other side is gone.
    Hold,
    /// Ends the TCP connection without a goodbye of TLS.
    Cut,
}

/// What to do about a request.
pub type Script = Arc<dyn Fn(&Recorded) -> Vec<Step> + Send + Sync>;

/// A script that says the same whatever was asked.
pub fn says(bytes: impl Into<Vec<u8>>) -> Script {
    let bytes = bytes.into();
    Arc::new(move |_| vec![Step::Send(bytes.clone())])
}

/// A script of these steps.
pub fn does(steps: Vec<Step>) -> Script {
    Arc::new(move |_| steps.clone())
}
