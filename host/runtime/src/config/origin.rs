//! `[log] origin`: the name of the logs, which is in every checkpoint and never changes.
//!
//! This module reports a fault if `origin` differs from the name of an existing log, and a warning for a reserved name.

use std::collections::BTreeSet;
use std::io;

use deed_spec::note::Checkpoint;
use deed_spec::tlog::HEAD;
use deed_system::files::{FileError, Files};

use super::fault::{Fault, Faults, Source};
use super::raw;

/// The size limit of a log's head file. The file has three short lines, but the name in it has no length limit.
const HEAD_MAX: u64 = 64 << 10;

/// Names that RFC 2606 reserves for examples and tests. No operator can own such a name.
const RESERVED: [&str; 7] =
    ["example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"];

pub(super) fn check(raw: &raw::Host, files: &Files, here: &Source, faults: &mut Faults) {
    let origin = &raw.log.origin;
    if origin.is_empty() || origin.contains(['+', ' ', '\n', '"']) || origin.contains("://") {
        let what = "`origin` must be a URL without scheme, such as `logs.example.org/deed`";
        return faults.push(fault(here, what));
    }
    let mut told = BTreeSet::new();
    for tenant in raw.tenant.keys() {
        let begun = match begun(files, tenant) {
            Ok(Some(begun)) => begun,
            Ok(None) => continue,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        if begun == format!("{origin}/{tenant}") {
            continue;
        }
        // All logs of a host share one name, so a changed name is reported once and not for each tenant.
        let name = begun.strip_suffix(tenant.as_str()).and_then(|rest| rest.strip_suffix('/'));
        if told.insert(name.unwrap_or(&begun).to_owned()) {
            let what = differs(origin, tenant, name.ok_or(begun.as_str()));
            faults.push(fault(here, &what));
        }
    }
}

fn differs(origin: &str, tenant: &str, begun: Result<&str, &str>) -> String {
    let at = format!("`state/log/{tenant}`");
    match begun {
        Ok(name) => format!(
            "`origin` is `{origin}`, but the log in {at} was created as `{name}`, and the name of a log is permanent; \
             write `origin = \"{name}\"`"
        ),
        Err(whole) => format!(
            "the log in {at} has the name `{whole}`, not `{origin}/{tenant}`; put the log of this tenant there"
        ),
    }
}

/// Returns the name of a tenant's log, or `None` if the tenant has no log yet. Fails when the log exists and cannot be
/// read, because the name of the log is then unknown.
fn begun(files: &Files, tenant: &str) -> Result<Option<String>, Fault> {
    let path = format!("state/log/{tenant}/{HEAD}");
    let head = match files.text(&path, HEAD_MAX) {
        Ok(head) => head,
        Err(FileError::Read(_, e)) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        // If other users can write to a folder, the check of all of `state/` reports that folder with the remedy, so
        // this function does not report it.
        Err(FileError::Writable(at, _)) if at != path => return Ok(None),
        Err(error) => return Err(Fault::new(&path, 0, error.to_string())),
    };
    let head = Checkpoint::parse(&head).map_err(|error| {
        let what =
            format!("the file is damaged: {error}; restore it from the same backup as the log");
        Fault::new(&path, 0, what)
    })?;
    Ok(Some(head.origin))
}

/// Returns a warning if `origin` has a reserved name, such as the name that `deed init` writes.
pub(super) fn warn(raw: &raw::Host, files: &Files, here: &Source) -> Option<Fault> {
    let origin = &raw.log.origin;
    let host = origin.split(['/', ':']).next().unwrap_or_default();
    let reserved = reserved(host)?;
    let remedy = if raw.tenant.keys().any(|tenant| !matches!(begun(files, tenant), Ok(None))) {
        "the logs were created with it, so only a new directory can have another one"
    } else {
        "set a name below a domain that you own, such as `logs.YOUR-DOMAIN/deed`, before the first `deed serve`"
    };
    let tenant = raw.tenant.keys().next().map_or("TENANT", String::as_str);
    let what = format!(
        "`origin` is `{origin}`, and `{reserved}` is a reserved name (RFC 2606), so it cannot be one that you own. \
         The log of each tenant is named `ORIGIN/TENANT`, here `{origin}/{tenant}`, in every checkpoint, and auditors \
         and witnesses distinguish hosts by it; {remedy}"
    );
    Some(fault(here, &what))
}

/// The reserved name that `host` is equal to, or a subdomain of.
fn reserved(host: &str) -> Option<&'static str> {
    let is_of = |name: &&str| {
        let head = host.get(..host.len().checked_sub(name.len())?)?;
        let tail = host.get(head.len()..)?;
        let is_below = head.is_empty() || head.ends_with('.');
        (is_below && tail.eq_ignore_ascii_case(name)).then_some(())
    };
    RESERVED.into_iter().find(|name| is_of(name).is_some())
}

/// Creates a fault at the line that sets the origin, whether under `[log]` or as `log.origin`.
fn fault(here: &Source, what: &str) -> Fault {
    let sets = |line: &&str| {
        let key = line.split('=').next().map(str::trim).unwrap_or_default();
        line.contains('=') && matches!(key, "origin" | "log.origin")
    };
    let line = here.text.lines().find(sets).unwrap_or("origin");
    here.fault(line, what)
}

#[cfg(test)]
mod tests {
    use super::reserved;

    #[test]
    fn a_reserved_name_is_known_also_above_others() {
        for (host, name) in [
            ("deed.example.org", Some("example.org")),
            ("Example.NET", Some("example.net")),
            ("logs.acme.test", Some("test")),
            ("x.invalid", Some("invalid")),
            ("localhost", Some("localhost")),
            ("deed.example", Some("example")),
            ("contest", None),
            ("myexample.org", None),
            ("example.org.acme.com", None),
            ("größe.test", Some("test")),
            ("", None),
        ] {
            assert_eq!(reserved(host), name, "{host}");
        }
    }
}
