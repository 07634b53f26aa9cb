//! The parameters of the routes.

use deed_record::action::id::ActionId;
use schemars::{SchemaGenerator, json_schema};

use crate::api::openapi::{Parameter, Place, SchemaOf};
use crate::api::tools::formats::Format;
use crate::api::{KEY_MAX, StatusWord};
use crate::engine::TEXT_MAX;
use crate::http::filters::{LIMIT_DEFAULT, LIMIT_MAX};

pub(crate) const ACTION_ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    schema: SchemaGenerator::subschema_for::<ActionId>,
    description: "A text that is not an action id is answered with 404, like an unknown action.",
    shared: Some("ActionId"),
};

pub(super) const IDEMPOTENCY_KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    place: Place::Header,
    schema: |_| json_schema!({"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]+$"}),
    description: "A request that repeats a key and its body returns the same action. The same key with another body is \
                  answered with 409.",
    shared: Some("IdempotencyKey"),
};

pub(super) const PREFER: Parameter = Parameter {
    name: "Prefer",
    place: Place::Header,
    schema: |_| json_schema!({"type": "string", "examples": ["wait=30"]}),
    description: "`wait=N` waits up to N seconds, at most 50, for the action to end (RFC 7240). A proposal without \
                  this header waits up to 10 seconds. The wait also ends when the action waits for people.",
    shared: Some("Prefer"),
};

pub(super) const TRACEPARENT: Parameter = Parameter {
    name: "traceparent",
    place: Place::Header,
    schema: |_| {
        let pattern = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";
        json_schema!({"type": "string", "pattern": pattern})
    },
    description: "W3C Trace Context; its trace id is stored with the action.",
    shared: Some("Traceparent"),
};

pub(super) const STATUS: Parameter = query(
    "status",
    SchemaGenerator::subschema_for::<StatusWord>,
    "Only actions with this status; an unknown status is answered with 400.",
);

pub(super) const RESOURCE: Parameter = query(
    "resource",
    |_| json_schema!({"type": "string", "minLength": 1}),
    "Only actions on exactly this resource.",
);

pub(super) const TRACE: Parameter = query(
    "trace",
    |_| json_schema!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "Only actions proposed under this W3C trace id.",
);

pub(super) const AGENT: Parameter = query(
    "agent",
    |_| json_schema!({"type": "string", "minLength": 1}),
    "Only actions that this agent proposed. An agent sees only its own.",
);

pub(super) const OF_CONTRACT: Parameter = query(
    "contract",
    |_| json_schema!({"type": "string", "minLength": 1}),
    "Only actions under this contract.",
);

pub(super) const PERSON: Parameter = query(
    "person",
    |_| json_schema!({"type": "string", "minLength": 1}),
    "Only actions for whose agent this person was responsible.",
);

pub(super) const TEXT: Parameter = query(
    "q",
    |_| json_schema!({"type": "string", "minLength": 1, "maxLength": TEXT_MAX}),
    "Only actions that have each of these words in the id, the resource, a parameter that is not private, the intent, \
     the address of a source, or `on_behalf_of`, in lower or upper case. The words are no patterns. If the text is the \
     id of an action, the list begins with it.",
);

pub(super) const SINCE: Parameter = query(
    "since",
    |_| {
        json_schema!({
            "type": "string",
            "anyOf": [{"format": "date"}, {"format": "date-time", "pattern": "Z$"}],
        })
    },
    "Only actions whose latest event was at this time or later: a day in UTC, which stands for its beginning, or a \
     time in UTC with `Z` (RFC 3339).",
);

pub(super) const FROM: Parameter = query(
    "from",
    SchemaGenerator::subschema_for::<ActionId>,
    "Only this action and older ones: `next` of the part of the list before.",
);

pub(super) const LIMIT: Parameter = query(
    "limit",
    |_| json_schema!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}),
    "The maximum number of actions.",
);

pub(super) const FORMAT: Parameter = Parameter {
    name: "format",
    place: Place::RequiredQuery,
    schema: |_| json_schema!({"type": "string", "enum": Format::WORDS}),
    description: "The interface that the definitions are for. `openai` is for Chat Completions, and \
                  `openai-responses` for Responses.",
    shared: None,
};

pub(super) const CONTRACT: Parameter =
    path("name", "The contract's name, such as `idp.restore_access`.");

pub(super) const TENANT: Parameter = path("tenant", "The caller's own tenant.");

pub(super) const TILE: Parameter = path(
    "path",
    "`LEVEL/INDEX`, `LEVEL/INDEX.p/WIDTH` or the same below `entries` (C2SP tlog-tiles); \
     its slashes are not escaped.",
);

const fn query(name: &'static str, schema: SchemaOf, description: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, schema, description, shared: None }
}

const fn path(name: &'static str, description: &'static str) -> Parameter {
    let schema = SchemaGenerator::subschema_for::<String>;
    Parameter { name, place: Place::Path, schema, description, shared: None }
}
