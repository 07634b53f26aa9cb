//! The checks that a parsed contract must pass before use. The checks run in a single pass, and the first fault is
//! reported.

mod answers;
mod approval;
mod creates;
mod literal;
mod open;
mod outputs;
mod pages;
mod placeholders;
mod secrets;
mod selection;
mod states;

use std::collections::BTreeMap;

use super::fault::Fault;
use super::{Contract, ambiguous, limits, may_change, private};
use crate::action::id;
use crate::contract::schema::Schema;
use crate::contract::template::text::Format;
use crate::contract::template::{OpenFault, RenderError, Rule};
use crate::exchange::Guard;

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    head(contract)?;
    schemas(contract)?;
    private::check(contract)?;
    newer(contract)?;
    answers::check(contract)?;
    rules(contract)?;
    secrets::check(contract)?;
    open::check(contract)?;
    states::check(contract)?;
    ambiguous::check(contract)?;
    phases(contract)?;
    creates::check(contract)?;
    expressions(contract)?;
    pointers(contract)?;
    approval::check(contract)?;
    outputs::check(contract)?;
    contract.canonical().map_err(|e| Fault::at("", e))?;
    Ok(())
}

fn head(contract: &Contract) -> Result<(), Fault> {
    let head = &contract.action;
    if !matches!(contract.format, 1 | 2) {
        return Err(Fault::at("format", "`format` must be 1 or 2 in this release"));
    }
    if !id::is_contract_name(&head.name) {
        return Err(Fault::at(
            &head.name,
            "`name` must be lower-case names joined by dots, such as `idp.read_user`",
        ));
    }
    if !id::is_name(&head.adapter) {
        return Err(Fault::at(
            &head.adapter,
            "`adapter` must be a lower-case name, such as `scim`",
        ));
    }
    if head.version.split('.').count() != 3
        || head.version.split('.').any(|n| n.parse::<u32>().is_err())
    {
        return Err(Fault::at(&head.version, "`version` must be three numbers, such as `1.0.0`"));
    }
    limits::check(&contract.limits)?;
    placeholders::resource(contract)
}

/// Rejects keys of format 2 in a contract of format 1, because older releases would refuse the contract without an
/// explanation.
fn newer(contract: &Contract) -> Result<(), Fault> {
    if contract.templates() == Format::Two {
        return Ok(());
    }
    let needs = |key: &str| {
        format!("`{key}` needs `format = 2`; `deed contract upgrade FILE` rewrites the contract")
    };
    let rules = contract.observe.http.iter().chain(&contract.perform.http);
    for rule in rules {
        if let Some(key) = rule.newer() {
            return Err(Fault::at(&rule.request, needs(key)));
        }
    }
    for (name, shape) in contract.state.iter() {
        if shape.from.is_some() || shape.at.is_some() || shape.only.is_some() {
            return Err(Fault::at(&format!("[state.{name}]"), needs("from")));
        }
    }
    if !contract.outputs.is_empty() {
        return Err(Fault::at("[outputs]", needs("outputs")));
    }
    if contract.verify.pending.is_some() {
        return Err(Fault::at("pending", needs("pending")));
    }
    if contract.approval.is_some() {
        return Err(Fault::at("depends_on", needs("depends_on")));
    }
    let states = contract.state_schemas();
    let params = contract.params_schema();
    if states.values().chain([&params]).any(Schema::has_nullable) {
        return Err(Fault::at("nullable", needs("nullable")));
    }
    if states.values().chain([&params]).any(Schema::has_decimal) {
        return Err(Fault::at("decimal", needs("decimal")));
    }
    if states.values().any(Schema::has_set) {
        return Err(Fault::at("unordered", needs("unordered` or `key")));
    }
    Ok(())
}

fn schemas(contract: &Contract) -> Result<(), Fault> {
    contract.params_schema().well_formed().map_err(|e| Fault::at("[params]", e))?;
    // Policies cannot see a member that is null, so a policy that tests whether the member is present would not notice
    // an explicit null.
    if contract.params_schema().has_nullable() {
        return Err(Fault::at(
            "nullable",
            "`nullable` is for states; a parameter is left out instead of null",
        ));
    }
    let states = contract.state_schemas();
    let inner = contract.params.properties.values().flat_map(Schema::inner);
    if states.values().any(Schema::has_sent_as) || inner.into_iter().any(Schema::has_sent_as) {
        let what =
            "`as` is only for a decimal directly below `params`; all other decimals are text";
        return Err(Fault::at("as", what));
    }
    if contract.params_schema().has_set() {
        let what = "`unordered` and `key` are for states; a list in a parameter keeps its order";
        return Err(Fault::at("[params]", what));
    }
    for (name, shape) in contract.state.iter() {
        let table = format!("[state.{name}]");
        if !id::is_name(name) {
            return Err(Fault::at(
                &table,
                format!("`{name}` is not a name; use lower-case letters and digits"),
            ));
        }
        shape.schema().well_formed().map_err(|e| Fault::at(&table, e))?;
    }
    Ok(())
}

fn rules(contract: &Contract) -> Result<(), Fault> {
    let observing = contract.observe.http.iter().map(|rule| (rule, true));
    for (rule, observing) in observing.chain(contract.perform.http.iter().map(|rule| (rule, false)))
    {
        rule.check(observing, contract.templates()).map_err(|e| of_rule(rule, &e))?;
        if !id::is_name(&rule.upstream) {
            return Err(Fault::at(
                &rule.upstream,
                format!("`{}` is not the name of an upstream", rule.upstream),
            ));
        }
        // No observation can read the entity tag of a path with a value of an answer, so such a path is refused first.
        placeholders::rule(contract, rule, observing)?;
        guard(contract, rule)?;
    }
    Ok(())
}

/// A fault of one rule. The line of a computed part is that of the part.
fn of_rule(rule: &Rule, error: &RenderError) -> Fault {
    match error {
        RenderError::Open(part) => {
            let name = match &part.fault {
                OpenFault::Name(name) => Some(name),
                _ => part.name.as_ref(),
            };
            Fault::in_part(&rule.request, name.map(String::as_str), &part.pointer, error)
        }
        _ => Fault::at(&rule.request, error),
    }
}

/// A guarded write requires an `observe` rule that reads exactly the written resource, because the write needs the
/// resource's entity tag.
fn guard(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    if rule.guard.is_none() {
        return Ok(());
    }
    // The first guarded write changes the entity tag, so the upstream would reject a second write with the same tag.
    let guarded = contract.perform.http.iter().filter(|other| other.guard.is_some());
    let same = guarded.filter(|other| other.has_target_of(rule)).count();
    if rule.calls.is_some_and(|calls| calls != 1) || same > 1 {
        return Err(Fault::at(
            &rule.request,
            "a guarded write can be sent only once: use one rule with one call",
        ));
    }
    if rule.guard == Some(Guard::Absent)
        || contract.observe.http.iter().any(|look| look.sees_tag_for(rule))
    {
        return Ok(());
    }
    let target = rule.request.split_once(' ').map_or("", |(_, target)| target);
    let what = format!("`guard` needs the entity tag: add [[observe.http]] with `GET {target}`");
    Err(Fault::at(&rule.request, what))
}

fn phases(contract: &Contract) -> Result<(), Fault> {
    if contract.observe.http.is_empty() {
        return Err(Fault::at(
            "",
            "there is no [[observe.http]]; the host must be able to read the state",
        ));
    }
    if contract.state.is_empty() {
        return Err(Fault::at("", "there is no [state.NAME]; the outcome could not be judged"));
    }
    if contract.is_read() {
        if !contract.perform.http.is_empty() || !contract.verify.is_empty() {
            return Err(Fault::at(
                "[[perform.http]]",
                "verb `read` has neither [[perform.http]] nor [verify]",
            ));
        }
        return Ok(());
    }
    if contract.perform.http.is_empty() {
        return Err(Fault::at(
            "verb",
            "there is no [[perform.http]]; only verb `read` can omit it",
        ));
    }
    if contract.verify.after.is_empty() {
        return Err(Fault::at(
            "[verify]",
            "`after` is empty; state what must hold after the action",
        ));
    }
    Ok(())
}

fn expressions(contract: &Contract) -> Result<(), Fault> {
    let (params, states) = (contract.params_schema(), contract.state_schemas());
    let before = contract.verify.before.iter().map(|expression| (expression, false));
    let after = contract.verify.after.iter().map(|expression| (expression, true));
    let pending = contract.verify.pending.iter().map(|expression| (expression, true));
    for (expression, post) in before.chain(after).chain(pending) {
        expression.check(&params, &states, post).map_err(|e| Fault::at(expression.source(), e))?;
    }
    Ok(())
}

/// Rejects tables in bodies that are literal and resemble a part that the adapter computes. Contracts that are read
/// back from records are exempt from this check.
pub(super) fn literals(contract: &Contract) -> Result<(), Fault> {
    literal::check(contract)
}

/// Rejects expressions that test for a value that is always present and, in format 2, comparisons of values that never
/// have the same type. Contracts that are read back from records are exempt from these checks.
pub(super) fn tests(contract: &Contract) -> Result<(), Fault> {
    let (params, states) = (contract.params_schema(), contract.state_schemas());
    let verify = &contract.verify;
    let all = verify.before.iter().chain(&verify.after).chain(&verify.pending);
    all.into_iter().try_for_each(|expression| {
        let mut checked = expression.check_tests(&params, &states);
        if checked.is_ok() && contract.templates() == Format::Two {
            checked = expression.check_types(&params, &states);
        }
        checked.map_err(|e| Fault::at(expression.source(), e))
    })
}

fn pointers(contract: &Contract) -> Result<(), Fault> {
    let states = contract.state_schemas();
    let volatile = contract.volatile();
    for pointer in &volatile {
        if !in_state(&states, pointer) {
            let short = pointer.splitn(3, '/').last().unwrap_or(pointer);
            let what = format!(
                "`{pointer}` is outside the declared state; use a pointer to a property under [state]"
            );
            return Err(Fault::at(short, what));
        }
    }
    may_change::check(contract)
}

/// Whether a JSON pointer (RFC 6901) points to a declared part of the state.
pub fn in_state(states: &BTreeMap<String, Schema>, pointer: &str) -> bool {
    schema_at(states, pointer).is_some()
}

/// The schema of the part of the state that a JSON pointer points to.
pub(super) fn schema_at<'s>(
    states: &'s BTreeMap<String, Schema>,
    pointer: &str,
) -> Option<&'s Schema> {
    let mut tokens = pointer.strip_prefix('/')?.split('/');
    let state = tokens.next().and_then(|name| states.get(name))?;
    let path: Vec<String> = tokens.map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    state.at(&path).map(|(schema, _)| schema)
}
