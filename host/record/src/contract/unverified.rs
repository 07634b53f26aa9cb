//! Computed values that no condition of `after` compares.
//!
//! The search only advises authors, and no judgement depends on it. It matches a computed part with members of the
//! state by their names, so it can miss a member that has another name than the part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use deed_spec::json::child;

use super::Contract;
use super::expression::Expression;
use super::schema::Schema;
use super::template::OpenPart;
use super::template::text::Format;

/// A value of the state that may change, and that no condition of `after` compares although the adapter computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The name of the computed part.
    pub part: String,
    /// The JSON pointer to the value, relative to the whole state.
    pub pointer: String,
    /// Whether the value has the name of the part. Otherwise, no value has this name, and any value that may change can
    /// be the computed one.
    pub is_named: bool,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, pointer, .. } = self;
        write!(f, "no condition of `after` compares `{pointer}`, ")?;
        if self.is_named {
            write!(f, "which the adapter computes as `{part}`")?;
        } else {
            write!(f, "which may change, and the adapter computes `{part}`")?;
        }
        f.write_str(
            ": whatever the upstream stores there counts as verified; add a condition about this value to `after`",
        )
    }
}

impl Contract {
    /// The computed values that may change in the state and that no condition of `after` compares.
    pub fn unverified(&self) -> Vec<Unverified> {
        if self.templates() == Format::One {
            return vec![];
        }
        let compared: BTreeSet<String> =
            self.verify.after.iter().flat_map(Expression::compared).collect();
        let mut found = BTreeMap::new();
        for rule in &self.perform.http {
            for part in rule.open_parts().unwrap_or_default() {
                for one in of_part(self, &part, &compared) {
                    found.entry(one.pointer.clone()).or_insert(one);
                }
            }
        }
        found.into_values().collect()
    }
}

fn of_part(contract: &Contract, part: &OpenPart, compared: &BTreeSet<String>) -> Vec<Unverified> {
    let known = named(contract, &names(part));
    let is_named = !known.is_empty();
    let places = if is_named { known } else { members(contract) };
    let is_open = |pointer: &String| !compared.iter().any(|one| overlap(one, fixed(pointer)));
    let one = |pointer| Unverified { part: part.name.clone(), pointer, is_named };
    places.into_iter().filter(is_open).map(one).collect()
}

/// The names that the state may have for a computed part: its name, the name of its member in the body, and the members
/// of a body that is computed as a whole.
fn names(part: &OpenPart) -> BTreeSet<String> {
    let is_index = |token: &&str| token.bytes().all(|byte| byte.is_ascii_digit());
    let member = part.pointer.rsplit('/').find(|token| !is_index(token));
    let mut names = BTreeSet::from([part.name.clone()]);
    names.extend(member.map(unescaped));
    if part.pointer.is_empty() {
        names.extend(part.schema.properties.keys().cloned());
    }
    names
}

/// The pointers to values with one of these names that may change.
fn named(contract: &Contract, names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for pointer in &contract.verify.may_change {
        let last = pointer.rsplit('/').next().map(unescaped);
        if last.is_some_and(|last| names.contains(&last)) && is_member(pointer) {
            found.insert(pointer.clone());
        } else if let Some(properties) = properties(contract, pointer) {
            below(properties, pointer, names, &mut found);
        }
    }
    found
}

fn below(
    properties: &BTreeMap<String, Schema>,
    base: &str,
    names: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
) {
    for (name, schema) in properties {
        let at = child(base, name);
        if names.contains(name) {
            found.insert(at);
        } else {
            below(&schema.properties, &at, names, found);
        }
    }
}

/// The declared members of the object at a pointer of `may_change`; `None` if the pointer leads through a list.
fn properties<'c>(contract: &'c Contract, pointer: &str) -> Option<&'c BTreeMap<String, Schema>> {
    let mut tokens = pointer.split('/').skip(1).map(unescaped);
    let state = contract.state.get(&tokens.next()?)?;
    tokens
        .try_fold(&state.properties, |properties, token| Some(&properties.get(&token)?.properties))
}

/// The members of states that may change. A whole state that may change is created or removed by the action.
fn members(contract: &Contract) -> BTreeSet<String> {
    let all = contract.verify.may_change.iter();
    all.filter(|pointer| is_member(pointer)).cloned().collect()
}

/// Whether a pointer leads to a member of a state, and not to the whole state.
fn is_member(pointer: &str) -> bool {
    pointer.matches('/').count() > 1
}

/// The part of a pointer before the first parameter that stands for the key of an element.
fn fixed(pointer: &str) -> &str {
    pointer.split_once("/{").map_or(pointer, |(fixed, _)| fixed)
}

/// Whether one of two pointers leads to the value of the other or to a part of this value.
fn overlap(one: &str, other: &str) -> bool {
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_in(one, other) || is_in(other, one)
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contract that changes an order, with this body, these conditions and these pointers.
    fn contract(body: &str, after: &str, may_change: &str) -> Contract {
        let text = format!(
            r#"
format = 2
[action]
name = "shop.set_net"
version = "1.0.0"
title = "Set the net amount"
verb = "update"
mode = "write"
effect = "observable"
resource = "shop/orders/{{order}}"
adapter = "shop"
[params]
required = ["order", "rate"]
properties.order = {{ type = "string", pattern = "^[a-z0-9]+$" }}
properties.rate = {{ type = "integer" }}
[state.order]
from = "GET /orders/{{order}}"
required = ["gross", "net", "tags", "sum"]
properties.gross = {{ type = "integer" }}
properties.net = {{ type = "integer" }}
properties.note = {{ type = "string" }}
properties.tags = {{ type = "array", items = {{ type = "string" }} }}
properties.sum = {{ required = ["tax"], properties = {{ tax = {{ type = "integer" }} }} }}
[[observe.http]]
upstream = "shop"
request = "GET /orders/{{order}}"
[[perform.http]]
upstream = "shop"
request = "PATCH /orders/{{order}}"
body = {body}
[verify]
after = [{after}]
may_change = [{may_change}]
"#
        );
        Contract::from_toml("c.toml", &text).unwrap()
    }

    fn pointers(contract: &Contract) -> Vec<(String, bool)> {
        contract.unverified().into_iter().map(|one| (one.pointer, one.is_named)).collect()
    }

    const NET: &str = r#"{ net = { any = { type = "integer" }, name = "net" } }"#;
    const GROSS: &str = r#""post.order.gross == pre.order.gross""#;

    #[test]
    fn a_computed_value_that_no_condition_compares_is_found() {
        let found = contract(NET, GROSS, r#""/order/net""#).unverified();
        let said = found.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            said,
            [
                "no condition of `after` compares `/order/net`, which the adapter computes as `net`: whatever the \
                 upstream stores there counts as verified; add a condition about this value to `after`"
            ]
        );
        let after = r#""post.order.net == pre.order.gross - params.rate""#;
        assert!(pointers(&contract(NET, after, r#""/order/net""#)).is_empty());
    }

    #[test]
    fn the_computed_value_may_be_below_the_pointer_or_have_another_name() {
        let one = |pointer: &str, is_named| vec![(pointer.to_owned(), is_named)];
        let listed = r#"{ ops = [{ value = { any = { type = "integer" }, name = "sum" } }] }"#;
        let tax = r#"{ a = { tax = { any = { type = "integer" }, name = "x" } } }"#;
        let whole = r#"{ any = { properties = { net = { type = "integer" } } }, name = "doc" }"#;
        let other = r#"{ value = { any = { type = "integer" }, name = "stamp" } }"#;
        for (body, may_change, wanted) in [
            (NET, r#""/order""#, one("/order/net", true)),
            (listed, r#""/order/sum""#, one("/order/sum", true)),
            (tax, r#""/order/sum""#, one("/order/sum/tax", true)),
            (whole, r#""/order/net", "/order/tags""#, one("/order/net", true)),
            (other, r#""/order/note""#, one("/order/note", false)),
        ] {
            assert_eq!(pointers(&contract(body, GROSS, may_change)), wanted, "{body}");
        }
        let has = r#""has(post.order.note)""#;
        let found = contract(other, has, r#""/order/note""#);
        assert_eq!(pointers(&found), one("/order/note", false), "`has()` compares no value");
    }

    #[test]
    fn a_contract_without_computed_values_has_no_such_value() {
        let closed = contract(r#"{ net = "{rate}" }"#, GROSS, r#""/order/net""#);
        assert!(closed.unverified().is_empty());
    }
}
