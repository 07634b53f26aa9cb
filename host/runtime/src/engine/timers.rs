//! Timers. One task wakes the driver of an action that waits for people when its approval request expires and some time
//! before that, and the driver of an open outcome when its next observation is due.
//!
//! A waiting action needs only one entry in a sorted map; no task runs for it, and its story is not in memory. Only a
//! few drivers are started at a time, even if many timers are due at once. Timers are not durable; the host creates
//! them again when it starts.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use deed_record::action::id::ActionId;
use deed_system::clock::Clock;
use tokio::sync::{Semaphore, mpsc};

use super::Engine;
use crate::capacity::admission::ActivePlace;

/// Maximum number of drivers that timers and the start of the host start at the same time.
const ABREAST: usize = 64;

/// How long a started driver counts towards `ABREAST`. A started driver may wait in a queue for minutes, so the next
/// driver is started after this time without waiting for it.
const TURN: Duration = Duration::from_secs(1);

/// Why a driver is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// An approval request expires, or people are told that it expires soon.
    Expires,
    /// The state of an open outcome is observed again, after this pause since the last observation.
    Look(Duration),
    /// No driver is woken; this value removes the timer.
    NoMore,
}

/// Timers by due time on the host's clock and by action. An action has at most one timer for each due time.
type Due = BTreeMap<(i64, ActionId), Why>;

/// The queue that sends timers to the timer task. The task starts when the first timer is set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: OnceLock<mpsc::UnboundedSender<(i64, ActionId, Why)>>,
}

impl Engine {
    /// Wakes the driver of this action at this time on the host's clock. If the host stops before this time, the next
    /// start of the host continues the action.
    pub(super) fn wake_at(self: &Arc<Self>, at_ms: i64, id: &ActionId, why: Why) {
        let queue = self.timers.queue.get_or_init(|| {
            let (queue, asked) = mpsc::unbounded_channel();
            tokio::spawn(keep(Arc::downgrade(self), self.clock.clone(), asked));
            queue
        });
        if queue.send((at_ms, id.clone(), why)).is_err() {
            tracing::debug!(action = %id, "the host is stopping; the next start continues the action");
        }
    }

    /// Starts the drivers of these actions, a few at a time. Returns early when the host stops.
    pub(super) async fn take_up(self: Arc<Self>, left: Vec<(ActionId, Option<ActivePlace>)>) {
        let places = Arc::new(Semaphore::new(ABREAST));
        for (id, course) in left {
            if self.is_stopping() {
                return;
            }
            self.start(&places, &id, false, course).await;
        }
    }

    /// Waits until fewer than `ABREAST` drivers are being started, then starts a driver.
    async fn start(
        self: &Arc<Self>,
        places: &Arc<Semaphore>,
        id: &ActionId,
        settling: bool,
        course: Option<ActivePlace>,
    ) {
        let place = Arc::clone(places).acquire_owned().await;
        let waiting = self.launch(id, None, settling, course);
        tokio::spawn(async move {
            tokio::time::timeout(TURN, waiting.to_rest()).await.ok();
            drop(place);
        });
    }

    async fn wake(self: &Arc<Self>, places: &Arc<Semaphore>, id: &ActionId, why: Why) {
        match why {
            Why::NoMore => {}
            Why::Expires => self.start(places, id, false, None).await,
            Why::Look(pause) => self.look(places, id, pause).await,
        }
    }

    /// Starts a driver that observes the state of an open outcome. The next observation is scheduled after this driver
    /// has ended, so an action has at most one such driver. The driver does not count as an action under way, because
    /// an upstream that does not show its state must not block new work.
    async fn look(self: &Arc<Self>, places: &Arc<Semaphore>, id: &ActionId, pause: Duration) {
        let mut place = Some(Arc::clone(places).acquire_owned().await);
        let mut rest = Box::pin(self.launch(id, None, true, None).to_rest());
        let (engine, id) = (Arc::downgrade(self), id.clone());
        tokio::spawn(async move {
            let told = if let Ok(told) = tokio::time::timeout(TURN, &mut rest).await {
                told
            } else {
                place = None;
                rest.await
            };
            drop(place);
            let Some(engine) = engine.upgrade().filter(|one| !one.is_stopping()) else {
                return;
            };
            match told {
                Some(told) if told.story.status.is_final() => {}
                Some(told) => engine.look_after(&id, engine.next_pause(&told.story, pause)),
                None => tracing::error!(action = %id, "the observation for an open outcome failed"),
            }
        });
    }

    /// Schedules an observation for an open outcome after this pause.
    pub(super) fn look_after(self: &Arc<Self>, id: &ActionId, pause: Duration) {
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let at_ms = self.clock.now_ms().saturating_add(pause_ms);
        self.wake_at(at_ms, id, Why::Look(pause));
    }
}

/// Runs the timer task until the engine is dropped or stops.
async fn keep(
    engine: Weak<Engine>,
    clock: Clock,
    mut asked: mpsc::UnboundedReceiver<(i64, ActionId, Why)>,
) {
    let places = Arc::new(Semaphore::new(ABREAST));
    let mut due = Due::new();
    loop {
        let next_ms = due.first_key_value().map(|((at_ms, _), _)| *at_ms);
        let is_due = async {
            match next_ms {
                Some(at_ms) => clock.until(at_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            new = asked.recv() => match new {
                Some((at_ms, id, Why::NoMore)) => drop(due.remove(&(at_ms, id))),
                Some((at_ms, id, why)) => drop(due.insert((at_ms, id), why)),
                None => return,
            },
            () = is_due => {
                let Some(engine) = engine.upgrade().filter(|p| !p.is_stopping()) else { return };
                if let Some(((_, id), why)) = due.pop_first() {
                    engine.wake(&places, &id, why).await;
                }
            }
        }
    }
}
