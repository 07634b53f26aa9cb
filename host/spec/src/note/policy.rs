//! Policies that say which cosignatures a checkpoint needs (C2SP tlog-policy). A check finds out who cosigned a note,
//! and whether the policy is met. Witnesses are identified by their keys, never by their names.

use std::fmt::Write as _;

use super::{NoteError, VerifierKey, WitnessKey, cosignature};
pub use parse::{Fault, PolicyError};

mod parse;

/// The logs and witnesses that a reader knows, and which of these witnesses must have cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPolicy {
    text: String,
    logs: Vec<VerifierKey>,
    /// Witnesses and groups in the order of the policy's text. Each group comes after its members.
    members: Vec<Member>,
    /// The witness or group that must have cosigned; `None` if the text has `quorum none`.
    quorum: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Witness(WitnessKey),
    /// The number of members that must have cosigned, and the indices of the members.
    Group(usize, Vec<usize>),
}

/// The cosignatures of a policy's witnesses on a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Whether the quorum is met.
    pub met: bool,
    /// Names of the witnesses that cosigned, each with the Unix time of its cosignature in seconds.
    pub by: Vec<(String, u64)>,
    /// Names of the witnesses that count towards the quorum but did not cosign.
    pub missing: Vec<String>,
}

impl LogPolicy {
    /// Parses the text of a policy. If the text is invalid, the error names the first invalid line.
    ///
    /// # Errors
    ///
    /// Fails at the first line that is not valid.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse::parse(text)
    }

    /// The policy that accepts a checkpoint of these logs if at least `quorum` of these witnesses cosigned it.
    ///
    /// # Errors
    ///
    /// Fails when the result is not a valid policy.
    pub fn of(
        logs: &[VerifierKey],
        witnesses: &[(&str, &WitnessKey, &str)],
        quorum: usize,
    ) -> Result<Self, PolicyError> {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        for log in logs {
            writeln!(text, "log {log}").unwrap_or_default();
        }
        for (name, key, url) in witnesses {
            writeln!(text, "witness {name} {key} {url}").unwrap_or_default();
        }
        let names: Vec<&str> = witnesses.iter().map(|(name, ..)| *name).collect();
        let names = names.join(" ");
        // The group name `_all` cannot be the name of a witness, because names in the configuration begin with a
        // letter.
        writeln!(text, "group _all {quorum} {names}\nquorum _all").unwrap_or_default();
        Self::parse(&text)
    }

    /// The text from which this policy was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The logs whose checkpoints this policy accepts; empty if the logs are specified elsewhere.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Whether this policy requires any cosignature.
    pub fn asks(&self) -> bool {
        self.quorum.is_some()
    }

    /// Finds out which witnesses cosigned this note. The log's own signature is not checked here.
    ///
    /// # Errors
    ///
    /// Fails when a witness of the policy has an invalid cosignature on the note.
    pub fn check(&self, note: &str) -> Result<Witnessed, NoteError> {
        let mut by = Vec::new();
        let mut witnessed: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let holds = match &member.rule {
                Rule::Witness(key) => {
                    let found = cosignature(note, key)?;
                    by.extend(found.map(|found| (member.name.clone(), found.time)));
                    found.is_some()
                }
                Rule::Group(least, of) => {
                    let holds = |member: &&usize| witnessed.get(**member) == Some(&true);
                    of.iter().filter(holds).count() >= *least
                }
            };
            witnessed.push(holds);
        }
        let met = self.quorum.is_none_or(|quorum| witnessed.get(quorum) == Some(&true));
        let names = self.counted().into_iter().zip(&witnessed).zip(&self.members);
        let missing = names.filter(|((counts, holds), member)| {
            *counts && !**holds && matches!(member.rule, Rule::Witness(_))
        });
        let missing = missing.map(|(_, member)| member.name.clone()).collect();
        Ok(Witnessed { met, by, missing })
    }

    /// For each witness or group, whether the quorum depends on it.
    fn counted(&self) -> Vec<bool> {
        let mut counted = vec![false; self.members.len()];
        if let Some(quorum) = self.quorum.and_then(|quorum| counted.get_mut(quorum)) {
            *quorum = true;
        }
        // The members of a group come before the group, so one pass from the end reaches every member that counts.
        for (at, member) in self.members.iter().enumerate().rev() {
            let Rule::Group(_, of) = &member.rule else { continue };
            if counted.get(at) != Some(&true) {
                continue;
            }
            for below in of {
                if let Some(counts) = counted.get_mut(*below) {
                    *counts = true;
                }
            }
        }
        counted
    }

    /// The public keys of the witnesses.
    pub fn witnesses(&self) -> impl Iterator<Item = &WitnessKey> {
        self.members.iter().filter_map(|member| match &member.rule {
            Rule::Witness(key) => Some(key),
            Rule::Group(..) => None,
        })
    }
}

#[cfg(test)]
mod tests;
