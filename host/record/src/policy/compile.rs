//! Compiles policy files into a validated policy set. The obligations become part of the policies' text, and a
//! vocabulary supplies the names that the policies may use.
//!
//! A policy that could be skipped silently is refused. Validation is therefore strict, every policy must have an id,
//! and only known annotations are allowed.

mod context;
mod inspect;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{
    Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationMode, Validator,
};
use deed_spec::digest::Digest;
use deed_spec::json::{NotCanonical, to_canonical};

use super::{Policies, Rule, Vocabulary, schema};

/// Compiles `(file name, text)` pairs into one set.
///
/// For every `@obligation("approve:N:ROLE")`, this function adds ` unless { context.approvals["ROLE"] >= N }` to the
/// text, so a tool that ignores the annotation denies the action until it is approved. `@obligation("confirm")` is
/// compiled in the same way, with `confirm` in the place of a role. The schema has a count for it only if a policy has
/// this obligation.
///
/// # Errors
///
/// Fails at the first policy that is not accepted.
pub fn compile(
    sources: &[(String, String)],
    vocabulary: &Vocabulary,
) -> Result<Policies, CompileError> {
    let mut text = String::new();
    let (mut ids, mut roles) = (BTreeMap::new(), vocabulary.roles.clone());
    for (file, source) in sources {
        let compiled = compile_file(file, source, vocabulary, (&mut ids, &mut roles))?;
        text += &compiled;
        if !compiled.ends_with('\n') {
            text.push('\n');
        }
    }
    let places = Places::of(sources);
    let vocabulary = Vocabulary { roles, ..vocabulary.clone() };
    load(&text, &schema::text(&vocabulary), vocabulary.roles)
        .map_err(|flaw| places.name(flaw, &text))
}

/// Why a set of policies is refused. Lines count from 1; `policy` is empty if the text cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: policy `{policy}`: {what}; {remedy}")]
pub struct CompileError {
    pub file: String,
    pub line: usize,
    pub policy: String,
    pub what: String,
    pub remedy: String,
}

/// What is wrong with a policy, and its byte offset in the text that is processed.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) policy: String,
    pub(super) what: String,
    pub(super) remedy: String,
}

/// Reads the policy set of a bundle. The schema text is parsed only once, for the schema and its roles, because parsing
/// is most of the cost of checking a decision.
pub(super) fn read(text: &str, schema_text: &str) -> Result<Policies, Flaw> {
    let (fragment, _warnings) =
        SchemaFragment::from_cedarschema_str(schema_text).map_err(|error| unusable(&error))?;
    let roles = schema::roles_of(fragment.clone()).map_err(|error| unusable(&error))?;
    let schema = Schema::from_schema_fragments([fragment]).map_err(|error| unusable(&error))?;
    assemble(text, schema_text, roles, schema)
}

/// Whether a policy reads this string parameter of this action. To find out, the parameter gets another type in the
/// schema: if a policy reads the parameter, the policy set then fails validation.
pub(super) fn reads(policies: &Policies, action: &str, param: &str) -> bool {
    let fragment = schema::retyped(&policies.schema_text, action, param);
    let schema = fragment.and_then(|one| Schema::from_schema_fragments([one]).ok());
    schema.is_none_or(|schema| validate(&schema, &policies.full).is_err())
}

/// Whether the result of this policy may change over time, because the policy reads the time, or a state or a plan that
/// the host does not have yet.
pub(super) fn turns(policies: &Policies, id: &str) -> bool {
    let fields = policies.full.policy(&PolicyId::new(id)).map(context::read_by);
    let later =
        |fields: &BTreeSet<String>| ["pre", "plan", "time"].iter().any(|one| fields.contains(*one));
    fields.is_none_or(|fields| fields.as_ref().map_or(true, later))
}

/// The id and the text of each policy.
pub(super) fn each(policies: &Policies) -> impl Iterator<Item = (&str, String)> {
    let text = move |id: &str| policies.full.policy(&PolicyId::new(id)).map(ToString::to_string);
    policies.rules.keys().filter_map(move |id| Some((id.as_str(), text(id.as_str())?)))
}

/// Parses a compiled text, validates it strictly and separates the policies with obligations.
pub(super) fn load(
    text: &str,
    schema_text: &str,
    roles: BTreeSet<String>,
) -> Result<Policies, Flaw> {
    assemble(text, schema_text, roles, read_schema(schema_text)?)
}

fn assemble(
    text: &str,
    schema_text: &str,
    roles: BTreeSet<String>,
    schema: Schema,
) -> Result<Policies, Flaw> {
    let (mut full, mut without_obligations, mut by_id) =
        (PolicySet::new(), PolicySet::new(), BTreeMap::new());
    for policy in &parse(text)? {
        let id = inspect::id(policy)?;
        let obligation = inspect::obligation(policy, &id)?;
        let named = policy.new_id(PolicyId::new(&id));
        if obligation.is_none() {
            add(&mut without_obligations, named.clone())?;
        }
        add(&mut full, named)?;
        let actions = inspect::actions(policy);
        by_id.insert(id, Rule { obligation, actions, turns: OnceLock::new() });
    }
    validate(&schema, &full)?;
    let digest = set_digest(text, schema_text)
        .map_err(|error| whole(error.to_string(), "report this as a bug"))?;
    Ok(Policies {
        text: text.into(),
        schema_text: schema_text.into(),
        digest,
        roles,
        schema,
        full,
        without_obligations,
        rules: by_id,
    })
}

/// The identity of a policy set: SHA-256 of the canonical JSON `{"policies": text, "schema": schema}`.
///
/// # Errors
///
/// Fails when the texts have no canonical form.
pub fn set_digest(text: &str, schema_text: &str) -> Result<Digest, NotCanonical> {
    let record = BTreeMap::from([("policies", text), ("schema", schema_text)]);
    Ok(Digest::of(&to_canonical(&record)?))
}

fn compile_file(
    file: &str,
    source: &str,
    vocabulary: &Vocabulary,
    (ids, roles): (&mut BTreeMap<String, String>, &mut BTreeSet<String>),
) -> Result<String, CompileError> {
    let named = |flaw: Flaw| named(file, line_of(source, flaw.at), flaw);
    let mut insertions = BTreeMap::new();
    for policy in &parse(source).map_err(named)? {
        let id = inspect::accept(policy, vocabulary).map_err(named)?;
        names::check(policy, &id, source, vocabulary).map_err(named)?;
        if let Some(first) = ids.insert(id.clone(), file.into()) {
            let flaw = inspect::flaw(
                policy,
                &id,
                format!("its id is already used by `{first}`"),
                "give every policy its own `@id`",
            );
            return Err(named(flaw));
        }
        if let Some(obligation) = inspect::obligation(policy, &id).map_err(named)? {
            let role = schema::quoted(&obligation.role);
            let clause = format!(" unless {{ context.approvals[{role}] >= {} }}", obligation.count);
            insertions.insert(inspect::semicolon(policy, source).map_err(named)?, clause);
            roles.insert(obligation.role);
        }
    }
    Ok(splice(source, &insertions))
}

/// Inserts texts at byte offsets. Insertions do not change line numbers, so errors name the lines of the operator's
/// file.
fn splice(source: &str, insertions: &BTreeMap<usize, String>) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for (at, text) in insertions {
        out += source.get(from..*at).unwrap_or_default();
        out += text;
        from = *at;
    }
    out + source.get(from..).unwrap_or_default()
}

fn parse(text: &str) -> Result<Vec<Policy>, Flaw> {
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let detail = DetailedError::from(&errors);
        let remedy =
            detail.help.clone().unwrap_or_else(|| "write policies in Cedar's syntax".into());
        Flaw { at: offset(&detail), policy: String::new(), what: detail.message, remedy }
    })?;
    if let Some(template) = set.templates().next() {
        let id = template.annotation("id").unwrap_or_default();
        let at = template.as_ref().loc().map_or(0, |loc| loc.span.offset());
        let remedy = "write a static policy, without `?principal` and `?resource`".into();
        return Err(Flaw { at, policy: id.into(), what: "it is a template".into(), remedy });
    }
    Ok(set.policies().cloned().collect())
}

fn read_schema(text: &str) -> Result<Schema, Flaw> {
    let (schema, _warnings) =
        Schema::from_cedarschema_str(text).map_err(|error| unusable(&error))?;
    Ok(schema)
}

fn unusable(error: &dyn std::fmt::Display) -> Flaw {
    whole(
        format!("the schema is not usable: {error}"),
        "correct the contracts that it is generated from",
    )
}

fn validate(schema: &Schema, set: &PolicySet) -> Result<(), Flaw> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    // Cedar lists its findings in no fixed order. To report the same one every time, the finding that comes first in
    // the text is selected.
    let found = result.validation_errors().map(|error| (DetailedError::from(error), error));
    let Some((detail, error)) =
        found.min_by_key(|(detail, _)| (offset(detail), detail.message.clone()))
    else {
        return Ok(());
    };
    let policy = error.policy_id().to_string();
    let what = detail.message.trim_start_matches(&format!("for policy `{policy}`, ")).to_owned();
    let remedy = "use what the contracts and the configuration declare";
    let remedy = detail.help.clone().unwrap_or_else(|| remedy.into());
    Err(Flaw { at: offset(&detail), policy, what, remedy })
}

fn add(set: &mut PolicySet, policy: Policy) -> Result<(), Flaw> {
    let id = policy.id().to_string();
    let at = inspect::start(&policy);
    set.add(policy).map_err(|error| Flaw {
        at,
        policy: id,
        what: error.to_string(),
        remedy: "give every policy its own `@id`".into(),
    })
}

fn whole(what: String, remedy: &str) -> Flaw {
    Flaw { at: 0, policy: String::new(), what, remedy: remedy.into() }
}

fn offset(detail: &DetailedError) -> usize {
    detail.source_locations.first().map_or(0, |label| label.loc.start)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn named(file: &str, line: usize, flaw: Flaw) -> CompileError {
    CompileError {
        file: file.into(),
        line,
        policy: flaw.policy,
        what: flaw.what,
        remedy: flaw.remedy,
    }
}

/// Maps lines of the joined text back to their files: `(file, first line)`.
struct Places(Vec<(String, usize)>);

impl Places {
    fn of(sources: &[(String, String)]) -> Self {
        let mut next = 1;
        let places = sources.iter().map(|(file, text)| {
            let first = next;
            next += text.matches('\n').count() + usize::from(!text.ends_with('\n'));
            (file.clone(), first)
        });
        Self(places.collect())
    }

    fn name(&self, flaw: Flaw, text: &str) -> CompileError {
        let line = line_of(text, flaw.at);
        let place = self.0.iter().rev().find(|(_, first)| *first <= line);
        let (file, first) = place.map_or(("", 1), |(file, first)| (file.as_str(), *first));
        named(file, line + 1 - first, flaw)
    }
}
