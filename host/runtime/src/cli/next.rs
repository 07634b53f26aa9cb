//! Suggests to the user which command to type next, based on the host's view of an action.
//!
//! Only commands that the action's status allows are suggested. Text from the host is quoted for the shell, because
//! users paste the suggested commands.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::outcome::Outcome;
use deed_spec::text::safe;

use super::client::Connection;
use super::out::{self, Failure, Format};
use super::quote::quoted;
use super::shown::roles;
use crate::api::view::View;

/// Prints suggested commands, except with JSON output, which is read by programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next<'a> {
    connection: &'a Connection,
    silent: bool,
}

impl<'a> Next<'a> {
    pub(super) fn new(connection: &'a Connection, format: Format) -> Self {
        Self { connection, silent: format.json }
    }

    /// Suggests the commands that the status of the action allows.
    pub(super) fn after(&self, view: &View) {
        let Some(id) = id(&view.id) else { return };
        let approvers = roles(view, "approve");
        if !approvers.is_empty() {
            for role in approvers {
                let role = quoted(role);
                self.tell(&format!("deed approve {id} --key FILE --person NAME --role {role}"));
            }
        } else if !roles(view, "resolve").is_empty() {
            self.tell(&format!(
                "deed resolve {id} applied|not-applied|retry --reason TEXT --key FILE"
            ));
        } else if view.outcome.is_some() {
            self.real(view);
            self.tell(&format!("deed bundle {id} -o {id}.deed"));
        } else {
            self.show(&view.id);
        }
    }

    /// Suggests the real action after a dry run. The view has no values of private parameters, so the whole command is
    /// not known.
    fn real(&self, view: &View) {
        if !self.silent && view.outcome == Some(Outcome::Rehearsed) {
            let contract = quoted(&view.contract);
            let how = "with the arguments of the dry run and without --dry-run";
            out::note(&format!("next: deed act {contract} …, {how}"));
        }
    }

    /// Suggests a command after an answer that counts: `deed bundle` if the action has ended, otherwise `deed show`.
    pub(super) fn answered(&self, view: &View) {
        match id(&view.id) {
            Some(id) if view.outcome.is_some() => {
                self.tell(&format!("deed bundle {id} -o {id}.deed"));
            }
            _ => self.show(&view.id),
        }
    }

    /// Suggests commands after a proposal. If an approver has to sign, the notes name the page for approvers, and say
    /// that the next command is for an approver, because an agent cannot approve.
    pub(super) fn proposed(&self, view: &View) {
        if !self.silent && !roles(view, "approve").is_empty() {
            if let Some(url) = &view.approve_url {
                out::note(&format!("approvers read the action at {}", safe(url)));
            }
            out::note("an approver signs next, with their own token:");
        }
        self.after(view);
    }

    /// Suggests `deed show` for the action.
    pub(super) fn show(&self, action: &str) {
        if let Some(id) = id(action) {
            self.tell(&format!("deed show {id}"));
        }
    }

    /// Suggests the command with which the same person can approve the action again.
    pub(super) fn approve_again(&self, view: &View, key: &str, person: &str) {
        let Some(id) = id(&view.id) else { return };
        for role in roles(view, "approve") {
            let (key, person, role) = (quoted(key), quoted(person), quoted(role));
            self.tell(&format!("deed approve {id} --key {key} --person {person} --role {role}"));
        }
    }

    /// Adds `deed show` to the error if the host refused the request because of the action's status.
    pub(super) fn explain(&self, failure: Failure, action: &str) -> Failure {
        match id(action) {
            Some(id) => self.remedy(failure, 409, &format!("deed show {id}")),
            None => failure,
        }
    }

    /// Adds a command to the error if the host refused the request with this HTTP status.
    pub(super) fn remedy(&self, failure: Failure, refused: u16, command: &str) -> Failure {
        match failure {
            Failure::Refused { status, text } if status == refused && !self.silent => {
                let url = self.url();
                Failure::Refused { status, text: format!("{text}\nnext: {command}{url}") }
            }
            failure => failure,
        }
    }

    fn tell(&self, command: &str) {
        if !self.silent {
            out::note(&format!("next: {command}{}", self.url()));
        }
    }

    fn url(&self) -> String {
        self.connection
            .other_url()
            .map_or_else(String::new, |url| format!(" --url {}", quoted(url)))
    }
}

/// Parses an action id. An invalid id is not used in a suggested command.
fn id(text: &str) -> Option<ActionId> {
    text.parse().ok()
}
