//! Names that cannot be those of roles.

use deed_record::policy::CONFIRM;

use super::Builder;

impl Builder<'_> {
    /// Reports agents and persons with a role that has the name of an obligation. An approval in such a role could stand
    /// for a confirmation by the responsible person.
    pub(super) fn reserved_roles(&mut self) {
        let raw = self.raw;
        let agents = raw.agent.iter().map(|(name, one)| ("agent", name, &one.roles));
        let persons = raw.person.iter().map(|(name, one)| ("person", name, &one.roles));
        for (kind, name, roles) in agents.chain(persons) {
            if roles.iter().any(|role| role == CONFIRM) {
                let what = format!(
                    "no role can have the name `{CONFIRM}`, because it stands for the confirmation by the responsible \
                     person; give the role another name here and in the policies"
                );
                self.fault(kind, name, "roles", &what);
            }
        }
    }
}
