//! Content types and compression that the host accepts in an upstream's answers, in addition to what every codec
//! accepts.

use deed_record::exchange::codec::kind::{Accepted, is_kind};

use super::Wrong;
use crate::config::raw;

/// Maximum number of content types. The number is small because a person reviews the list.
const KINDS_MAX: usize = 16;

/// Parses the content types and the compression that the operator adds. Fails when an entry is not a content type or
/// occurs twice.
pub(super) fn accepted(raw: &raw::Upstream) -> Result<Accepted, Wrong> {
    let mut accepted = Accepted { gzip: raw.gzip, ..Accepted::default() };
    for kind in &raw.content_types {
        if !is_kind(kind) {
            let what = format!(
                "{kind:?} in `content_types` is not a content type; write one without parameters, such as \
                 `application/json+scim`"
            );
            return Err(("content_types", what));
        }
        if !accepted.content_types.insert(kind.to_ascii_lowercase()) {
            let what = format!("`{kind}` is in `content_types` twice; keep one");
            return Err(("content_types", what));
        }
    }
    if accepted.content_types.len() > KINDS_MAX {
        let what =
            format!("`content_types` has more than {KINDS_MAX} entries; keep those that it sends");
        return Err(("content_types", what));
    }
    Ok(accepted)
}
