//! Stages that make records, write them and read them again.
#![expect(clippy::unnecessary_wraps, reason = "all stages have one form")]

use std::hint::black_box;

use deed_host::stage::contract::{self, Access, Caller, Party};
use deed_record::action::Action;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::Entry;
use deed_record::lifecycle::story::Story;
use deed_store::journal;
use deed_store::store::{Append, Store as _, Summary};
use deed_tests::services::Result;

use super::material::{AGENT, Material, PERSON};
use super::stage::Once;

/// Parses the bytes of a request body as a proposal.
pub(crate) fn parse(material: &Material) -> Result<Once<'_>> {
    Ok(Box::new(|| {
        black_box(contract::parse(black_box(&material.body))?);
        Ok(())
    }))
}

/// Turns a proposal into an action: checks the schema, renders the templates, and computes the bindings and their
/// digests.
pub(crate) fn bind(material: &Material) -> Result<Once<'_>> {
    let proposal = contract::parse(&material.body)?;
    let environment = &material.config.environment;
    let tenant = material.tenant()?;
    let caller = Caller {
        tenant,
        environment,
        agent: AGENT,
        person: PERSON,
        party: Party::Proposal,
        access: Access::Tested,
    };
    Ok(Box::new(move || {
        let id = ActionId::new(0, [0; 10]);
        let nonce = "0".repeat(32);
        black_box(contract::bind(caller, black_box(proposal.clone()), id, nonce, || None)?);
        Ok(())
    }))
}

/// Hashes the action's canonical bytes.
pub(crate) fn digest(material: &Material) -> Result<Once<'_>> {
    let action = Action::clone(&material.story()?.bound.action);
    Ok(Box::new(move || {
        black_box(black_box(&action).digest()?);
        Ok(())
    }))
}

/// Decodes all stored events of the journal into entries.
pub(crate) fn read(material: &Material) -> Result<Once<'_>> {
    Ok(Box::new(|| {
        for event in black_box(&material.events) {
            let entry: Entry = serde_json::from_slice(event)?;
            black_box(entry);
        }
        Ok(())
    }))
}

/// Folds all entries into the action's state.
pub(crate) fn fold(material: &Material) -> Result<Once<'_>> {
    Ok(Box::new(|| {
        black_box(Story::fold(black_box(&material.entries))?);
        Ok(())
    }))
}

/// Copies the action's whole state.
pub(crate) fn clone(material: &Material) -> Result<Once<'_>> {
    let story = material.story()?;
    Ok(Box::new(move || {
        black_box(black_box(&story).clone());
        Ok(())
    }))
}

/// Encodes all entries as bytes for the journal.
pub(crate) fn write(material: &Material) -> Result<Once<'_>> {
    Ok(Box::new(|| {
        for entry in black_box(&material.entries) {
            black_box(serde_json::to_vec(entry)?);
        }
        Ok(())
    }))
}

/// Appends each event of an action: record, checksum, hash and index. The appends do not wait for the disk.
pub(crate) fn journal(material: &Material) -> Result<Once<'_>> {
    let journal = journal::open(&material.scratch("journal")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut count: u8 = 0;
    Ok(Box::new(move || {
        count += 1;
        let action = ActionId::new(0, [count; 10]).to_string();
        for (version, event) in (0..).zip(&material.events) {
            let append = Append {
                action: action.clone(),
                expect: version,
                events: vec![event.clone()],
                summary: summary(),
                claim: None,
                nonces: vec![],
                durable: false,
            };
            runtime.block_on(journal.append(append))?;
        }
        Ok(())
    }))
}

fn summary() -> Summary {
    Summary {
        tenant: "acme".to_owned(),
        agent: AGENT.to_owned(),
        contract: "idp.restore_access".to_owned(),
        resource: format!("idp/users/{}", "0".repeat(32)),
        status: "running".to_owned(),
        ended: false,
        at_ms: 1_700_000_000_000,
        trace: None,
    }
}
