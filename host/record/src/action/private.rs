//! Replaces the values of an action's private parameters with commitments, and restores the values from the openings
//! (each a value and its salt).

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json as canonical;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::action::commitment::{Live, Opening, PREFIX, SEARCHED_MIN, Salt};
use crate::action::id::ActionId;
use crate::action::{self, BindError, Bound, Proposal, Rendering};
use crate::contract::Contract;
use crate::exchange::{NoAnswer, NoValue, Rendered};

/// One request, both as it is sent and as records contain it. The sent request and the recorded request are equal if
/// the action has no private parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    live: Live<Rendered>,
    pub public: Rendered,
}

impl Prepared {
    /// A request without private values.
    pub fn plain(public: Rendered) -> Self {
        Self { live: Live::new(public.clone()), public }
    }

    /// The request as it is sent.
    pub fn live(&self) -> &Rendered {
        self.live.reveal()
    }

    /// Fills the values of the state before the action into these requests.
    ///
    /// # Errors
    ///
    /// Fails when the state lacks a value that a request sends.
    pub fn with_state(all: Vec<Self>, state: &Value) -> Result<Vec<Self>, NoValue> {
        let filled = |one: Self| {
            if one.public.pre.is_empty() {
                return Ok(one);
            }
            let live = Live::new(one.live.reveal().with_state(state)?);
            Ok(Self { live, public: one.public.with_state(state)? })
        };
        all.into_iter().map(filled).collect()
    }

    /// Returns the request with its `{answer.NAME.MEMBER}` placeholders replaced by the percent-encoded text that
    /// `value` returns for each name.
    ///
    /// # Errors
    ///
    /// Fails when a value is empty or results in a dot segment.
    pub fn with_answers(self, value: impl Fn(&str) -> Option<String>) -> Result<Self, NoAnswer> {
        if !self.public.awaits_answer() {
            return Ok(self);
        }
        let live = Live::new(self.live.reveal().with_answers(&value)?);
        Ok(Self { live, public: self.public.with_answers(value)? })
    }

    /// Returns the request with the values of answers that `value` returns; see [`Rendered::with_answer_values`].
    ///
    /// # Errors
    ///
    /// Fails when a value in the path is empty or results in a dot segment.
    pub fn with_answer_values(
        &self,
        value: impl Fn(&str) -> Option<Value>,
    ) -> Result<Self, NoAnswer> {
        let live = Live::new(self.live.reveal().with_answer_values(&value)?);
        Ok(Self { live, public: self.public.with_answer_values(value)? })
    }

    /// Returns the request with these values in the parts that the adapter computes; see [`Rendered::with_any`].
    #[must_use]
    pub fn with_any(&self, parts: &BTreeMap<String, Value>) -> Self {
        let live = Live::new(self.live.reveal().with_any(parts));
        Self { live, public: self.public.with_any(parts) }
    }

    /// The values in the parts that the adapter computes, by JSON pointer. They are equal in both forms of the request.
    pub fn parts(&self) -> BTreeMap<String, Value> {
        self.public.parts()
    }

    /// The values of answers that the request contains, as `NAME.MEMBER`, each once.
    pub fn needs(&self) -> Vec<String> {
        self.public.needs()
    }

    fn pairs(live: Vec<Rendered>, public: &[Rendered]) -> Vec<Self> {
        let pair = |(live, public): (Rendered, &Rendered)| Self {
            live: Live::new(live),
            public: public.clone(),
        };
        live.into_iter().zip(public).map(pair).collect()
    }
}

/// The openings (value and salt) of one action's commitments by parameter name; empty if no parameter is private.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Openings(BTreeMap<String, Opening>);

/// A proposal as records contain it, together with the openings of its commitments.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub proposal: Proposal,
    pub rendering: Rendering,
    pub openings: Openings,
}

/// Checks a proposal with its values, then replaces each private value with its commitment.
///
/// # Errors
///
/// Fails when the proposal violates its contract, contains a commitment or repeats a private value elsewhere, or when a
/// salt is missing.
pub fn seal(
    contract: &Contract,
    mut proposal: Proposal,
    id: &ActionId,
    mut salt: impl FnMut() -> Option<Salt>,
) -> Result<Sealed, BindError> {
    contract.normal_params(&mut proposal.params);
    contract.normal_expect(&mut proposal.expect);
    if let Some(at) = find(&proposal.params, "/params", &|text| text.starts_with(PREFIX)) {
        return Err(BindError::Word(at));
    }
    if contract.private().next().is_none() {
        let rendering = action::render(contract, &proposal, id)?;
        return Ok(Sealed { proposal, rendering, openings: Openings::default() });
    }
    // The proposal is first checked with its private values, because the contract constrains these values. Below, it is
    // checked with the commitments that replace them in records.
    action::render_live(contract, &proposal, id)?;
    let mut openings = Openings::default();
    for name in contract.private() {
        let Some(Value::String(value)) = proposal.params.get(name) else { continue };
        let opening = Opening::new(&salt().ok_or(BindError::Salt)?, value);
        openings.0.insert(name.to_owned(), opening);
    }
    openings.hide(&mut proposal.params)?;
    openings.unrepeated(&proposal)?;
    let rendering = action::render(contract, &proposal, id)?;
    Ok(Sealed { proposal, rendering, openings })
}

/// The digest of a proposal in its normal form, with the values of private parameters. Proposals with the same digest
/// ask for the same action. The digest must not be recorded or shown, because a short private value could be guessed
/// from it.
///
/// # Errors
///
/// Fails when a value has no canonical form.
pub fn digest(
    contract: &Contract,
    mut proposal: Proposal,
) -> Result<Live<Digest>, canonical::NotCanonical> {
    contract.normal_params(&mut proposal.params);
    contract.normal_expect(&mut proposal.expect);
    Ok(Live::new(Digest::of(&canonical::to_canonical(&proposal)?)))
}

impl Bound {
    /// The proposal of this action, with the values of private parameters.
    ///
    /// # Errors
    ///
    /// Fails unless there is exactly one matching opening for each commitment.
    pub fn proposed(&self, contract: &Contract) -> Result<Live<Proposal>, OpenError> {
        let params = self.private.params(contract, &self.proposal.params)?.into_revealed();
        Ok(Live::new(Proposal { params, ..self.proposal.clone() }))
    }
}

impl Openings {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Opening)> {
        self.0.iter()
    }

    /// The texts that are searched for in the results of a run and must not occur there: the private values that are
    /// long enough to search for, and all commitments.
    pub fn hidden(&self) -> Live<Vec<String>> {
        let long = self.0.values().filter(|one| one.value.len() >= SEARCHED_MIN);
        let values = long.map(|one| one.value.clone());
        Live::new(values.chain(self.0.values().filter_map(Opening::word)).collect())
    }

    /// The name of the parameter whose searchable value the text contains, if any.
    pub fn tells(&self, text: &str) -> Option<&str> {
        let told = |one: &Opening| one.value.len() >= SEARCHED_MIN && text.contains(&one.value);
        self.0.iter().find(|(_, one)| told(one)).map(|(name, _)| name.as_str())
    }

    /// The parameters with their values.
    ///
    /// # Errors
    ///
    /// Fails unless there is exactly one matching opening for each commitment.
    pub fn params(&self, contract: &Contract, public: &Value) -> Result<Live<Value>, OpenError> {
        let mut params = public.clone();
        for name in contract.private() {
            if public.get(name).is_some() && !self.0.contains_key(name) {
                return Err(OpenError(name.to_owned()));
            }
        }
        for (name, opening) in &self.0 {
            let wrong = || OpenError(name.clone());
            let known = contract.private().any(|private| private == name);
            let place = params.get_mut(name).filter(|_| known).ok_or_else(wrong)?;
            if opening.word().is_none_or(|word| *place != word) {
                return Err(wrong());
            }
            *place = Value::from(opening.value.as_str());
        }
        Ok(Live::new(params))
    }

    /// The requests of `observe` and `perform`, each as it would be sent and as records contain it.
    ///
    /// # Errors
    ///
    /// Fails when the openings do not match or the proposal violates its contract.
    pub fn requests(
        &self,
        contract: &Contract,
        public: &Proposal,
        id: &ActionId,
    ) -> Result<Requests, OpeningError> {
        let params = self.params(contract, &public.params)?.into_revealed();
        let live = action::render_live(contract, &Proposal { params, ..public.clone() }, id)?;
        let public = action::render(contract, public, id)?;
        Ok(Requests {
            observe: Prepared::pairs(live.observe, &public.observe),
            perform: Prepared::pairs(live.perform, &public.perform),
        })
    }

    fn hide(&self, params: &mut Value) -> Result<(), BindError> {
        for (name, opening) in &self.0 {
            let word = opening.word().ok_or(BindError::Salt)?;
            if let Some(place) = params.get_mut(name) {
                *place = Value::String(word);
            }
        }
        Ok(())
    }

    /// Fails if the proposal repeats a private value outside its parameter, because the value would be shown and signed
    /// there.
    fn unrepeated(&self, public: &Proposal) -> Result<(), BindError> {
        match self.repeated(public) {
            Some(at) => Err(BindError::Repeated(at)),
            None => Ok(()),
        }
    }

    /// The JSON pointer to the first place, outside the private parameters, at which a proposal has a private value.
    pub fn repeated(&self, public: &Proposal) -> Option<String> {
        let mut params = public.params.clone();
        if let Some(members) = params.as_object_mut() {
            members.retain(|name, _| !self.0.contains_key(name));
        }
        let places = [
            ("/params", params),
            ("/intent", json!(public.intent)),
            ("/reasoning", json!(public.reasoning)),
            ("/on_behalf_of", json!(public.on_behalf_of)),
            ("/environment", json!(public.environment)),
            ("/sources", json!(public.sources)),
            ("/expect", json!(public.expect)),
        ];
        let told = |text: &str| self.tells(text).is_some();
        places.iter().find_map(|(at, value)| find(value, at, &told))
    }

    /// The name of a parameter whose private value a proposal under this contract would publish.
    pub fn published_by(&self, contract: &Contract) -> Option<&str> {
        let is_public = |name: &&String| contract.private().all(|private| private != name.as_str());
        self.0.keys().find(is_public).map(String::as_str)
    }
}

/// The requests of an action.
#[derive(Clone, Debug)]
pub struct Requests {
    pub observe: Vec<Prepared>,
    pub perform: Vec<Prepared>,
}

/// The commitments of an action's private parameters, which a replay of a record uses in place of the values.
pub fn words(contract: &Contract, public: &Value) -> Live<Vec<String>> {
    let words = contract.private().filter_map(|name| public.get(name)?.as_str());
    Live::new(words.map(str::to_owned).collect())
}

/// The JSON pointer to the first string or number that matches, or to the object whose member name matches. The pointer
/// never contains the matching name itself.
fn find(value: &Value, at: &str, fits: &dyn Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) => fits(text).then(|| at.to_owned()),
        Value::Number(number) => fits(&number.to_string()).then(|| at.to_owned()),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(n, item)| find(item, &canonical::child(at, &n.to_string()), fits))
        }
        Value::Object(members) => {
            let mut members = members.iter();
            members.find_map(|(key, member)| {
                if fits(key) {
                    return Some(at.to_owned());
                }
                find(member, &canonical::child(at, key), fits)
            })
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// A commitment lacks its value, or a value lacks its commitment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of the private parameter `{0}` does not match the commitment in the action")]
pub struct OpenError(String);

/// Why the requests of an action cannot be rebuilt from its records and openings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    NoValue(#[from] NoValue),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error(transparent)]
    Bind(#[from] BindError),
}

#[cfg(test)]
mod tests;
