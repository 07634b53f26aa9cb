//! The policy question, which is built from the facts of an action or from a bundle's files, and is converted to plain
//! JSON or Cedar values.
//!
//! Unknown fields in a bundle's files are errors, because Cedar's own tool might read them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use deed_spec::digest::Digest;
use deed_spec::json::{NotCanonical, from_value, to_canonical};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::policy::{Facts, Snapshot, asked};

/// The principal, action and resource of a question, and everything else that a policy can read.
#[derive(Debug, PartialEq)]
pub(in crate::policy) struct Question {
    agent: String,
    pub(super) contract: String,
    resource: String,
    agent_attributes: Map<String, Value>,
    resource_attributes: Map<String, Value>,
    context: Map<String, Value>,
}

/// The elements of `entities.json` (Cedar's entity format).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityRecord {
    uid: UidRecord,
    attrs: Map<String, Value>,
    parents: Vec<UidRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UidRecord {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// The content of `request.json`; names are Cedar entity literals such as `Deed::Agent::"helpdesk"`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRecord {
    principal: String,
    action: String,
    resource: String,
    context: Map<String, Value>,
}

/// An entity as it is written to `entities.json`.
#[derive(Serialize)]
struct EntityFile<'a> {
    uid: UidFile<'a>,
    attrs: &'a Map<String, Value>,
    parents: [(); 0],
}

#[derive(Serialize)]
struct UidFile<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct RequestFile<'a> {
    principal: String,
    action: String,
    resource: String,
    context: &'a Map<String, Value>,
}

/// Attributes or context, in the type that Cedar's constructors expect.
type Values = HashMap<String, RestrictedExpression>;

/// Cedar has no null: a member that is null is absent for policy.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, member)| !member.is_null());
            kept.map(|(name, member)| (name.clone(), without_nulls(member)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

impl Question {
    /// Builds the question from facts. Every role in the schema gets a count of approvals, so that
    /// `context.approvals["ROLE"]` always exists.
    pub(in crate::policy) fn of(facts: &Facts, roles: &BTreeSet<String>) -> Self {
        let mut approvals: BTreeMap<&str, u32> =
            roles.iter().map(|role| (role.as_str(), 0)).collect();
        approvals.extend(facts.approvals.iter().map(|(role, count)| (role.as_str(), *count)));
        let mut context = fields([
            ("params", without_nulls(&facts.params)),
            ("environment", json!(facts.environment)),
            ("verb", json!(facts.verb)),
            ("mode", json!(facts.mode)),
            ("sources", json!(facts.sources)),
            ("time", json!(facts.time_s)),
            ("approvals", json!(approvals)),
        ]);
        context
            .extend(facts.on_behalf_of.iter().map(|person| ("on_behalf_of".into(), json!(person))));
        context.extend(facts.pre.iter().map(|pre| ("pre".into(), without_nulls(pre))));
        context.extend(facts.plan.iter().map(|plan| ("plan".into(), without_nulls(plan))));
        Self {
            agent: facts.agent.clone(),
            contract: facts.contract.clone(),
            resource: facts.resource.clone(),
            agent_attributes: fields([
                ("person", json!(facts.person)),
                ("roles", json!(facts.roles)),
                ("tenant", json!(facts.tenant)),
            ]),
            resource_attributes: facts.attributes.clone().into_iter().collect(),
            context,
        }
    }

    /// Reads the question from a bundle's `entities.json` and `request.json`.
    pub(super) fn read(entities: &Value, request: &Value) -> Result<Self, String> {
        let request: RequestRecord =
            from_value(request.clone()).map_err(|error| format!("request.json {error}"))?;
        let entities: Vec<EntityRecord> =
            from_value(entities.clone()).map_err(|error| format!("entities.json {error}"))?;
        let [agent, resource] = <[EntityRecord; 2]>::try_from(entities).map_err(|found| {
            format!(
                "entities.json has {} entities; it must have the agent and the resource",
                found.len()
            )
        })?;
        let question = Self {
            agent: agent.uid.id.clone(),
            contract: literal(&request.action, "Deed::Action")?,
            resource: resource.uid.id.clone(),
            agent_attributes: agent.attrs.clone(),
            resource_attributes: resource.attrs.clone(),
            context: request.context.clone(),
        };
        // The bundle's files may contain only the policy question, because another tool might use additional content.
        let given = Snapshot { entities: json!([agent, resource]), request: json!(request) };
        if question.snapshot() == given {
            Ok(question)
        } else {
            Err("entities.json and request.json do not match".into())
        }
    }

    /// The question as files for the standard `cedar authorize` tool.
    pub(in crate::policy) fn snapshot(&self) -> Snapshot {
        Snapshot { entities: json!(self.entities()), request: json!(self.request()) }
    }

    /// The digests of the question's files. The bytes of the files are computed but not kept.
    pub(in crate::policy) fn named(&self) -> Result<asked::Question, NotCanonical> {
        Ok(asked::Question {
            entities_sha256: Digest::of(&to_canonical(&self.entities())?),
            request_sha256: Digest::of(&to_canonical(&self.request())?),
            about_state: ["pre", "plan"].iter().any(|name| self.context.contains_key(*name)),
        })
    }

    fn entities(&self) -> [EntityFile<'_>; 2] {
        let entity = |kind, id, attrs| EntityFile { uid: UidFile { kind, id }, attrs, parents: [] };
        [
            entity("Deed::Agent", &self.agent, &self.agent_attributes),
            entity("Deed::Resource", &self.resource, &self.resource_attributes),
        ]
    }

    fn request(&self) -> RequestFile<'_> {
        let name = |kind: &str, id: &str| format!("{kind}::\"{}\"", EntityId::new(id).escaped());
        RequestFile {
            principal: name("Deed::Agent", &self.agent),
            action: name("Deed::Action", &self.contract),
            resource: name("Deed::Resource", &self.resource),
            context: &self.context,
        }
    }

    /// The principal, the action and the resource.
    pub(in crate::policy) fn names(&self) -> Result<(EntityUid, EntityUid, EntityUid), String> {
        Ok((
            uid(&AGENT, &self.agent)?,
            uid(&ACTION, &self.contract)?,
            uid(&RESOURCE, &self.resource)?,
        ))
    }

    /// The attributes of principal and resource, and the context.
    pub(in crate::policy) fn values(&self) -> Result<(Values, Values, Values), String> {
        Ok((
            values(&self.agent_attributes)?,
            values(&self.resource_attributes)?,
            values(&self.context)?,
        ))
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// An entity type of the schema, parsed once because every decision needs all three entity types.
type TypeName = LazyLock<Result<EntityTypeName, String>>;

static AGENT: TypeName = LazyLock::new(|| type_name("Deed::Agent"));
static ACTION: TypeName = LazyLock::new(|| type_name("Deed::Action"));
static RESOURCE: TypeName = LazyLock::new(|| type_name("Deed::Resource"));

fn type_name(text: &str) -> Result<EntityTypeName, String> {
    text.parse().map_err(|error| format!("`{text}` is not an entity type: {error}"))
}

fn uid(kind: &TypeName, id: &str) -> Result<EntityUid, String> {
    let kind = LazyLock::force(kind).clone()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// The id in an entity literal, which must be of this type.
fn literal(text: &str, kind: &str) -> Result<String, String> {
    let uid: EntityUid =
        text.parse().map_err(|error| format!("`{text}` is not an entity: {error}"))?;
    if uid.type_name().to_string() == kind {
        return Ok(uid.id().unescaped().to_owned());
    }
    Err(format!("`{text}` is not of type `{kind}`"))
}

fn values(map: &Map<String, Value>) -> Result<Values, String> {
    map.iter().map(|(name, value)| Ok((name.clone(), expression(value)?))).collect()
}

/// Converts JSON to a Cedar value. A string, integer or boolean keeps its type, an array becomes a set, and an object
/// becomes a record. Cedar has neither null nor floats.
fn expression(value: &Value) -> Result<RestrictedExpression, String> {
    match value {
        Value::String(text) => Ok(RestrictedExpression::new_string(text.clone())),
        Value::Bool(truth) => Ok(RestrictedExpression::new_bool(*truth)),
        Value::Number(number) => number
            .as_i64()
            .map(RestrictedExpression::new_long)
            .ok_or_else(|| format!("`{number}` is not a 64-bit integer")),
        Value::Array(items) => {
            let items: Result<Vec<_>, String> = items.iter().map(expression).collect();
            Ok(RestrictedExpression::new_set(items?))
        }
        Value::Object(map) if map.contains_key("__extn") => decimal(map),
        Value::Object(map) => {
            RestrictedExpression::new_record(values(map)?).map_err(|error| error.to_string())
        }
        Value::Null => Err("null is not a policy value".into()),
    }
}

/// Converts a decimal in Cedar's JSON format. The format is unambiguous, because no property of a contract can have the
/// name `__extn`.
fn decimal(map: &Map<String, Value>) -> Result<RestrictedExpression, String> {
    let inner = map.get("__extn").filter(|_| map.len() == 1).and_then(Value::as_object);
    let inner = inner.filter(|inner| inner.len() == 2);
    let is_decimal = |inner: &&Map<String, Value>| inner.get("fn") == Some(&json!("decimal"));
    let arg = inner.filter(is_decimal).and_then(|inner| inner.get("arg")).and_then(Value::as_str);
    arg.map(RestrictedExpression::new_decimal)
        .ok_or_else(|| "the only extension value is a decimal".to_owned())
}
