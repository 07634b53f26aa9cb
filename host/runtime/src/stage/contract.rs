//! Stage 1: turns an untrusted proposal into an action that is bound to its contract and has rendered requests, or
//! reports an error.
//!
//! This stage does no I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::commitment::Salt;
use deed_record::action::id::ActionId;
use deed_record::action::private::{self, Sealed};
use deed_record::action::salts::Salts;
use deed_record::action::{
    Action, BindError, Binding, Bound, ContractRef, Proposal, Rendering, Requester,
};
use deed_record::exchange::Rendered;
use deed_record::memo::Memo;
use deed_sandbox::credentials::{Behalf, RequestToken};
use deed_sandbox::upstream::proxy::Proxy;
use deed_sandbox::upstream::{AddressClass, Credential, Upstream};
use deed_spec::digest::Digest;
use deed_spec::json::{self, NotCanonical, ParseError, ShapeError};

use crate::config::{Granted, Tenant};

/// The agent that proposes an action, its responsible person, its tenant, the environment, who says for whom the agent
/// acts, and the access token of the request.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub tenant: &'a Tenant,
    pub environment: &'a str,
    pub agent: &'a str,
    pub person: &'a str,
    pub party: Party<'a>,
    pub access: Access<'a>,
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

/// The access token of a request.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    Token(&'a Arc<RequestToken>),
    /// There is none that could be exchanged.
    Missing(NoAccess),
    /// A test case of a policy stands for a request with any token.
    Tested,
}

/// Why there is no access token that could be exchanged. The texts go to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAccess {
    #[error("this request has a token of the host's own")]
    Own,
    #[error("the access token of this request does not say for whom it was issued (`sub`)")]
    NoSubject,
    #[error("the access token of this request is shorter than 16 bytes, too short to be redacted")]
    Short,
    #[error("an operator proposes it again, without a request of the agent")]
    Operator,
    #[error("a person proposes a changed version, without a request of the agent")]
    Editor,
}

/// An action that is bound to its contract, with the upstream bindings to which the digests in the action refer.
#[derive(Debug)]
pub struct Fresh {
    pub bound: Bound,
    pub bindings: Arc<BTreeMap<String, Binding>>,
    /// The access token that is exchanged for tokens of upstreams, if the action needs it.
    pub access: Option<Arc<RequestToken>>,
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
    mut salt: impl FnMut() -> Option<Salt>,
) -> Result<Fresh, BindFault> {
    let proposal = acting_for(caller, proposal)?;
    let unknown = || BindFault::Unknown(proposal.contract.clone());
    let granted = caller.tenant.grants.get(&proposal.contract).ok_or_else(unknown)?;
    // From here on, commitments replace the private values.
    let Sealed { proposal, rendering, openings } =
        private::seal(&granted.contract, proposal, &id, &mut salt)?;
    let salts = Salts::draw(&granted.contract, salt)?;
    let Rendering { resource, observe, perform } = rendering;
    let access = exchanged(caller, granted)?;
    let behalf = Behalf { person: caller.person, requester: access.map(|token| token.of()) };
    let bindings = bindings((caller.tenant, behalf), granted, (&observe, &perform));
    let action = Action {
        dry_run: proposal.dry_run,
        edit: None,
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
    let bound = Bound { action, proposal, observe, perform, private: openings, salts };
    Ok(Fresh { bound, bindings: Arc::new(bindings), access: access.cloned() })
}

/// The grant of this contract, if this caller can propose actions under it.
///
/// # Errors
///
/// Fails when the contract is not granted, or needs an access token that the caller does not have.
pub fn granted<'a>(caller: Caller<'a>, contract: &str) -> Result<&'a Granted, BindFault> {
    let granted = caller.tenant.grants.get(contract);
    let granted = granted.ok_or_else(|| BindFault::Unknown(contract.to_owned()))?;
    exchanged(caller, granted)?;
    Ok(granted)
}

/// The subject of the access token that a proposal under this contract would exchange; `None` if it needs none or has
/// none.
pub fn requester<'a>(caller: Caller<'a>, contract: &str) -> Option<&'a Requester> {
    let granted = caller.tenant.grants.get(contract)?;
    let token = exchanged(caller, granted).ok()??;
    Some(token.of())
}

/// The subject of the access token that an action exchanges, as the bindings of the action record it.
pub fn recorded_requester(bindings: &BTreeMap<String, Binding>) -> Option<Requester> {
    bindings.values().find_map(Binding::requester)
}

/// The access token of the request, if an upstream of the grant is reached with a token for it.
fn exchanged<'a>(
    caller: Caller<'a>,
    granted: &Granted,
) -> Result<Option<&'a Arc<RequestToken>>, BindFault> {
    let Some((upstream, _)) = caller.tenant.exchanged(granted) else { return Ok(None) };
    match caller.access {
        Access::Token(token) => Ok(Some(token)),
        Access::Tested => Ok(None),
        Access::Missing(why) => {
            let agent = caller.tenant.agents.get(caller.agent);
            let rule = agent.and_then(|agent| agent.oauth.as_ref());
            let remedy = match rule {
                Some(rule) => format!(
                    "propose it with an access token of issuer `{}` that names its subject",
                    rule.issuer
                ),
                None => "the operator must add `oauth` with an issuer to the agent".to_owned(),
            };
            Err(BindFault::NoAccess { upstream: upstream.to_owned(), why, remedy })
        }
    }
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
    (tenant, behalf): (&Tenant, Behalf<'_>),
    granted: &Granted,
    (observe, perform): (&[Rendered], &[Rendered]),
) -> BTreeMap<String, Binding> {
    let rules = || observe.iter().chain(perform);
    let bound = |(name, upstream): (&String, &Arc<Upstream>)| {
        let rules: Vec<Rendered> = rules().filter(|r| r.upstream == *name).cloned().collect();
        let roots = tenant.tls_roots.get(name).copied();
        let own = perform.iter().filter(|rule| rule.upstream == *name);
        let secrets = own.flat_map(|rule| rule.secrets.keys());
        let folder = |secret: &String| {
            Some((secret.clone(), granted.vaults.get(secret)?.folder().to_owned()))
        };
        let binding = binding((upstream, roots), behalf, rules);
        (name.clone(), Binding { vault: secrets.filter_map(folder).collect(), ..binding })
    };
    tenant
        .upstreams
        .iter()
        .filter(|(name, _)| granted.upstreams.contains(*name))
        .map(bound)
        .collect()
}

/// These bindings as the release recorded them that recorded `recorded`, so that an action that waited while the host
/// was replaced by a newer release can continue.
pub fn in_form_of(
    recorded: &BTreeMap<String, Binding>,
    bindings: BTreeMap<String, Binding>,
) -> BTreeMap<String, Binding> {
    let adapted = |(name, binding): (String, Binding)| match recorded.get(&name) {
        Some(was) => (name, binding.in_form_of(was)),
        None => (name, binding),
    };
    bindings.into_iter().map(adapted).collect()
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

fn binding(
    (upstream, tls_roots): (&Upstream, Option<Digest>),
    behalf: Behalf<'_>,
    rules: Vec<Rendered>,
) -> Binding {
    let reference = |credential: &Credential| credential.reference(behalf);
    Binding {
        base_url: upstream.base.to_string(),
        addresses: AddressClass::names(&upstream.addresses),
        tls_roots,
        client_certificate: upstream.client_certificate.as_ref().map(|one| one.path().to_owned()),
        client_key: upstream.client_certificate.as_ref().map(|one| one.key_path().to_owned()),
        proxy: upstream.proxy.as_ref().map(Proxy::reference),
        read: upstream.read.as_ref().map(reference),
        write: upstream.write.as_ref().map(reference),
        headers: upstream.headers.clone(),
        accepted: upstream.accepted.clone(),
        idempotency: upstream.idempotency.clone(),
        vault: BTreeMap::new(),
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
    #[error(
        "upstream `{upstream}` needs a token that the host gets in exchange for the access token of the request, and \
         {why}; {remedy}"
    )]
    NoAccess { upstream: String, why: NoAccess, remedy: String },
    #[error("the parameters have no canonical JSON form: {0}")]
    Canonical(#[from] NotCanonical),
}
