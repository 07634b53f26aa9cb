//! What a parameter does not say, although the document does.

use std::collections::BTreeSet;

use super::text::named;

/// What the translation of one schema leaves out.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    /// Keywords of the document that do not bound the values any more.
    pub(super) keywords: BTreeSet<&'static str>,
    /// Members of objects in the value that an agent cannot send.
    pub(super) members: Vec<String>,
    /// Whether the value, or a member of it, seems to be a secret that cannot be private.
    pub(super) has_secret: bool,
}

impl Lost {
    /// The comments about a parameter with this name.
    pub(super) fn notes(&self, name: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.keywords.is_empty() {
            let keywords = named(self.keywords.iter().copied());
            notes.push(format!(
                "The document bounds `{name}` by {keywords}, which is not enforced here."
            ));
        }
        if !self.members.is_empty() {
            let members = named(self.members.iter().map(String::as_str));
            notes.push(format!("These members of `{name}` cannot be sent: {members}."));
        }
        notes
    }

    /// The question about a secret that would be recorded.
    pub(super) fn question(&self, name: &str) -> Option<String> {
        self.has_secret.then(|| {
            format!(
                "`{name}` looks like a secret, or has a member that does, and every record would contain it. Only a \
                 text directly below [params] that is not in `resource` can be `private`. Change the request, or \
                 accept that the value is recorded."
            )
        })
    }
}
