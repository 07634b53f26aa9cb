//! SDK for adapters: passes an action from the host to an [`Adapter`], and the adapter's requests and state to the
//! host. An adapter has no credential, host name or clock: the resulting component imports `deed:adapter` and nothing
//! else.
//!
//! ```no_run
//! use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, path, state};
//!
//! struct Directory;
//!
//! impl Adapter for Directory {
//!     fn observe(action: &Action) -> Result<(), Failure> {
//!         let user = path::segment(action.text("user_id")?);
//!         let response = http::get("idp", &format!("/Users/{user}"))?.accepted()?;
//!         state::read("user", response.exchange, "").map(drop)
//!     }
//!
//!     fn perform(action: &Action) -> Result<(), Failure> {
//!         let user = path::segment(action.text("user_id")?);
//!         http::send("idp", "DELETE", &format!("/Users/{user}"), None)?.accepted().map(drop)
//!     }
//! }
//!
//! export_adapter!(Directory);
//! # fn main() {}
//! ```

use std::marker::PhantomData;

use serde_json::Value;

pub mod answers;
pub mod bindings;
pub mod http;
pub mod log;
pub mod merge_patch;
pub mod paging;
mod panic;
pub mod path;
pub mod quote;
pub mod requests;
pub mod state;

pub use bindings::deed::adapter::types::{Failure, Request};

/// The trait that an integration author implements for one type. The type serves one or more contracts.
pub trait Adapter {
    /// Reads the declared state. The host calls this function before and after `perform`, each time in a new instance.
    /// The instance cannot tell whether `perform` has run. The host refuses writes during this call.
    ///
    /// # Errors
    ///
    /// Fails when the state cannot be read.
    fn observe(action: &Action) -> Result<(), Failure>;

    /// Carries out the action, once per attempt. The result is a claim that the host records. The host judges the
    /// action by the state that it reads, not by this result.
    ///
    /// If the contract is open, the host first rehearses the action: it calls this function without sending the writes,
    /// and an attempt later sends exactly the writes of the rehearsal. See [`answers`] for what the writes may use.
    ///
    /// # Errors
    ///
    /// Fails when the action was not carried out, or when it is not known whether the action was carried out.
    fn perform(action: &Action) -> Result<(), Failure>;
}

/// One action. `params` is a JSON object of the shape that the contract declares. `attempt` counts from 1 in `perform`
/// and is 0 in `observe`. In `perform` of an open contract it is always 1, because each attempt repeats the rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    pub contract: String,
    pub params: Value,
    pub attempt: u32,
    /// The requests that the host rendered for this run, in the order of the contract's rules; [`http::send_request`]
    /// sends one of them unchanged. In an open contract, the adapter computes parts of writes; [`requests`] has
    /// functions that fill them in.
    pub requests: Vec<Request>,
}

impl Action {
    /// Returns the string parameter `name`.
    ///
    /// # Errors
    ///
    /// Fails with [`Failure::Invalid`] when the action has no such parameter.
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        let value = self.params.get(name).and_then(Value::as_str);
        value.ok_or_else(|| {
            Failure::Invalid(format!("parameter `{name}` is missing or not a string"))
        })
    }

    /// The [`Failure::Invalid`] to return for a contract that the adapter does not serve.
    pub fn not_served(&self) -> Failure {
        Failure::Invalid(format!("contract `{}` is not served by this adapter", self.contract))
    }
}

/// Exports a type that implements [`Adapter`] from the component. Call this macro once per crate.
#[macro_export]
macro_rules! export_adapter {
    ($adapter:ty) => {
        type DeedExportedAdapter = $crate::Exported<$adapter>;
        $crate::bindings::export!(DeedExportedAdapter with_types_in $crate::bindings);
    };
}

/// Connects [`Adapter`] to the generated bindings. The macro [`export_adapter!`] uses this type.
#[derive(Debug)]
pub struct Exported<A>(PhantomData<A>);

impl<A: Adapter> bindings::Guest for Exported<A> {
    fn observe(action: bindings::Action) -> Result<(), Failure> {
        panic::told();
        A::observe(&parse(action)?)
    }

    fn perform(action: bindings::Action) -> Result<(), Failure> {
        panic::told();
        A::perform(&parse(action)?)
    }
}

fn parse(action: bindings::Action) -> Result<Action, Failure> {
    let params = serde_json::from_str(&action.params)
        .map_err(|error| Failure::Invalid(format!("parameters are not JSON: {error}")))?;
    let bindings::Action { contract, attempt, requests, .. } = action;
    Ok(Action { contract, params, attempt, requests })
}

#[cfg(test)]
mod tests;
