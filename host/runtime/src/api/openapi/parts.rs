//! Components that several operations refer to: the token, parameters, the header `Location`, problems, schemas.

use serde_json::{Map, Value, json};

use super::operation::Parameter;
use super::schemas::{SchemaOf, Schemas};
use crate::api::problem::Body;

/// The `components` of the document that operations have referred to so far.
#[derive(Debug)]
pub(super) struct Components {
    schemas: Schemas,
    parameters: Map<String, Value>,
    problems: Map<String, Value>,
}

impl Components {
    /// Creates the components with the types of all request bodies.
    pub(super) fn new(bodies: impl Iterator<Item = SchemaOf>) -> Self {
        Self { schemas: Schemas::new(bodies), parameters: Map::new(), problems: Map::new() }
    }

    pub(super) fn schema(&mut self, schema: SchemaOf) -> Value {
        self.schemas.of(schema)
    }

    /// A reference to a shared parameter.
    pub(super) fn parameter(&mut self, name: &str, parameter: &Parameter) -> Value {
        if !self.parameters.contains_key(name) {
            let described = parameter.describe(self);
            self.parameters.insert(name.to_owned(), described);
        }
        json!({"$ref": format!("#/components/parameters/{name}")})
    }

    /// A reference to the problem with this status.
    pub(super) fn problem(&mut self, status: u16) -> Value {
        let name = status.to_string();
        if !self.problems.contains_key(&name) {
            let schema = self.schema(schemars::SchemaGenerator::subschema_for::<Body>);
            self.problems.insert(name, problem(status, &schema));
        }
        json!({"$ref": format!("#/components/responses/{status}")})
    }

    pub(super) fn finish(self) -> Value {
        json!({
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of an agent or a person (`deed token new`), or an agent's access token of a \
                                 configured issuer; RFC 6750 section 2.1.",
            }},
            "parameters": self.parameters,
            "headers": {"Location": {
                "description": "The action's path, `/v1/actions/{id}`.",
                "required": true,
                "schema": {"type": "string", "format": "uri-reference"},
            }},
            "responses": sorted(self.problems),
            "schemas": self.schemas.finish(),
        })
    }
}

fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect()
}

fn problem(status: u16, schema: &Value) -> Value {
    let mut problem = json!({
        "description": meaning(status),
        "content": {"application/problem+json": {"schema": schema}},
    });
    let header = match status {
        401 => {
            let what = "`Bearer`; with the URL of the metadata (RFC 9728) if the host accepts access tokens.";
            json!({"WWW-Authenticate": {"schema": {"type": "string"}, "description": what}})
        }
        429 | 503 => {
            json!({"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds (RFC 9110 section 10.2.3)."}})
        }
        _ => return problem,
    };
    if let Some(members) = problem.as_object_mut() {
        members.insert("headers".to_owned(), header);
    }
    problem
}

/// The meaning of a problem with this status, for any operation.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The body is not strict JSON, or a header or query parameter is invalid.",
        401 => "There is no valid token.",
        403 => {
            "The token is of the wrong kind: agents propose, people approve. Or an access token does not have the \
             required scope, or is that of no agent."
        }
        404 => "The resource does not exist, or the caller may not see it.",
        409 => "The request conflicts with the present state; `detail` gives the reason.",
        413 => "The body is larger than 256 KiB.",
        415 => "The content type of the body is not JSON.",
        422 => "The proposal does not match its schema or contract; `errors` names the places.",
        429 => {
            "Too many of the caller's requests were refused or are in progress, or too many actions of the caller or \
             its tenant are under way or wait for people; in that case `limit` names the limit."
        }
        503 => {
            "The host cannot process the request now. `/readyz` on the operations listener gives the reason, `limit` \
             names the limit that was reached, or too many requests of all callers are in progress. Retry later."
        }
        _ => "",
    }
}
