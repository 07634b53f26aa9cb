//! Secrets in the recorded answers of a case. The host takes them out of an answer, so the case sees the same.

use deed_record::exchange::Rendered;
use deed_record::exchange::secret::{TakenSecret, placeholder};
use serde_json::Value;

/// Takes the secrets of a request out of its answer, as if each text were stored. Returns what a record has of them.
pub(super) fn take(
    request: &Rendered,
    status: Option<u16>,
    mut body: Option<&mut Value>,
) -> Vec<TakenSecret> {
    let mut taken = Vec::new();
    for (name, pointer) in &request.secrets {
        let place = body.as_deref_mut().and_then(|body| body.pointer_mut(pointer));
        let value = place.map(|place| std::mem::replace(place, placeholder(name).into()));
        let is_text = value.as_ref().and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        taken.push(TakenSecret {
            name: name.clone(),
            file: is_text.then(|| format!("vault/{name}")),
            commitment: None,
            problem: (!is_text).then(|| format!("the answer has no text at `{pointer}`")),
        });
    }
    if status.is_some_and(|status| (200..300).contains(&status)) { taken } else { Vec::new() }
}
