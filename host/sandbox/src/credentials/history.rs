//! Whether a credential works, as far as the host has noticed. Operators see it, and nothing else depends on it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_system::clock::Clock;

/// A fault of a credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialFault {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What failed, in words of the host. The text has no secret.
    pub what: String,
}

/// What the host has noticed about a credential since it read the configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialStanding {
    /// The last fault, also if the credential has worked since then.
    pub fault: Option<CredentialFault>,
    /// When an upstream last answered a request with this credential with success, in Unix milliseconds.
    pub accepted_ms: Option<i64>,
    /// For how long the host asks for no token after a failure.
    pub pause: Option<Duration>,
}

impl CredentialStanding {
    /// The newest times of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            fault: self.fault.max(other.fault),
            accepted_ms: self.accepted_ms.max(other.accepted_ms),
            pause: self.pause.max(other.pause),
        }
    }
}

/// Notes the standing of one credential.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<CredentialStanding>);

impl History {
    /// Notes a fault. The text must contain no secret, and no text of an upstream that could be one.
    pub(crate) fn failed(&self, what: String) {
        self.change().fault = Some(CredentialFault { at_ms: now_ms(), what });
    }

    pub(crate) fn accepted(&self) {
        self.change().accepted_ms = Some(now_ms());
    }

    pub(crate) fn standing(&self) -> CredentialStanding {
        self.change().clone()
    }

    fn change(&self) -> MutexGuard<'_, CredentialStanding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn now_ms() -> i64 {
    Clock::new().latest_ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(at_ms: i64, what: &str) -> CredentialStanding {
        let fault = CredentialFault { at_ms, what: what.to_owned() };
        CredentialStanding { fault: Some(fault), ..CredentialStanding::default() }
    }

    #[test]
    fn of_several_standings_the_newest_fault_and_the_longest_pause_count() {
        let older = CredentialStanding { accepted_ms: Some(9), ..fault(1, "older") };
        let pause = Some(Duration::from_secs(2));
        let newer = CredentialStanding { pause, ..fault(2, "newer") };
        let both = CredentialStanding { accepted_ms: Some(9), ..newer.clone() };
        assert_eq!(older.clone().and(newer.clone()), both);
        assert_eq!(newer.and(older), both);
        assert_eq!(CredentialStanding::default().and(fault(1, "one")), fault(1, "one"));
    }

    #[test]
    fn a_success_does_not_remove_the_last_fault() {
        let history = History::default();
        assert_eq!(history.standing(), CredentialStanding::default());
        history.failed("the upstream refused it".to_owned());
        history.accepted();
        let standing = history.standing();
        assert_eq!(standing.fault.unwrap().what, "the upstream refused it");
        assert!(standing.accepted_ms.is_some());
    }
}
