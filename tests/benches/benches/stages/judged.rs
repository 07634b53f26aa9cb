//! Stages that decide: the policy, the observation, people's answers and the outcome.

use std::hint::black_box;

use deed_host::stage::{approval, policy, reconcile};
use deed_record::exchange::codec::Received;
use deed_record::lifecycle::event::Event;
use deed_record::statement::approval::ApprovalRequest;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_tests::services::Result;

use super::material::Material;
use super::stage::Once;

/// Collects the facts before an attempt and evaluates the compiled policies on them.
pub(crate) fn decide(material: &Material) -> Result<Once<'_>> {
    let (story, entry) = material.before("decided")?;
    let tenant = material.tenant()?;
    Ok(Box::new(move || {
        let pre = story.pre.as_ref().map(|look| look.value());
        black_box(policy::decide(tenant, black_box(&story), entry.at_ms, pre));
        Ok(())
    }))
}

/// Builds the policy request as it is contained in statements.
pub(crate) fn question(material: &Material) -> Result<Once<'_>> {
    let (story, _) = material.before("sealed")?;
    let (tenant, facts, _) = material.asked(&story)?;
    Ok(Box::new(move || {
        black_box(tenant.policies.question(black_box(&facts))?);
        Ok(())
    }))
}

/// Reduces the bytes of an upstream's answer to the value that the host keeps.
pub(crate) fn decode(material: &Material) -> Result<Once<'_>> {
    let story = material.story()?;
    let look = story.pre.ok_or("the story has no look")?;
    let exchange = look.exchanges.first().ok_or("the look has no exchange")?;
    let bytes = json::canonical(exchange.response.as_ref().ok_or("the exchange has no answer")?)?;
    let codec = exchange.request.codec.clone();
    Ok(Box::new(move || {
        let (kind, bytes) = ("application/scim+json", black_box(bytes.as_slice()));
        black_box(codec.decode(&Received { kind, bytes, ..Received::default() })?);
        Ok(())
    }))
}

/// Computes the digest of the observed state that an approval covers.
pub(crate) fn look(material: &Material) -> Result<Once<'_>> {
    let look = material.story()?.pre.ok_or("the story has no look")?;
    let contract = &material.granted()?.contract;
    Ok(Box::new(move || {
        black_box(black_box(&look).digest(contract)?);
        Ok(())
    }))
}

/// Evaluates the contract's `before` conditions, as the host does before an attempt.
pub(crate) fn before(material: &Material) -> Result<Once<'_>> {
    let (story, _) = material.before("cleared")?;
    let contract = &material.granted()?.contract;
    Ok(Box::new(move || {
        black_box(reconcile::unmet_before(contract, black_box(&story)));
        Ok(())
    }))
}

/// Builds the approval request as it is sent to people.
pub(crate) fn request(material: &Material) -> Result<Once<'_>> {
    let (story, entry) = material.before("answered")?;
    let (tenant, contract) = (material.tenant()?, &material.granted()?.contract);
    Ok(Box::new(move || {
        let request = approval::request(tenant, "bob", contract, (black_box(&story), entry.at_ms))?;
        black_box(serde_json::to_vec(&request)?);
        Ok(())
    }))
}

/// No key file has a text that was shown.
fn unshown(_: &ApprovalRequest, _: &str) -> std::result::Result<Digest, String> {
    Err("no text".to_owned())
}

/// Checks a signed answer against the approval request.
pub(crate) fn answer(material: &Material) -> Result<Once<'_>> {
    let (story, entry) = material.before("answered")?;
    let Event::Answered { answer } = &entry.event else { return Err("no answer".into()) };
    let tenant = material.tenant()?;
    Ok(Box::new(move || {
        let envelope = black_box(Envelope::clone(&answer.envelope));
        black_box(approval::receive(tenant, &story, envelope, entry.at_ms, unshown)?);
        Ok(())
    }))
}

/// Derives the outcome from the observations, the attempt and the contract's `after` conditions.
pub(crate) fn judge(material: &Material) -> Result<Once<'_>> {
    let (story, entry) = material.before("judged")?;
    let contract = &material.granted()?.contract;
    Ok(Box::new(move || {
        black_box(reconcile::reconcile(contract, black_box(&story), entry.at_ms, 0));
        Ok(())
    }))
}
