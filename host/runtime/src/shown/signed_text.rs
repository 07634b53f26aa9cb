//! The text that a signature by a passkey covers by its digest.
//!
//! It is the text that `deed approve` shows, with two differences. The row `waits for` lists all that was asked, so that
//! the text stays the same while several people answer. Salts follow the text if it has private values, so that nobody
//! can find a value by trying texts until one has the digest in the record.

use deed_record::statement::approval::{Answer, ApprovalRequest};
use deed_spec::digest::Digest;

use super::question;
use super::text::line;

/// The text of this request for this person. Fails with the reason when the request is not consistent.
pub(crate) fn text(request: &ApprovalRequest, person: &str) -> Result<String, String> {
    let asked = request.ask.obligations.iter();
    let request =
        ApprovalRequest { not_yet: asked.map(ToString::to_string).collect(), ..request.clone() };
    // The answer and the role are in the signed terms themselves. The text does not depend on them.
    let terms = request.terms(Answer::Approve, person, "").map_err(|e| e.to_string())?;
    let action = request.action.digest().map_err(|e| e.to_string())?;
    let text = question(&request, action, &terms, None).map_err(|e| e.to_string())?;
    Ok(text + &salts(&request))
}

/// The digest of [`text`], which an approval by passkey states as `shown`.
pub(crate) fn digest(request: &ApprovalRequest, person: &str) -> Result<Digest, String> {
    Ok(Digest::of(text(request, person)?.as_bytes()))
}

fn salts(request: &ApprovalRequest) -> String {
    if request.private.is_empty() {
        return String::new();
    }
    let mut text = "\nsalts of the private values\n".to_owned();
    for (name, opening) in request.private.iter() {
        line(&mut text, format_args!("  {name}: {}", opening.salt));
    }
    text
}
