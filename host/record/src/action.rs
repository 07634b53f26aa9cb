//! Binds a proposal to its contract: checks the parameters, names the resource and renders the requests.

pub mod commitment;
mod credential;
mod edit;
pub mod id;
pub mod private;
pub mod salts;

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::credential::{
    CredentialRef, EndpointRoute, Requester, Slot, SubjectSource, SubjectToken, TokenKind, TokenRef,
};
pub use self::edit::{Edit, Requesters};
use crate::action::id::ActionId;
use crate::action::private::Openings;
use crate::action::salts::Salts;
use crate::contract::schema::{Schema, Violation};
use crate::contract::template::text::{Format, Origins};
use crate::contract::template::{self, RenderError};
use crate::contract::{Contract, check_pointer};
use crate::exchange::Rendered;
use crate::exchange::codec::kind::Accepted;
use crate::memo::Memo;

/// An action that an agent proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Name of a granted contract, such as `idp.restore_access`.
    pub contract: String,
    /// The parameters, which must conform to the contract's parameter schema.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, json::StrictValue>"))]
    pub params: Value,
    /// What the agent wants to achieve. The intent is for people only; policies cannot read it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TEXT_MAX)))]
    pub intent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = TEXT_MAX)))]
    pub reasoning: Option<String>,
    /// The party for whom the agent acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = NAME_MAX)))]
    pub on_behalf_of: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = SOURCES_MAX)))]
    pub sources: Vec<Source>,
    /// The environment that the agent believes it acts in. The host denies the action if its own environment differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Maps JSON pointers into the state to the values that the agent expects there after the action.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, json::StrictValue>"))]
    pub expect: BTreeMap<String, Value>,
    /// Whether the host shall only rehearse the action: it decides, reads the state and makes the plan, and sends no
    /// write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A ticket or document that the agent relies on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = TEXT_MAX)))]
    pub uri: String,
    /// SHA-256 of the content that the agent read from this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub sha256: Option<String>,
}

/// The versions of the formats in a bundle. An action has the version of its contract. Versions 1 and 2 are frozen;
/// `tests/vectors` holds the reference files.
pub const VERSIONS: [u32; 2] = [1, 2];

/// `action.json`: the subject of every statement about this action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The format version, which is the `format` of the contract.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = VERSIONS)))]
    pub v: u32,
    pub id: ActionId,
    pub tenant: String,
    pub environment: String,
    /// The name of the agent.
    pub principal: String,
    /// The person who is responsible for the agent.
    pub person: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Whether the action is a dry run, which sends no write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Absent unless an approver proposed this action in place of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    pub contract: ContractRef,
    /// Digest of the adapter's bytes.
    pub adapter: Digest,
    pub resource: String,
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub params: Value,
    /// Digest of each upstream's binding.
    pub binding: BTreeMap<String, Digest>,
    /// 32 random hex digits, so that two equal proposals result in two distinct actions.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{32}$")))]
    pub nonce: String,
}

/// The contract that an action was bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContractRef {
    pub name: String,
    pub version: String,
    pub digest: Digest,
}

/// The part of an upstream's configuration that an approval covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub base_url: String,
    /// Address classes that the host may connect to.
    #[cfg_attr(feature = "schema", schemars(extend("items" = {"enum": ["public", "private", "loopback"]})))]
    pub addresses: Vec<String>,
    /// Digest of the PEM file with the upstream's own TLS roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_roots: Option<Digest>,
    /// The file of the certificate with which the host identifies itself to the upstream in TLS, below the served
    /// directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// The file of the private key of this certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// The proxy through which the host reaches the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyRef>,
    /// The credentials for `observe` and for `perform`: the name, the slot and the source of each, but not the secret
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<CredentialRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<CredentialRef>,
    /// Headers that the operator adds to every request, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The content types and the compression that the operator accepts from this upstream, in addition to what each
    /// codec accepts.
    #[serde(default, skip_serializing_if = "Accepted::is_plain")]
    pub accepted: Accepted,
    /// How the upstream distinguishes a repeated write from a new write; absent if the upstream cannot do so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// The folders below the served directory in which the host stores the secrets that this upstream creates, by the
    /// name of the secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vault: BTreeMap<String, String>,
    /// The rendered requests of `observe` and `perform` that go to this upstream.
    pub rules: Vec<Rendered>,
}

/// A proxy through which the host reaches an upstream. The proxy resolves the upstream's host name, so the host does
/// not know the upstream's address, and `addresses` of the binding is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProxyRef {
    pub url: String,
    /// Address classes of the proxy that the host may connect to.
    #[cfg_attr(feature = "schema", schemars(extend("items" = {"enum": ["public", "private", "loopback"]})))]
    pub addresses: Vec<String>,
    /// The user and the name of the secret with which the host identifies itself to the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Where the operator stores this secret, in the form of `source` of a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_source: Option<String>,
}

/// An upstream's support for idempotency keys: it carries out only the first of several writes with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// The header that holds the key, in lower case.
    pub header: String,
    /// How long the upstream remembers a key, from the first write that carried it.
    pub window_ms: u64,
}

/// An action together with its proposal and the requests that may be sent for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    pub action: Memo<Action, Digest>,
    pub proposal: Proposal,
    pub observe: Vec<Rendered>,
    pub perform: Vec<Rendered>,
    /// The values and salts of the commitments in `params`. Only the journal stores the private values.
    #[serde(default, skip_serializing_if = "Openings::is_empty")]
    pub private: Openings,
    /// The salts of the commitments to secrets that upstreams create. Only the journal stores them.
    #[serde(default, skip_serializing_if = "Salts::is_empty")]
    pub salts: Salts,
}

/// The resource and the requests of an action, computed from contract and parameters alone. The host, the approver's
/// client and an offline verifier compute the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    pub resource: String,
    pub observe: Vec<Rendered>,
    pub perform: Vec<Rendered>,
}

/// The maximum size of an intent, a reasoning or a source URI in bytes. The limit keeps the agent's texts readable for
/// people.
const TEXT_MAX: usize = 4096;
const SOURCES_MAX: usize = 32;
const NAME_MAX: usize = 256;
/// The maximum size of all rendered writes of an action. All exchanges of an attempt, including the responses, must fit
/// into one journal record of at most 16 MiB.
const REQUESTS_MAX: usize = 4 << 20;

/// Checks a proposal against its contract and renders every request in the recorded form: private parameters are
/// replaced by commitments.
///
/// # Errors
///
/// Fails when the proposal violates the contract or a limit.
pub fn render(
    contract: &Contract,
    proposal: &Proposal,
    id: &ActionId,
) -> Result<Rendering, BindError> {
    render_as(&contract.recorded_params_schema(), contract, proposal, id)
}

/// Like [`render`], but with the values of private parameters. The rendered requests are sent to upstreams and never
/// recorded. The command line also shows them to the person who typed the values.
///
/// # Errors
///
/// Fails when the proposal violates the contract or a limit.
pub fn render_live(
    contract: &Contract,
    proposal: &Proposal,
    id: &ActionId,
) -> Result<Rendering, BindError> {
    render_as(&contract.params_schema(), contract, proposal, id)
}

fn render_as(
    params: &Schema,
    contract: &Contract,
    proposal: &Proposal,
    id: &ActionId,
) -> Result<Rendering, BindError> {
    texts(proposal)?;
    nesting(proposal)?;
    let violations = params.violations(&proposal.params);
    if !violations.is_empty() {
        return Err(BindError::Params(violations));
    }
    expected(contract, proposal)?;
    let action = (contract.templates() == Format::Two).then_some(id);
    let numbers = contract.numbers();
    let origins = Origins { params: &proposal.params, action, numbers: &numbers };
    let observe: Result<Vec<_>, _> =
        contract.observe.http.iter().map(|r| r.render(&origins)).collect();
    let perform: Result<Vec<_>, _> =
        contract.perform.http.iter().map(|r| r.render(&origins)).collect();
    let (observe, perform) = (observe?, perform?);
    if !fit_in_a_record(&perform) {
        return Err(BindError::Text("/params", "render requests of more than 4 MiB in total"));
    }
    Ok(Rendering {
        resource: template::render_resource(&contract.action.resource, &origins)?,
        observe,
        perform,
    })
}

fn expected(contract: &Contract, proposal: &Proposal) -> Result<(), BindError> {
    if proposal.expect.is_empty() {
        return Ok(());
    }
    let states = contract.state_schemas();
    let outside = proposal.expect.keys().find(|pointer| !check_pointer(&states, pointer));
    outside.map_or(Ok(()), |pointer| Err(BindError::Expect(pointer.clone())))
}

/// Whether the rendered writes are at most 4 MiB in total, so that the record of an attempt can hold them.
pub fn fit_in_a_record(perform: &[Rendered]) -> bool {
    perform.iter().map(weight).sum::<usize>() <= REQUESTS_MAX
}

/// An upper bound on the bytes of a rendered request, summed over all the times it may be sent.
fn weight(request: &Rendered) -> usize {
    let body = request.body.as_ref().map_or(0, |body| body.to_string().len());
    let calls = usize::try_from(request.calls).unwrap_or(usize::MAX);
    body.saturating_add(request.path.len()).saturating_mul(calls)
}

/// Checks that no value is nested too deeply, because a record that contains such a value could not be parsed again.
fn nesting(proposal: &Proposal) -> Result<(), BindError> {
    if json::depth(&proposal.params) > json::NESTED_MAX {
        return Err(BindError::Text("/params", "is nested deeper than 48 levels"));
    }
    if proposal.expect.values().any(|value| json::depth(value) > json::NESTED_MAX) {
        return Err(BindError::Text(
            "/expect",
            "contains a value that is nested deeper than 48 levels",
        ));
    }
    Ok(())
}

fn texts(proposal: &Proposal) -> Result<(), BindError> {
    let too_long = |text: &str| text.len() > TEXT_MAX;
    if proposal.intent.trim().is_empty() {
        return Err(BindError::Text("/intent", "is empty; describe what the action is for"));
    }
    if too_long(&proposal.intent) {
        return Err(BindError::Text("/intent", "is longer than 4096 bytes"));
    }
    if proposal.reasoning.as_deref().is_some_and(too_long) {
        return Err(BindError::Text("/reasoning", "is longer than 4096 bytes"));
    }
    let named = |who: &String| (1..=NAME_MAX).contains(&who.len());
    if !proposal.on_behalf_of.as_ref().is_none_or(named) {
        return Err(BindError::Text("/on_behalf_of", "is empty or longer than 256 bytes"));
    }
    let source_fits = |s: &Source| !s.uri.is_empty() && !too_long(&s.uri);
    let digest_fits = |s: &Source| s.sha256.as_ref().is_none_or(|d| Digest::from_hex(d).is_ok());
    if !proposal.sources.iter().all(digest_fits) {
        return Err(BindError::Text(
            "/sources",
            "has a `sha256` that is not 64 lower-case hex digits",
        ));
    }
    if proposal.sources.len() > SOURCES_MAX || !proposal.sources.iter().all(source_fits) {
        return Err(BindError::Text(
            "/sources",
            "has more than 32 sources, or a source whose uri is empty or longer than 4096 bytes",
        ));
    }
    Ok(())
}

/// Why a proposal cannot be bound to its contract. The caller gets status 422 and a JSON pointer to the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("the parameters do not match the contract")]
    Params(Vec<Violation>),
    #[error("`{0}` in `expect` is not part of the state that the contract declares")]
    Expect(String),
    #[error("`{0}` {1}")]
    Text(&'static str, &'static str),
    #[error("`{0}` looks like a commitment to a private value; send the value itself")]
    Word(String),
    #[error(
        "`{0}` is shown and signed, so it must not contain the value of a private parameter; remove the value"
    )]
    Repeated(String),
    #[error("the salt for a private parameter is missing or not valid")]
    Salt,
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Action {
    /// The bytes of `action.json` (RFC 8785).
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn canonical(&self) -> Result<Vec<u8>, json::NotCanonical> {
        json::to_canonical(self)
    }

    /// SHA-256 of [`Action::canonical`].
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, json::NotCanonical> {
        Ok(Digest::of(&self.canonical()?))
    }
}

impl Memo<Action, Digest> {
    /// Like [`Action::digest`], but computes the digest only once.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, json::NotCanonical> {
        self.known(Action::digest)
    }
}

impl Binding {
    /// The subject of the access token that is exchanged for a token of this upstream, if there is such a token.
    pub fn requester(&self) -> Option<Requester> {
        let credentials = self.read.iter().chain(&self.write);
        credentials.filter_map(|one| one.token.as_ref()).find_map(TokenRef::requester)
    }

    /// SHA-256 of the binding's canonical JSON.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, json::NotCanonical> {
        Ok(Digest::of(&json::to_canonical(self)?))
    }

    /// This binding as the release recorded it that recorded `recorded`.
    #[must_use]
    pub fn in_form_of(self, recorded: &Self) -> Self {
        let read = self.read.map(|one| one.in_form_of(recorded.read.as_ref()));
        let write = self.write.map(|one| one.in_form_of(recorded.write.as_ref()));
        Self { read, write, ..self }
    }
}
