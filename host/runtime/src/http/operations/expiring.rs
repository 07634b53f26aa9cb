//! When credentials and certificates expire. The labels come from the configuration in force, so their number is bounded
//! by it: a token has one value, also if the host holds one for each of many persons.

use std::fmt;

use super::families::{Families, seconds};
use crate::engine::Engine;

/// Writes nothing if the host knows of nothing that expires.
pub(super) fn write(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let expiries = engine.expiries();
    if expiries.is_empty() {
        return Ok(());
    }
    let values = expiries.iter().map(|(tenant, one)| {
        let (kind, name) = (one.kind.as_str(), one.name.as_str());
        ([("tenant", tenant.as_str()), ("kind", kind), ("name", name)], seconds(one.at_ms))
    });
    families.gauges(
        "deed_credential_expires_timestamp_seconds",
        "Unix time at which a secret, certificate or token expires",
        values,
    )
}
