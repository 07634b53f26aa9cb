//! Scripts: what a hostile upstream does with a request, step by step.

use std::sync::Arc;
use std::time::Duration;

use crate::proxy::Recorded;

/// One step of an answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    Pause(Duration),
    /// Sends these bytes repeatedly until the peer disconnects.
    Forever {
        bytes: Vec<u8>,
        every: Duration,
    },
    /// Sends no more bytes and waits until the peer disconnects.
    Hold,
    /// Closes the TCP connection without a TLS close notification.
    Cut,
}

/// The steps for a request.
pub type Script = Arc<dyn Fn(&Recorded) -> Vec<Step> + Send + Sync>;

/// A script that sends these bytes for every request.
pub fn says(bytes: impl Into<Vec<u8>>) -> Script {
    let bytes = bytes.into();
    Arc::new(move |_| vec![Step::Send(bytes.clone())])
}

/// A script of these steps.
pub fn does(steps: Vec<Step>) -> Script {
    Arc::new(move |_| steps.clone())
}
