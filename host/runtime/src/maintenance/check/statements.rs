//! Checks the statements that are stored outside stories: each must match its file name and be signed by a key of this
//! host.

use deed_record::lifecycle::event::entry;
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::envelope::Kind;
use deed_record::statement::{activation, rotation};
use deed_store::statements::Kept;

use super::{Check, CheckError};
use crate::stage::activation as stage;

pub(super) fn check(check: &mut Check) -> Result<(), CheckError> {
    let Some(past) = check.past.take() else { return Ok(()) };
    for (kind, digest, name) in past.statements.names()? {
        check.found.statements += 1;
        let found = match past.statements.get(kind, digest) {
            Ok(Some(kept)) => one(check, kind, &kept),
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        check.stated.insert(entry(kind.as_str(), &digest));
        if kind == Kind::Activated {
            check.activations.insert(digest);
        }
        if let Err(what) = found {
            check.finding(&format!("statements/{name}"), None, None, what);
        }
    }
    check.past = Some(past);
    Ok(())
}

fn one(check: &mut Check, kind: Kind, kept: &Kept) -> Result<(), String> {
    let keys = &check.receipt_keys;
    if kind != Kind::Activated {
        let good = keys.iter().any(|key| rotation::open(&kept.envelope, key, kind).is_ok());
        return if good {
            Ok(())
        } else {
            Err("it is not signed by a key of this host".to_owned())
        };
    }
    let opened = keys.iter().find_map(|key| activation::open(&kept.envelope, key).ok());
    let activation = opened.ok_or("it is not signed by a key of this host")?;
    match stage::names(&activation, &kept.people) {
        Ok(true) => {}
        Ok(false) => return Err("the people stored with it are not those that it names".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    for person in &kept.people {
        let key = ApproverKey::read(&person.key, person.passkey.clone());
        let key = key.map_err(|e| e.to_string())?;
        if !check.people.contains(&key) {
            check.people.push(key);
        }
    }
    Ok(())
}
