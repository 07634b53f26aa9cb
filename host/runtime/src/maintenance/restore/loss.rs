//! Computes what a restore would lose: the actions and log entries that a directory's state has and the backup does
//! not. Neither the state nor the backup is trusted. If some data of the state cannot be read, the result reports a
//! possible further loss.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use deed_spec::digest::Digest;
use deed_store::{journal, log};
use serde::Serialize;

/// What a restore would lose.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Actions that the backup does not have.
    pub begun: u64,
    /// Actions whose events are later than those in the backup, or differ from them.
    pub changed: u64,
    /// Logs that would have fewer entries.
    pub logs: Vec<LogLoss>,
    /// The reason why more data may be lost than these fields show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLoss {
    pub tenant: String,
    pub now: u64,
    pub then: u64,
}

/// What a restore would lose; `None` if the backup has everything that the state has.
pub(super) fn of(state: &Path, backup: &Path) -> Option<Loss> {
    let (present, unread) = actions(state);
    let (old, _) = actions(backup);
    let (logs, unread_log) = logs(state, backup);
    let mut loss = Loss { unread: unread.or(unread_log), logs, ..Loss::default() };
    for (action, events) in &present {
        match old.get(action) {
            None => loss.begun += 1,
            Some(before) if !before.starts_with(events) => loss.changed += 1,
            Some(_) => {}
        }
    }
    (loss != Loss::default()).then_some(loss)
}

/// The digests of every action's events, and the reason if some events could not be read.
fn actions(state: &Path) -> (BTreeMap<String, Vec<Digest>>, Option<String>) {
    let mut actions: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    if !state.join("segments").is_dir() {
        return (actions, None);
    }
    let scan = journal::scan(state, &mut |seen| {
        let events = actions.entry(seen.action.to_owned()).or_default();
        events.extend(seen.events.iter().map(|event| Digest::of(event)));
    });
    let unread = match scan {
        Ok(scan) => scan.wrong.first().map(|wrong| {
            let offset = wrong.offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
            format!("state/{}{offset}: {}", wrong.file, wrong.what)
        }),
        Err(error) => Some(error.to_string()),
    };
    (actions, unread)
}

/// Logs that would become shorter, and the reason if some logs could not be read.
fn logs(state: &Path, backup: &Path) -> (Vec<LogLoss>, Option<String>) {
    let (mut logs, mut unread) = (Vec::new(), None);
    let entries = match std::fs::read_dir(state.join("log")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return (logs, unread),
        Err(error) => return (logs, Some(format!("state/log: {error}"))),
        Ok(entries) => entries,
    };
    let size = |state: &Path, tenant: &str| {
        log::glance(&state.join("log").join(tenant)).map(|glance| glance.said_size())
    };
    for entry in entries.flatten() {
        let tenant = entry.file_name().to_string_lossy().into_owned();
        let then = size(backup, &tenant).unwrap_or_default();
        match size(state, &tenant) {
            Ok(now) if now > then => logs.push(LogLoss { tenant, now, then }),
            Ok(_) => {}
            Err(error) => unread = Some(format!("state/log/{tenant}: {error}")),
        }
    }
    logs.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    (logs, unread)
}
