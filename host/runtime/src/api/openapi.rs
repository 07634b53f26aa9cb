//! The HTTP surface as an OpenAPI 3.1 document, for clients and for `docs/openapi.json`.
//!
//! Takes nothing, gives the document. It never serves anything; tests hold it to the routes, to the
//! types behind them and to real answers.

mod parts;
mod resolutions;
mod schemas;

use serde_json::{Map, Value, json};

use self::parts::{path_parameter, shown, text_answer};
use self::schemas::reference;

/// The document: every route of both listeners.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "deed",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The execution boundary between an AI agent and the software it acts on.",
            "description": INTRODUCTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{
            "url": "http://127.0.0.1:7117",
            "description": "Agents, approvers and auditors: `listen` under [http] of deed.toml.",
        }],
        "security": [{"token": []}],
        "tags": [
            {"name": "actions", "description": "Ask for actions and see what became of them."},
            {"name": "approvals", "description": "For people: what they are asked, and their signed answers."},
            {"name": "resolutions", "description": "For operators: what nobody could find out, and their signed word."},
            {"name": "contracts", "description": "What the caller may ask for."},
            {"name": "log", "description": "The tenant's log as C2SP tlog-tiles."},
            {"name": "operations", "description": "Health and counters, on a listener of their own."},
        ],
        "paths": paths(),
        "components": parts::components(),
    })
}

const INTRODUCTION: &str = "An agent asks for an action. The host decides, runs an adapter with what \
this one action was granted, looks at the system of record before and after, and signs a receipt.\n\n\
Bodies are strict JSON: a duplicate key or an unknown field is an error. Errors are problem details \
(RFC 9457). A person sees the actions of their tenant, an agent its own; \
what is not for the caller and what does not exist answer alike. A path that takes \
another method answers 405.\n\n\
A principal whose requests are refused again and again (4xx, or actions denied without asking anybody) gets \
429 with `Retry-After` until that is forgiven: two refusals in a second, 120 at most are owed. The same \
goes for more than 128 requests in progress, for more than it leaves to others, and for proposals beyond 128 actions under way. Before any route, HTTP/1.1 itself has limits: a body without \
`Content-Length` answers 411, a path beyond 2 KiB 414, a head beyond 16 KiB or 64 headers 431; a request \
that does not come within 15 seconds is not waited for.";

fn paths() -> Value {
    json!({
        "/v1/actions": {"post": propose(), "get": list()},
        "/v1/explain": {"post": explain()},
        "/v1/actions/{id}": {"get": show()},
        "/v1/actions/{id}/cancel": {"post": cancel()},
        "/v1/actions/{id}/bundle": {"get": bundle()},
        "/v1/actions/{id}/approval_request": {"get": approval_request()},
        "/v1/actions/{id}/approvals": {"post": answer()},
        "/v1/actions/{id}/resolution_request": {"get": resolutions::request()},
        "/v1/actions/{id}/resolution": {"post": resolutions::resolve()},
        "/v1/contracts": {"get": contracts()},
        "/v1/contracts/{name}": {"get": contract()},
        "/log/{tenant}/checkpoint": {"get": checkpoint()},
        "/log/{tenant}/tile/{path}": {"get": tile()},
        "/healthz": operations_only(health()),
        "/readyz": operations_only(ready()),
        "/metrics": operations_only(metrics()),
    })
}

/// Id, tag and summary of one operation.
type Head = [&'static str; 3];

/// An operation: its head, what is particular to it, and the problems that it can answer with.
fn operation([id, tag, summary]: Head, particulars: &Value, problems: &[u16]) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), json!(id));
    operation.insert("tags".to_owned(), json!([tag]));
    operation.insert("summary".to_owned(), json!(summary));
    operation.extend(particulars.as_object().cloned().unwrap_or_default());
    if let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        answers.extend(problems.iter().map(|status| {
            (status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}))
        }));
    }
    Value::Object(operation)
}

fn propose() -> Value {
    let head = ["proposeAction", "actions", "Ask for an action"];
    let particulars = json!({
        "description": "Only an agent proposes. The same key with the same body gives the same action.",
        "parameters": [parameter("IdempotencyKey"), parameter("Prefer"), parameter("Traceparent")],
        "requestBody": body("Proposal"),
        "responses": shown(),
    });
    operation(head, &particulars, &[400, 401, 403, 404, 409, 413, 415, 422, 429, 503])
}

fn list() -> Value {
    let head = ["listActions", "actions", "Find actions, the newest first"];
    let query = |name: &str, schema: &Value, what: &str| json!({"name": name, "in": "query", "schema": schema, "description": what});
    let particulars = json!({
        "parameters": [
            query("status", &reference("Status"), "Only actions with this status; any other word answers 400."),
            query("resource", &json!({"type": "string", "minLength": 1}), "Only actions on exactly this resource."),
            query("trace", &json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}), "Only actions proposed under this W3C trace id."),
            query("limit", &json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 50}), "At most this many."),
        ],
        "responses": {"200": json_answer("The actions that the caller may see.", "ActionList")},
    });
    operation(head, &particulars, &[400, 401, 429, 503])
}

fn explain() -> Value {
    let head = ["explainAction", "actions", "Ask what would happen; nothing does"];
    let particulars = json!({
        "description": "No state is read, so policies over `context.pre` are not decided here.",
        "requestBody": body("Proposal"),
        "responses": {"200": json_answer("What policy says, and what would be sent.", "Explained")},
    });
    operation(head, &particulars, &[400, 401, 403, 404, 413, 415, 422, 429, 503])
}

fn show() -> Value {
    let head = [
        "showAction",
        "actions",
        "One action: parameters, writes, status, decision, calls, changes, ledger",
    ];
    let particulars = json!({
        "description": "Until the action has ended, an agent sees status and obligations, not state. Its parameters \
                        and the writes that are rendered from them are not state. \
                        Without `Prefer` the answer comes at once.",
        "parameters": [parameter("ActionId"), parameter("Prefer")],
        "responses": shown(),
    });
    operation(head, &particulars, &[400, 401, 404, 429, 503])
}

fn cancel() -> Value {
    let head = ["cancelAction", "actions", "Cancel an action whose attempt has not started"];
    let particulars = json!({
        "parameters": [parameter("ActionId")],
        "responses": shown(),
    });
    operation(head, &particulars, &[401, 404, 409, 429, 503])
}

fn bundle() -> Value {
    let head = ["bundleAction", "actions", "The evidence of an ended action, for `deed verify`"];
    let name = json!({"schema": {"type": "string"}, "description": "`attachment` with the file's name (RFC 6266)."});
    let particulars = json!({
        "description": "An agent's copy is without the observed state and the exchanges.",
        "parameters": [parameter("ActionId")],
        "responses": {"200": {
            "description": "A `.deed` file: a stored zip whose bytes never vary.",
            "headers": {"Content-Disposition": name},
            "content": {"application/zip": {}},
        }},
    });
    operation(head, &particulars, &[401, 404, 409, 429, 503])
}

fn approval_request() -> Value {
    let head = ["showApprovalRequest", "approvals", "What people are asked to sign"];
    let particulars = json!({
        "description": "The approver's client recomputes every digest from what this shows.",
        "parameters": [parameter("ActionId")],
        "responses": {"200": json_answer("Everything that the answer covers.", "ApprovalRequest")},
    });
    operation(head, &particulars, &[401, 403, 404, 409, 429, 503])
}

fn answer() -> Value {
    let head = ["answerApproval", "approvals", "Approve or deny, signed"];
    let particulars = json!({
        "description": "The envelope's statement has predicate type `urn:deed:approval:v1`. A denial is final.",
        "parameters": [parameter("ActionId")],
        "requestBody": body("Envelope"),
        "responses": shown(),
    });
    operation(head, &particulars, &[400, 401, 403, 404, 409, 413, 415, 429, 503])
}

fn contracts() -> Value {
    let head = ["listContracts", "contracts", "What the caller may ask for"];
    let answer = json_answer("The tenant's granted contracts.", "ContractList");
    operation(head, &json!({"responses": {"200": answer}}), &[401, 429, 503])
}

fn contract() -> Value {
    let head = ["showContract", "contracts", "One contract, and what is granted for it"];
    let particulars = json!({
        "parameters": [path_parameter("name", "The contract's name, such as `idp.restore_access`.")],
        "responses": {"200": json_answer("The contract and its grant.", "GrantedContract")},
    });
    operation(head, &particulars, &[401, 404, 429, 503])
}

const TENANT: &str = "The caller's own tenant.";

fn checkpoint() -> Value {
    let head = ["showCheckpoint", "log", "The log's newest checkpoint"];
    let particulars = json!({
        "parameters": [path_parameter("tenant", TENANT)],
        "responses": {"200": text_answer("A signed note (C2SP tlog-checkpoint).")},
    });
    operation(head, &particulars, &[401, 404, 429, 503])
}

fn tile() -> Value {
    let head = ["showTile", "log", "A tile of hashes, or a bundle of entries"];
    let path = "`LEVEL/INDEX`, `LEVEL/INDEX.p/WIDTH` or the same below `entries` (C2SP tlog-tiles); \
                its slashes are not escaped.";
    let bytes =
        json!({"description": "The tile's bytes.", "content": {"application/octet-stream": {}}});
    let particulars = json!({
        "parameters": [path_parameter("tenant", TENANT), path_parameter("path", path)],
        "responses": {"200": bytes},
    });
    operation(head, &particulars, &[401, 404, 429, 503])
}

fn health() -> Value {
    let answers = json!({
        "200": text_answer("`ok`: the process answers, and its store takes what it must."),
        "503": text_answer("Journal or log take no more, and why. The host ends soon; a restart recovers."),
    });
    let head = ["health", "operations", "Whether the process lives"];
    operation(head, &json!({"responses": answers}), &[])
}

fn ready() -> Value {
    let answers = json!({
        "200": text_answer("`ready`: new work is taken."),
        "503": text_answer(
            "Why it is not, one reason on each line: the host is stopping, its store failed, the system's \
             clock jumped, or the disk has too little room.",
        ),
    });
    let head = ["ready", "operations", "Whether it takes new actions, and why not"];
    operation(head, &json!({"responses": answers}), &[])
}

fn metrics() -> Value {
    let answers = json!({"200": text_answer("Prometheus text exposition format 0.0.4.")});
    operation(["metrics", "operations", "Counters"], &json!({"responses": answers}), &[])
}

/// A path of the other listener, which asks for no token.
fn operations_only(mut get: Value) -> Value {
    if let Some(operation) = get.as_object_mut() {
        operation.insert("security".to_owned(), json!([]));
    }
    json!({
        "servers": [{
            "url": "http://127.0.0.1:7118",
            "description": "Operations: `operations` under [http] of deed.toml.",
        }],
        "get": get,
    })
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

fn body(schema: &str) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": reference(schema)}}})
}

fn json_answer(what: &str, schema: &str) -> Value {
    json!({"description": what, "content": {"application/json": {"schema": reference(schema)}}})
}

#[cfg(test)]
mod tests;
