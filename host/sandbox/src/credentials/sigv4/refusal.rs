//! Why an upstream refused a signature, by the error code in its answer.
//!
//! The texts are fixed, except for the names of the secret and the access key and for the name of a permission. Nothing
//! else of the answer is shown, so a rule with `expose` hides as much as before.

use super::Signer;

/// How many bytes of an answer are searched.
const SEARCHED: usize = 16 << 10;
/// The longest name of a permission that is shown, such as `iam:GetUser`.
const PERMISSION_MAX: usize = 128;
/// The words before the name of a permission that the owner of the access key does not have.
const LACKS: &str = "is not authorized to perform: ";

/// What an error code means.
#[derive(Clone, Copy)]
enum Kind {
    Signature,
    Clock,
    Key,
    Session,
    Permission,
    Incomplete,
}

const CODES: [(&str, Kind); 19] = [
    ("RequestTimeTooSkewed", Kind::Clock),
    ("RequestExpired", Kind::Clock),
    ("RequestInTheFuture", Kind::Clock),
    ("SignatureDoesNotMatch", Kind::Signature),
    ("InvalidSignatureException", Kind::Signature),
    ("AuthFailure", Kind::Signature),
    ("InvalidClientTokenId", Kind::Key),
    ("InvalidAccessKeyId", Kind::Key),
    ("UnrecognizedClientException", Kind::Key),
    ("ExpiredToken", Kind::Session),
    ("ExpiredTokenException", Kind::Session),
    ("InvalidToken", Kind::Session),
    ("AccessDenied", Kind::Permission),
    ("AccessDeniedException", Kind::Permission),
    ("UnauthorizedOperation", Kind::Permission),
    ("IncompleteSignature", Kind::Incomplete),
    ("IncompleteSignatureException", Kind::Incomplete),
    ("MissingAuthenticationToken", Kind::Incomplete),
    ("MissingAuthenticationTokenException", Kind::Incomplete),
];

impl Signer<'_> {
    /// Why the upstream refused a request that was signed with the secret of this name; `None` if the answer has no
    /// known error code. `clocks` says how far the clocks differ, if the answer shows it.
    pub(crate) fn refusal(
        &self,
        secret: &str,
        answer: &[u8],
        clocks: Option<String>,
    ) -> Option<String> {
        let text = String::from_utf8_lossy(answer.get(..SEARCHED).unwrap_or(answer));
        let (code, kind) = CODES.into_iter().find(|(code, _)| has_code(&text, code))?;
        // IAM and STS use the code of a wrong signature for a wrong time too.
        let is_late =
            text.contains("Signature expired") || text.contains("Signature not yet current");
        let kind = if is_late { Kind::Clock } else { kind };
        let (key_id, region, service) = (self.key_id, self.region, self.service);
        Some(match kind {
            Kind::Signature => format!(
                "the signature does not match (`{code}`); check that secret `{secret}` belongs to access key \
                 `{key_id}`, and that the slot has the right region (`{region}`) and service (`{service}`)"
            ),
            Kind::Clock => {
                let differ =
                    clocks.map(|differ| format!("{differ}; correct the clock that is wrong"));
                let remedy = differ.unwrap_or_else(|| "check the clock of the host".to_owned());
                format!(
                    "the upstream does not accept the time of the signature (`{code}`); {remedy}"
                )
            }
            Kind::Key => format!(
                "access key `{key_id}` is not known or not active (`{code}`); correct `key_id` of the slot, or \
                 activate the key"
            ),
            Kind::Session => format!(
                "the session token is not valid or has expired (`{code}`); store a new access key with its session \
                 token"
            ),
            Kind::Permission => format!(
                "the owner of access key `{key_id}` lacks {} (`{code}`); grant it to that user or role",
                permission(&text)
            ),
            Kind::Incomplete => format!(
                "the upstream found no complete signature (`{code}`); check whether a proxy changes the request"
            ),
        })
    }
}

/// Whether an answer in XML or JSON has this error code.
fn has_code(text: &str, code: &str) -> bool {
    [format!("<Code>{code}</Code>"), format!("\"{code}\""), format!("#{code}\"")]
        .iter()
        .any(|written| text.contains(written.as_str()))
}

/// The permission that the message names, if it has the form of one.
fn permission(text: &str) -> String {
    let named = text.split_once(LACKS).map(|(_, rest)| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b":-*".contains(&byte);
        rest.chars()
            .take_while(|letter| u8::try_from(*letter).is_ok_and(is_part))
            .collect::<String>()
    });
    let is_permission = |name: &String| {
        name.len() <= PERMISSION_MAX
            && name
                .split_once(':')
                .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && !b.contains(':'))
    };
    match named.filter(is_permission) {
        Some(name) => format!("the permission `{name}`"),
        None => "a permission".to_owned(),
    }
}
