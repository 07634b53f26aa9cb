//! Private parameters of a contract: which parameters are private, what replaces their values in records, and where
//! `private` is not allowed.

use super::fault::Fault;
use super::{Contract, object};
use crate::action::commitment::PATTERN;
use crate::contract::schema::{Kind, Pattern, Schema};
use crate::contract::template::text::Source;
use crate::contract::template::{self, Use};

impl Contract {
    /// The names of the private parameters, whose values no record may contain.
    pub fn private(&self) -> impl Iterator<Item = &str> {
        let private = self.params.properties.iter().filter(|(_, schema)| schema.private);
        private.map(|(name, _)| name.as_str())
    }

    /// The schema of the parameters as records contain them. The value of a private parameter must be a commitment.
    pub fn recorded_params_schema(&self) -> Schema {
        let mut properties = self.params.properties.clone();
        for schema in properties.values_mut().filter(|schema| schema.private) {
            let pattern = Pattern::new(PATTERN).ok();
            *schema = Schema { declared: Some(Kind::String), pattern, ..Schema::default() };
        }
        object(&self.params.required, &properties)
    }
}

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    for (name, schema) in &contract.params.properties {
        parameter(contract, name, schema)?;
        nowhere_in(schema, &format!("/params/properties/{name}"))?;
    }
    for (name, shape) in contract.state.iter() {
        for (property, schema) in &shape.properties {
            let at = format!("/state/{name}/properties/{property}");
            if schema.private {
                return Err(misplaced(&at));
            }
            nowhere_in(schema, &at)?;
        }
    }
    Ok(())
}

fn parameter(contract: &Contract, name: &str, schema: &Schema) -> Result<(), Fault> {
    if !schema.private {
        return Ok(());
    }
    let needle = format!("properties.{name}");
    if schema.kind() != Some(Kind::String) {
        let what = format!("`/params/properties/{name}/private`: only a string can be private");
        return Err(Fault::at(&needle, what));
    }
    if schema.choices.is_some() || schema.constant.is_some() {
        let what = format!(
            "`/params/properties/{name}/private`: a value from `enum` or `const` can be guessed; remove one or the \
             other"
        );
        return Err(Fault::at(&needle, what));
    }
    let resource = &contract.action.resource;
    let uses = template::resource_placeholders(resource, contract.templates());
    let uses = uses.map_err(|e| Fault::at(resource, e))?;
    let is_it =
        |one: &Use<'_>| matches!(one.source, Source::Param { name: taken, .. } if taken == name);
    if uses.iter().any(is_it) {
        let what = format!(
            "`/action/resource`: `{{{name}}}` is private, and every record names the resource; use another parameter"
        );
        return Err(Fault::at(resource, what));
    }
    Ok(())
}

/// Rejects `private` below the top level of parameters and state.
fn nowhere_in(schema: &Schema, at: &str) -> Result<(), Fault> {
    let inner =
        schema.properties.iter().map(|(name, inner)| (format!("{at}/properties/{name}"), inner));
    let items = schema.items.iter().map(|items| (format!("{at}/items"), items.as_ref()));
    for (at, inner) in inner.chain(items) {
        if inner.private {
            return Err(misplaced(&at));
        }
        nowhere_in(inner, &at)?;
    }
    Ok(())
}

fn misplaced(at: &str) -> Fault {
    let what = format!("`{at}/private`: only a parameter directly below [params] can be private");
    Fault::at("private = true", what)
}
