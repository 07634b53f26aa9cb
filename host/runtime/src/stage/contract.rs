//! Stage 1: turns an untrusted proposal into an action that is bound to its contract and has rendered requests, or
//! reports an error.
//!
//! This stage does no I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::commitment::Salt;
use deed_record::action::id::ActionId;
use deed_record::action::private::{self, Sealed};
use deed_record::action::{
    Action, BindError, Binding, Bound, ContractRef, CredentialRef, Proposal, Rendering,
};
use deed_record::exchange::Rendered;
use deed_record::memo::Memo;
use deed_sandbox::upstream::{Credential, Upstream};
use deed_spec::digest::Digest;
use deed_spec::json::{self, NotCanonical, ParseError, ShapeError};

use crate::config::{Granted, Tenant};

/// The agent that proposes an action, its responsible person, its tenant, the environment, and who says for whom the
/// agent acts.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub tenant: &'a Tenant,
    pub environment: &'a str,
    pub agent: &'a str,
    pub person: &'a str,
    pub party: Party<'a>,
}

/// Who says for whom an agent acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party<'a> {
    /// The proposal, if anyone.
    Proposal,
    /// The agent's access token names this party.
    Token(&'a str),
    /// Access tokens of the agent would, but this token is none.
    Nobody,
}

/// An action that is bound to its contract, with the upstream bindings to which the digests in the action refer.
#[derive(Debug)]
pub struct Fresh {
    pub bound: Bound,
    pub bindings: Arc<BTreeMap<String, Binding>>,
}

/// Writes into a proposal for whom the agent acts, if its access token says it. The token is signed by an issuer, and
/// the proposal is the agent's own text.
///
/// # Errors
///
/// Fails when the proposal names another party, or a party that only an access token may name.
pub fn acting_for(caller: Caller<'_>, mut proposal: Proposal) -> Result<Proposal, BindFault> {
    let (party, reason) = match caller.party {
        Party::Proposal => return Ok(proposal),
        Party::Token(party) => {
            (Some(party), "is not the party that the access token names; leave the member out")
        }
        Party::Nobody => (
            None,
            "must not be set with this token, because only access tokens say for whom this agent acts; leave the \
             member out, or use an access token",
        ),
    };
    let named = proposal.on_behalf_of.as_deref();
    if named.is_some() && named != party {
        let pointer = "/on_behalf_of".to_owned();
        return Err(ShapeError { pointer, reason: reason.to_owned() }.into());
    }
    proposal.on_behalf_of = party.map(str::to_owned);
    Ok(proposal)
}

/// Binds a proposal. `id`, `nonce` and salts come from the caller, so this function is deterministic.
///
/// # Errors
///
/// Fails when the contract is not granted or the proposal does not match the contract.
pub fn bind(
    caller: Caller<'_>,
    proposal: Proposal,
    id: ActionId,
    nonce: String,
    salt: impl FnMut() -> Option<Salt>,
) -> Result<Fresh, BindFault> {
    let proposal = acting_for(caller, proposal)?;
    let unknown = || BindFault::Unknown(proposal.contract.clone());
    let granted = caller.tenant.grants.get(&proposal.contract).ok_or_else(unknown)?;
    // From here on, commitments replace the private values.
    let Sealed { proposal, rendering, openings } =
        private::seal(&granted.contract, proposal, &id, salt)?;
    let Rendering { resource, observe, perform } = rendering;
    let bindings = bindings(caller.tenant, granted, (&observe, &perform));
    let action = Action {
        v: granted.contract.format,
        id,
        tenant: caller.tenant.name.clone(),
        environment: caller.environment.to_owned(),
        principal: caller.agent.to_owned(),
        person: caller.person.to_owned(),
        on_behalf_of: proposal.on_behalf_of.clone(),
        contract: ContractRef {
            name: granted.contract.action.name.clone(),
            version: granted.contract.action.version.clone(),
            digest: granted.digest,
        },
        adapter: granted.adapter,
        resource,
        params: proposal.params.clone(),
        binding: digests(&bindings)?,
        nonce,
    };
    let action: Memo<Action, Digest> = action.into();
    // This call fails if the action has no canonical form; otherwise it caches the digest.
    action.digest()?;
    let bound = Bound { action, proposal, observe, perform, private: openings };
    Ok(Fresh { bound, bindings: Arc::new(bindings) })
}

/// Parses a proposal.
///
/// # Errors
///
/// Fails when the bytes are not strict JSON or contain an unknown field.
pub fn parse(bytes: &[u8]) -> Result<Proposal, BindFault> {
    Ok(json::from_value(json::parse_exact(bytes)?)?)
}

/// The bindings, under the present configuration, of all upstreams that the action may reach. Each binding contains the
/// requests to its upstream, both of observations and of attempts.
pub fn bindings(
    tenant: &Tenant,
    granted: &Granted,
    (observe, perform): (&[Rendered], &[Rendered]),
) -> BTreeMap<String, Binding> {
    let rules = || observe.iter().chain(perform);
    let bound = |(name, upstream): (&String, &Arc<Upstream>)| {
        let rules: Vec<Rendered> = rules().filter(|r| r.upstream == *name).cloned().collect();
        (name.clone(), binding(upstream, tenant.tls_roots.get(name).copied(), rules))
    };
    tenant
        .upstreams
        .iter()
        .filter(|(name, _)| granted.upstreams.contains(*name))
        .map(bound)
        .collect()
}

/// The digest of each upstream's binding, which an approval covers.
///
/// # Errors
///
/// Fails when a binding has no canonical form.
pub fn digests(
    bindings: &BTreeMap<String, Binding>,
) -> Result<BTreeMap<String, Digest>, NotCanonical> {
    bindings.iter().map(|(name, binding)| Ok((name.clone(), binding.digest()?))).collect()
}

fn binding(upstream: &Upstream, tls_roots: Option<Digest>, rules: Vec<Rendered>) -> Binding {
    let reference = |credential: &Credential| CredentialRef {
        secret: credential.secret.name().to_owned(),
        slot: credential.slot.clone(),
    };
    Binding {
        base_url: upstream.base.to_string(),
        addresses: upstream.addresses.iter().map(|class| class.as_str().to_owned()).collect(),
        tls_roots,
        read: upstream.read.as_ref().map(reference),
        write: upstream.write.as_ref().map(reference),
        headers: upstream.headers.clone(),
        accepted: upstream.accepted.clone(),
        idempotency: upstream.idempotency.clone(),
        rules,
    }
}

/// Why a proposal did not become an action. The host issues no receipt for such a proposal, because there is no action
/// that a receipt could describe.
#[derive(Debug, thiserror::Error)]
pub enum BindFault {
    #[error("the body is not strict JSON: {0}")]
    Json(#[from] ParseError),
    #[error("{0}")]
    Shape(#[from] ShapeError),
    #[error("no contract `{0}` is granted to your tenant")]
    Unknown(String),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the parameters have no canonical JSON form: {0}")]
    Canonical(#[from] NotCanonical),
}
