//! What to check after the answer of an upstream.

use std::collections::BTreeSet;

use deed_record::action::CredentialRef;

/// What to check, one text for each; nothing after a success.
pub(super) fn of(
    status: u16,
    credential: Option<&CredentialRef>,
    permissions: &BTreeSet<String>,
) -> Vec<String> {
    match status {
        200..=299 => vec![],
        300..=399 => vec![
            "the upstream redirects, and the host follows no redirect; correct `base_url` or the request".to_owned(),
            "a redirect to a page for signing in means that the credential was not accepted".to_owned(),
        ],
        401 => [unauthorized(credential), needs(permissions)].concat(),
        403 => {
            let known = needs(permissions);
            if known.is_empty() {
                vec!["the owner of the credential may not send this request; grant the permission there".to_owned()]
            } else {
                known
            }
        }
        404 | 405 | 410 => vec![
            "nothing answers this request; correct `base_url` or the request".to_owned(),
            "some systems answer 404 to a credential that may not see what is there".to_owned(),
        ],
        407 => vec!["a proxy between the host and the upstream asks for a credential".to_owned()],
        429 => vec!["the upstream limits the number of requests; try again later".to_owned()],
        500.. => vec!["the upstream has a fault, or a server in front of it; its log says more".to_owned()],
        _ => vec!["the upstream does not accept the request; correct it".to_owned()],
    }
}

fn unauthorized(credential: Option<&CredentialRef>) -> Vec<String> {
    let Some(CredentialRef { secret, token, .. }) = credential else {
        return vec![
            "the upstream asks for a credential, and its table has none for this".to_owned(),
        ];
    };
    let texts = match token {
        None => [
            format!(
                "whether the secret `{secret}` is the present one; `deed secret set DIR {secret}` stores it"
            ),
            "whether `slot` is the place and the form in which the upstream expects it".to_owned(),
        ],
        Some(_) => [
            format!(
                "whether the token `{secret}` is meant for this upstream: `scopes`, `audience`, `resource`"
            ),
            "whether the clocks of the upstream and of the authorization server are right"
                .to_owned(),
        ],
    };
    Vec::from(texts)
}

fn needs(permissions: &BTreeSet<String>) -> Vec<String> {
    let text = |name: &String| {
        format!(
            "a contract says that this request needs the permission `{name}`; grant it to the credential"
        )
    };
    permissions.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_needs_no_check_and_everything_else_does() {
        let none = BTreeSet::new();
        for status in 100..=999 {
            let is_success = (200..300).contains(&status);
            assert_eq!(of(status, None, &none).is_empty(), is_success, "{status}");
        }
    }

    #[test]
    fn a_known_permission_is_named_for_401_and_403() {
        let names = BTreeSet::from(["users:read".to_owned()]);
        for status in [401, 403] {
            let told = of(status, None, &names).join("\n");
            assert!(told.contains("needs the permission `users:read`"), "{told}");
        }
        assert!(!of(404, None, &names).join("\n").contains("users:read"));
    }
}
