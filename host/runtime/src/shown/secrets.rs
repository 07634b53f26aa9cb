//! Secrets that upstreams created, on the page of an action. The page never has a value.

use deed_spec::text::safe;

use super::text::row;
use crate::api::view::{SecretView, View};

/// The secrets of the action, and how to use one that is stored.
pub(super) fn rows(view: &View) -> String {
    listed(&view.secrets)
}

fn listed(secrets: &[SecretView]) -> String {
    let mut text: String = secrets.iter().map(one).collect();
    if secrets.iter().any(|secret| secret.file.is_some()) {
        let how = "name the file as `file` of a [tenant.TENANT.secret.NAME] table in deed.toml, and run `deed apply DIR`";
        text += &row("to use it", how);
    }
    text
}

fn one(secret: &SecretView) -> String {
    let state = if secret.stored { "stored" } else { "not stored" };
    let place = secret.file.as_ref().map(|file| format!(" in {}", safe(file)));
    let why = secret.problem.as_ref().map(|why| format!(": {}", safe(why)));
    let more = place.or(why).unwrap_or_default();
    let commitment = secret.commitment.as_ref().map(|word| row("", &safe(word)));
    row("secret", &format!("{} {state}{more}", safe(&secret.name)))
        + &commitment.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_file_and_what_to_do_with_it() {
        let stored = SecretView {
            name: "key".to_owned(),
            stored: true,
            file: Some("vault/aws/act_x-key\u{1b}".to_owned()),
            commitment: Some("private:hmac-sha256:00".to_owned()),
            problem: None,
        };
        let agents = SecretView { file: None, commitment: None, ..stored.clone() };
        let problem = Some("no\nspace".to_owned());
        let lost = SecretView { stored: false, problem, ..agents.clone() };
        let page = listed(&[stored, lost]);
        for wanted in [
            "secret       key stored in vault/aws/act_x-key\\u{1b}\n",
            "             private:hmac-sha256:00\n",
            "secret       key not stored: no\\u{a}space\n",
            "to use it    name the file as `file`",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        assert_eq!(listed(&[agents]), "secret       key stored\n");
    }
}
