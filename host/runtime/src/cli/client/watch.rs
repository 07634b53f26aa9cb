//! Polls an action until a condition holds or the time is up.

use std::time::{Duration, Instant};

use super::{Client, action_path};
use crate::api::view::View;
use crate::cli::out::Failure;
use crate::http::WAIT_MAX_S;

/// The minimum time between two requests. The host answers at once if the action waits for people or if the host is
/// stopping.
const PAUSE: Duration = Duration::from_millis(500);

/// Polls the action until `done` returns true or the deadline has passed. Fails when the host cannot be reached or
/// refuses a request.
pub(in crate::cli) fn watch(
    client: &Client,
    mut view: View,
    deadline: Instant,
    done: impl Fn(&View) -> bool,
) -> Result<View, Failure> {
    let path = action_path(&view.id, "")?;
    while !done(&view) {
        let asked = Instant::now();
        let left = deadline.saturating_duration_since(asked);
        if left.is_zero() {
            break;
        }
        // The remaining time is rounded up, because the host would not wait at all for `wait=0`.
        view = client.get(&path, &[("prefer", &prefer(left.as_secs().saturating_add(1)))])?;
        if !done(&view) {
            std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(left));
        }
    }
    Ok(view)
}

/// The value of a `Prefer` header that asks the host to wait (RFC 7240 section 4.3).
pub(in crate::cli) fn prefer(seconds: u64) -> String {
    format!("wait={}", seconds.min(WAIT_MAX_S))
}
