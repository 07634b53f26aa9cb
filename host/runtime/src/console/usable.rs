//! Which passkeys a browser can use on the pages of this host: those whose origins have the origin of the pages.

use deed_record::statement::approver::ApproverKey;
use deed_spec::webauthn::RelyingParty;

use crate::config::{Person, Tenant, public_url};
use crate::http::App;

/// The origin of the pages, as browsers write it; `None` if the host does not know its address.
pub(super) fn origin(app: &App) -> Option<String> {
    public_url::origin(app.public_url()?)
}

/// The passkeys of a person that a browser can use on pages of this origin. They have one RP ID, because a browser
/// looks for the passkeys of one RP ID only.
#[derive(Debug)]
pub(super) struct Usable<'a> {
    person: &'a Person,
    pub(super) rp_id: &'a str,
    pub(super) keys: Vec<&'a ApproverKey>,
}

impl<'a> Usable<'a> {
    /// `None` if the person has no such passkey.
    pub(super) fn of(tenant: &'a Tenant, person: &str, origin: &str) -> Option<Self> {
        let person = tenant.persons.get(person)?;
        let fits = |key: &&ApproverKey| party(key).is_some_and(|one| one.origins.contains(origin));
        let rp_id = person.keys.iter().find(fits).and_then(party)?.rp_id.as_str();
        let same = |key: &&ApproverKey| party(key).is_some_and(|one| one.rp_id == rp_id);
        let keys = person.keys.iter().filter(fits).filter(same).collect();
        Some(Self { person, rp_id, keys })
    }

    /// The credential IDs by which authenticators find the passkeys, in base64url.
    pub(super) fn credentials(&self) -> Vec<String> {
        let id = |key: &&ApproverKey| self.person.credentials.get(&key.id().ok()?).cloned();
        self.keys.iter().filter_map(id).collect()
    }
}

fn party(key: &ApproverKey) -> Option<&RelyingParty> {
    key.passkey().map(|passkey| &passkey.relying_party)
}
