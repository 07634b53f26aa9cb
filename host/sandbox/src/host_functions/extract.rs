//! Extracts a declared state from the answer of an exchange. An error has a text for the guest and, if the answer is at
//! fault, a text for the operator.

use deed_record::contract::StateShape;
use deed_record::contract::schema::Violation;
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::observation::declared::hides;
use deed_spec::json;
use serde_json::Value;

/// Message for a value that does not match the contract's schema.
const UNFIT: &str = "the value does not fit the contract's state";

/// Maximum bytes of a pointer that is quoted for the operator.
const POINTER: usize = 256;

/// Why a state could not be read.
pub(super) struct Unread {
    /// The text for the guest. This text must be the same in every release, because a guest may repeat it in its
    /// result, which a replay compares.
    pub(super) told: String,
    /// The text for the operator; `None` if the upstream's answer is not at fault.
    pub(super) why: Option<String>,
    /// Whether the cause is the content of an answer with a 2xx status.
    pub(super) misfit: bool,
}

/// An error that was created from a text alone describes a mistake of the guest, so it has no text for the operator.
impl From<String> for Unread {
    fn from(told: String) -> Self {
        Self { told, why: None, misfit: false }
    }
}

/// Returns the declared part of the value at the pointer. Fails when the exchange has no usable answer, or the value is
/// missing, redacted or does not fit the shape.
pub(super) fn extract(
    entry: &Exchange,
    name: &str,
    pointer: &str,
    shape: &StateShape,
) -> Result<Value, Unread> {
    let (ordinal, body) = (entry.ordinal, answer(entry)?);
    let its = the_answer(entry);
    let found = json::pointer(body, pointer).ok_or_else(|| Unread {
        told: format!("exchange {ordinal} has nothing at `{pointer}`"),
        why: Some(format!(
            "{its} has nothing at {}, where the adapter reads state `{name}`",
            quoted(pointer)
        )),
        misfit: true,
    })?;
    let kept = shape.project(found).map_err(|violation| Unread {
        told: unfit(&violation),
        why: Some(format!("{its} does not fit `[state.{name}]` of the contract: {violation}")),
        misfit: true,
    })?;
    let hidden = |place: &&String| hides(place, pointer, shape);
    match entry.redacted.iter().find(hidden) {
        Some(place) => Err(Unread {
            told: format!("exchange {ordinal} held a secret at `{place}`, so it is not known"),
            why: Some(format!("{its} held a secret at `{place}`, so state `{name}` is not known")),
            misfit: true,
        }),
        None => Ok(kept),
    }
}

/// The text for the guest about a value that does not match the contract's schema. It must be the same in every
/// release, see [`Unread::told`], so it is not the text of the violation: it names the whole value by an empty pointer.
pub(super) fn unfit(violation: &Violation) -> String {
    format!("{UNFIT}: at `{}`: {}", violation.pointer, violation.reason)
}

/// Quotes a pointer from the guest. A long pointer is left out and not shortened, because a private value that was cut
/// in two would not be found in the quotation.
fn quoted(pointer: &str) -> String {
    if pointer.len() <= POINTER {
        format!("`{pointer}`")
    } else {
        format!("a pointer of {} bytes", pointer.len())
    }
}

/// The body of an exchange that was answered with success (RFC 9110 section 15.3). Fails when the exchange was not
/// answered with success or the answer has no body.
pub(super) fn answer(entry: &Exchange) -> Result<&Value, Unread> {
    let (ordinal, its) = (entry.ordinal, the_answer(entry));
    let problem = entry.problem.as_deref();
    match entry.fate {
        Fate::Answered { .. } if entry.is_refused_read() => Err(Unread {
            told: format!("exchange {ordinal} is an error, or may be one, by `refused_when`"),
            why: Some(format!("{its} is an error, or may be one, by `refused_when`")),
            misfit: true,
        }),
        Fate::Answered { status: 200..=299 } => entry.response.as_ref().ok_or_else(|| {
            let problem = problem.unwrap_or("the answer has no body");
            Unread {
                told: format!("exchange {ordinal} has no usable body: {problem}"),
                why: Some(format!("{its} cannot be used: {problem}")),
                misfit: true,
            }
        }),
        Fate::Answered { status } => Err(Unread {
            told: format!("exchange {ordinal} was answered {status}; state is read out of 2xx"),
            why: Some(format!(
                "{its} has the status {status}; state is read only from 2xx answers{}",
                entry.refused_credential().map(|why| format!("; {why}")).unwrap_or_default()
            )),
            misfit: false,
        }),
        Fate::NotSent | Fate::NoAnswer => Err(Unread {
            told: format!("exchange {ordinal} has no answer"),
            why: Some(format!("there is no answer of {}: {}", asked(entry), problem.unwrap_or(""))),
            misfit: false,
        }),
    }
}

/// The phrase by which messages name an answer: the short name of the upstream and the request.
pub(crate) fn the_answer(entry: &Exchange) -> String {
    format!("the answer of {}", asked(entry))
}

fn asked(entry: &Exchange) -> String {
    let request = &entry.request;
    format!("upstream `{}` to `{} {}`", request.upstream, request.method, request.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bundles of earlier releases have these texts in the claims of adapters.
    #[test]
    fn the_text_for_a_guest_is_that_of_earlier_releases() {
        let said = |pointer: &str| {
            unfit(&Violation {
                pointer: pointer.to_owned(),
                reason: "`[]` is not an object".to_owned(),
            })
        };
        let start = "the value does not fit the contract's state: at ";
        assert_eq!(said(""), format!("{start}``: `[]` is not an object"));
        assert_eq!(said("/a"), format!("{start}`/a`: `[]` is not an object"));
    }
}
