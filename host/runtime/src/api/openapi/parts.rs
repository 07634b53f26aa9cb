//! What several operations share: the token, parameters, headers, problems, the answer about one action.
//!
//! Takes nothing, gives `components` and the pieces that refer to them. It never names a route.

use serde_json::{Map, Value, json};

use super::schemas::{self, reference};

/// The `components` of the document.
pub(super) fn components() -> Value {
    json!({
        "securitySchemes": {"token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of an agent or a person (`deed token new`); RFC 6750 section 2.1.",
        }},
        "parameters": parameters(),
        "headers": {"Location": {
            "description": "The action's path, `/v1/actions/{id}`.",
            "required": true,
            "schema": {"type": "string", "format": "uri-reference"},
        }},
        "responses": problems(),
        "schemas": schemas::all(),
    })
}

/// The two good answers about one action.
pub(super) fn shown() -> Value {
    let answer = |what: &str| {
        json!({
            "description": what,
            "headers": {"Location": {"$ref": "#/components/headers/Location"}},
            "content": {"application/json": {"schema": reference("View")}},
        })
    };
    json!({
        "200": answer("It has ended; `outcome` says how."),
        "202": answer("It waits for people, or still runs. Ask for it again."),
    })
}

/// An answer in text.
pub(super) fn text_answer(what: &str) -> Value {
    json!({"description": what, "content": {"text/plain": {"schema": {"type": "string"}}}})
}

pub(super) fn path_parameter(name: &str, what: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}, "description": what})
}

fn parameters() -> Value {
    json!({
        "ActionId": {
            "name": "id",
            "in": "path",
            "required": true,
            "schema": reference("ActionId"),
            "description": "Any other text answers 404, as an unknown action does.",
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
            "description": "One key of this agent with one body is one action; with another body it is a 409.",
        },
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "schema": {"type": "string", "examples": ["wait=30"]},
            "description": "`wait=N` waits up to N seconds, at most 50, for the end (RFC 7240). \
                            A proposal that says nothing waits up to 10. Nobody waits for people.",
        },
        "Traceparent": {
            "name": "traceparent",
            "in": "header",
            "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
            "description": "W3C Trace Context; its trace id is kept with the action.",
        },
    })
}

/// Every problem by its status, as the operations refer to it.
fn problems() -> Map<String, Value> {
    let known = [
        ("400", "The body is no strict JSON, or a header or query parameter has no meaning."),
        ("401", "There is no valid token."),
        ("403", "The token is of the wrong kind: agents propose, people approve."),
        ("404", "There is no such thing for the caller: unknown and foreign answer alike."),
        ("409", "It does not fit what is there now: the detail says why."),
        ("413", "The body is larger than 256 KiB."),
        ("415", "The body does not say that it is JSON."),
        ("422", "The proposal does not fit its shape or contract; `errors` names the places."),
        (
            "429",
            "Too many of the caller's requests were refused or are in progress, or too many actions of it or \
             its tenant are under way or wait for people: then `limit` says which bound is reached.",
        ),
        (
            "503",
            "The host cannot do this now: `/readyz` of its operations says why, or `limit` which bound is \
             reached, or it has too many requests of all callers in progress. What is new is to come back.",
        ),
    ];
    known.iter().map(|(status, what)| ((*status).to_owned(), problem(status, what))).collect()
}

fn problem(status: &str, what: &str) -> Value {
    let mut problem = json!({
        "description": what,
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    });
    let header = match status {
        "401" => {
            json!({"WWW-Authenticate": {"schema": {"const": "Bearer"}, "description": "RFC 9110 section 11.6.1."}})
        }
        "429" | "503" => {
            json!({"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds (RFC 9110 section 10.2.3)."}})
        }
        _ => return problem,
    };
    if let Some(members) = problem.as_object_mut() {
        members.insert("headers".to_owned(), header);
    }
    problem
}
