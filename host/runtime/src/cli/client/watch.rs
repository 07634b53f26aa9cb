//! Looking at an action again and again, until it stands where it was waited for or the time is up.

use std::time::{Duration, Instant};

use super::{Client, action_path};
use crate::api::view::View;
use crate::cli::out::Failure;
use crate::http::WAIT_MAX_S;

/// The least time between two looks: a host answers at once where the action waits for people, or while it stops.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks until `done`, or until the deadline.
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
        // Rounded up: a wait of no seconds would be none.
        view = client.get(&path, &[("prefer", &prefer(left.as_secs().saturating_add(1)))])?;
        if !done(&view) {
            std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()).min(left));
        }
    }
    Ok(view)
}

/// RFC 7240 section 4.3.
pub(in crate::cli) fn prefer(seconds: u64) -> String {
    format!("wait={}", seconds.min(WAIT_MAX_S))
}
