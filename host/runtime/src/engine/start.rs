//! Starts an engine from a checked configuration: loads the adapters, opens the logs and resumes open actions.

mod error;

use std::path::Path;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_sandbox::Sandbox;
use deed_store::journal;
use deed_store::store::Store;
use deed_system::clock::{Clock, SLACK_MS};
use deed_system::files;

pub(crate) use self::error::StartError;
use super::open_logs;
use crate::capacity::admission::Admission;
use crate::config::{Config, keys};
use crate::engine::activate::Starting;
use crate::engine::current::{Current, InForce};
use crate::engine::held::Held;
use crate::engine::in_flight::InFlight;
use crate::engine::key_history::KeyHistory;
use crate::engine::load::{self, Adapters};
use crate::engine::notices::ToldAgain;
use crate::engine::reach::KnownReach;
use crate::engine::readiness::{ClockWarning, Space};
use crate::engine::reload::Reloads;
use crate::engine::resolve::LastSeen;
use crate::engine::resource::LeftOpen;
use crate::engine::timers::Timers;
use crate::engine::waiting_list::WaitingList;
use crate::engine::{Engine, Fixed};
use crate::stage::notify::Notifier;

fn make_state(dir: &Path) -> Result<(), StartError> {
    // The format version of `state/` is checked before anything is created, because a newer version of the host may
    // store other data under the same paths.
    journal::version(&dir.join("state"))?;
    files::make_state(dir).map_err(StartError::State)
}

/// Creates the sandbox of a served directory.
pub(crate) fn sandbox(dir: &Path, clock: &Clock) -> Result<Sandbox, StartError> {
    make_state(dir)?;
    Ok(Sandbox::new(&dir.join("state/cache"), clock.clone())?)
}

impl Engine {
    /// Opens all parts of the engine. No action runs yet; [`Engine::resume`] continues open actions.
    ///
    /// # Errors
    ///
    /// Fails when the state, the keys, an adapter, the journal or a log cannot be used, the clock is behind the
    /// journal, or the configuration cannot be activated.
    pub fn open(mut config: Config, clock: Clock) -> Result<Arc<Self>, StartError> {
        let dir = config.dir.clone();
        make_state(&dir)?;
        let hold = journal::take(&dir.join("state"))?;
        keys::Next::must_be_none(&dir)?;
        let keys = keys::load(&dir)?;
        config.check_keys(&load::of_host(&dir, &keys)?).map_err(StartError::Config)?;
        let sandbox = sandbox(&dir, &clock)?.with_runs(config.limits.runs);
        let adapters = load::adapters(&mut config, &sandbox, &Adapters::new());
        let adapters = adapters.map_err(StartError::Config)?;
        let key_history = KeyHistory::open(&dir, &keys)?;
        let (journal, logs) = open_logs::open(hold, &config, &keys, &key_history)?;
        let (group_commit, store): (_, Arc<dyn Store>) =
            (journal.crowd().clone(), Arc::new(journal));
        check_clock(&*store, &clock)?;
        let now_ms = clock.now_ms();
        let starting = Starting {
            config: &config,
            keys: &keys,
            store: &*store,
            key_history: &key_history,
            now_ms,
        };
        let (publishers, activated) =
            open_logs::publishers(&starting, logs, &clock, &group_commit)?;
        let notifier = Notifier::new(&config, &clock, None);
        let in_flight = InFlight::default();
        let admission = Admission::new(config.limits, config.tenants.len(), group_commit);
        let space = Space::new(&dir, config.disk_reserve);
        let reach = KnownReach::new(&config.tenants);
        let fixed = Fixed::of(&config);
        let reloads = Reloads::new(&activated, now_ms);
        let current = Current { config, adapters, activated, reach, notifier };
        load::keep_documents(&*store, &current.config).map_err(StartError::Keep)?;
        Ok(Arc::new(Self {
            fixed,
            in_force: InForce::new(current),
            clock,
            store,
            keys,
            sandbox,
            publishers,
            key_history,
            reloads,
            in_flight,
            timers: Timers::default(),
            told_again: ToldAgain::default(),
            waiting_list: WaitingList::default(),
            admission,
            held: Held::default(),
            last_seen: LastSeen::default(),
            space,
            clock_warning: ClockWarning::default(),
        }))
    }

    /// Resumes every action that has not ended; actions with a write under way keep their resources. Returns the number
    /// of resumed actions.
    ///
    /// Thousands of actions may wait, so only a few drivers are started at a time, and only one story is in memory at a
    /// time.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be read, or a tenant that is still needed is not configured.
    pub fn resume(self: &Arc<Self>) -> Result<usize, StartError> {
        let (mut moving, mut courses, mut resting) = (Vec::new(), Vec::new(), Vec::new());
        for id in self.store.open_actions()? {
            let row = self.store.row(&id)?.ok_or_else(|| StartError::NoRow(id.clone()))?;
            let (id, summary): (ActionId, _) = (id.parse()?, row.summary);
            let known = self.tenant(&summary.tenant).is_some();
            // The story of an action that waits for people is not loaded. An action that waits for people holds no
            // resource, and there may be thousands of them.
            if known && summary.status == Status::Waiting.word() {
                self.admission.remember(&summary.tenant, &summary.agent);
                resting.push((id, None));
            } else {
                let story = self.story(&id).map_err(StartError::Story)?;
                if !known && story.status.outcome().is_none() {
                    return Err(StartError::TenantNeeded { action: id, tenant: summary.tenant });
                }
                courses.push(self.course_of(&story));
                moving.push(LeftOpen::of(&story));
                self.settle_later(&story);
                self.waiting_list.follow(&story);
            }
        }
        self.reserve_resources(&moving);
        // All resumed actions count as under way before the first driver starts.
        let left: Vec<_> = moving.into_iter().map(|left| left.id).zip(courses).collect();
        let left: Vec<_> = left.into_iter().chain(resting).collect();
        let resumed = left.len();
        tokio::spawn(Arc::clone(self).take_up(left));
        Ok(resumed)
    }
}

/// Fails when the clock is behind the journal, because approvals and idempotency keys would then be valid for too long.
fn check_clock(store: &dyn Store, clock: &Clock) -> Result<(), StartError> {
    let (latest_ms, now_ms) = (store.latest_ms(), clock.now_ms());
    if latest_ms.saturating_sub(now_ms) <= SLACK_MS {
        return Ok(());
    }
    Err(StartError::ClockBehind { now_ms, latest_ms })
}
